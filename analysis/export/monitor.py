"""Stable-Baselines3's Monitor files: a folder per run, as under ``runs/``, with one ``0.monitor.csv`` in it.

``load_results(folder)`` joins all files of a folder as parallel copies of one environment, so each run has a folder of
its own. A file begins with ``#`` and a JSON header, then columns r (return), l (length) and t (seconds since t_start).
No wall time is stored per episode, so t is the environment step at the episode's end: as if a step took a second.
"""

from __future__ import annotations

import json

from analysis.export.exported import Exported, csv_bytes
from analysis.export.tidy import texts
from analysis.loading import Results, Run

NOTE = "t is no wall time, which is not stored per episode: it is the environment step at the episode's end"


def export(results: Results) -> Exported:
    """``<environment>/<row>/seed-.../0.monitor.csv`` for every valid run."""
    files = {f"{_folder(run)}/0.monitor.csv": _monitor(run) for run in results.runs if run.is_valid}
    empty = [name for name, data in files.items() if data.count(b"\n") == 2]
    notes = [NOTE]
    if empty:
        notes.append(f"no finished episode in {len(empty)}: {', '.join(empty)}")
    return Exported(files, notes)


def _folder(run: Run) -> str:
    return run.path.removeprefix("runs/")


def _monitor(run: Run) -> bytes:
    assert run.episodes is not None
    header = {"t_start": 0.0, "env_id": run.env_id, "variant": run.label, "seed": run.seed, "note": NOTE}
    columns = [texts(run.episodes.column(name)) for name in ("episodic_return", "episodic_length")]
    times = [f"{step}.0" for step in run.ends.tolist()]
    return f"#{json.dumps(header)}\n".encode("ascii") + csv_bytes(("r", "l", "t"), [*columns, times])
