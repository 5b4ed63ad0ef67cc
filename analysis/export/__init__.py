"""The valid runs of a study in the formats of other tools: rliable, Stable-Baselines3, CleanRL, and plain tables.

A format is a function from results to files and notes. ``write`` puts the files into a folder beside a record of them,
``export-<format>.json``, which also names every run that was left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ablations import store
from analysis.export import cleanrl, monitor, score_matrices, tidy
from analysis.export.exported import Exported
from analysis.fingerprint import digests, replace_files
from analysis.loading import Results

FORMATS: dict[str, Callable[[Results], Exported]] = {
    "rliable": score_matrices.export,
    "sb3": monitor.export,
    "cleanrl": cleanrl.export,
    "csv": tidy.as_csv,
    "parquet": tidy.as_parquet,
}


def write(results: Results, kind: str, out: Path) -> Exported:
    """Write the files, each whole or not at all, and their record last; what an earlier export left and this one no
    longer makes goes, unless it was changed since.
    """
    exported = FORMATS[kind](results)
    record = out / f"export-{kind}.json"
    replace_files(out, _recorded(record), exported.files)
    text = json.dumps(_record(results, kind, exported), indent=1, ensure_ascii=True)
    store.write_atomic(record, (text + "\n").encode("ascii"))
    return exported


def _record(results: Results, kind: str, exported: Exported) -> dict[str, Any]:
    """The record of what was exported and what was not. Nothing in it depends on when or where."""
    return {
        "format": kind,
        "study": results.study["name"],
        "runs": [run.path for run in results.runs if run.is_valid],
        "left_out": {run.path: _why(run.state, run.reason) for run in results.runs if not run.is_valid},
        "not_listed": list(results.unlisted),
        "notes": exported.notes,
        "files": digests(exported.files),
    }


def _why(state: str, reason: str | None) -> str:
    return f"{state}: {reason}" if reason else state


def _recorded(record: Path) -> dict[str, str]:
    """The files of an earlier export and their digests; a record that is unreadable says nothing."""
    try:
        files = store.json_or_empty(record)["files"]
        return {str(name): str(digest) for name, digest in files.items() if _inside(str(name))}
    except (TypeError, KeyError, AttributeError):
        return {}


def _inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")
