"""Reading a results folder: its study, the state of every run that it lists, the episodes of the valid ones.

What isn't valid is never read and never silently dropped: it is kept as a state, counted in every table and marked
in every figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ablations import store
from analysis.loading.records import Results, Run

if TYPE_CHECKING:
    import pandas as pd


class BadFolder(Exception):
    """The folder is no results folder; the text says why in one sentence."""


def read_study(folder: Path) -> dict[str, Any]:
    """The study of a results folder. Raises BadFolder with a sentence for people."""
    if not folder.is_dir():
        kind = "a file, not a folder" if folder.exists() else "no such folder"
        raise BadFolder(f"{folder}: {kind}{_hint(folder)}")
    try:
        study = store.read_study(folder)
    except FileNotFoundError:
        raise BadFolder(
            f"{folder}: no {store.STUDY} in it, so it is no results folder{_hint(folder)}"
        ) from None
    except (store.Damaged, OSError) as problem:
        raise BadFolder(f"{folder}: {store.STUDY} can't be read: {problem}") from None
    missing = _malformed(study)
    if missing:
        raise BadFolder(f"{folder}: {store.STUDY} can't be read: {missing}")
    return study


def read(folder: str | Path) -> Results:
    """The study, the state of every run it lists, and the episodes of those that stand."""
    folder = Path(folder)
    study = read_study(folder)
    runs = tuple(read_run(folder, listed) for listed in study["runs"])
    return Results(folder, study, runs, unlisted(folder, study), _decisions(folder))


def load(folder: str | Path) -> pd.DataFrame:
    """The finished episodes of every run that study.json lists and that stands, one row each.

    The columns are those of episodes.parquet. What doesn't stand is in ``.attrs``: ``states`` maps every
    listed run's path to its state, ``steps`` and ``diverged_at`` to what its manifest says.
    """
    results = read(folder)
    tables = [run.episodes for run in results.runs if run.episodes is not None]
    frame: pd.DataFrame = pa.concat_tables([store.EPISODES.empty_table(), *tables]).to_pandas(
        use_threads=False
    )
    frame.attrs["states"] = {run.path: run.state for run in results.runs}
    frame.attrs["steps"] = {run.path: run.steps for run in results.runs if run.is_valid}
    frame.attrs["diverged_at"] = {run.path: run.diverged_at for run in results.runs if run.is_valid}
    return frame


def unlisted(folder: Path, study: Mapping[str, Any]) -> tuple[str, ...]:
    """Folders of stored runs that the study doesn't list, relative to its folder."""
    listed = {run["path"] for run in study["runs"]}
    return tuple(path for path in store.stored_runs(folder) if path not in listed)


def read_run(folder: Path, listed: Mapping[str, Any]) -> Run:
    """A listed run and what stands of it."""
    tables: dict[str, pa.Table] = {}
    found = store.inspect(folder / listed["path"], listed["key"], tables)
    return Run(
        label=listed["label"],
        env_id=listed["env_id"],
        seed=listed["seed"],
        path=listed["path"],
        state=found.state,
        reason=found.reason,
        manifest=found.manifest or {},
        **{name: tables[name] for name in store.TABLES if found.is_valid and name in tables},
    )


def _decisions(folder: Path) -> dict[str, Any] | None:
    try:
        return store.read_decisions(folder)
    except FileNotFoundError:
        return None
    except (store.Damaged, OSError) as problem:
        raise BadFolder(f"{folder}: {store.DECISIONS} can't be read: {problem}") from None


def _hint(folder: Path) -> str:
    under_results = Path("results") / folder.name
    if under_results != folder and (under_results / store.STUDY).is_file():
        return f"; did you mean {under_results.as_posix()}?"
    inside = sorted(path.parent.name for path in folder.glob(f"*/{store.STUDY}")) if folder.is_dir() else []
    return f"; it holds the results folders {', '.join(inside)}" if inside else ""


def _malformed(study: Mapping[str, Any]) -> str | None:
    """The first thing a study.json lacks of what analysis relies on."""
    kinds = {"name": str, "slots": dict, "neutral": dict}
    kinds |= dict.fromkeys(("environments", "rows", "runs", "seeds"), list)
    for key, kind in kinds.items():
        if not isinstance(study.get(key), kind):
            return f"it lacks {key!r}"
    needed = {
        "environments": {"env_id"},
        "rows": {"label", "variant", "slots", "settings"},
        "runs": {"label", "env_id", "seed", "key", "path"},
    }
    for key, fields in needed.items():
        for entry in study[key]:
            if not isinstance(entry, dict) or not fields <= entry.keys():
                return f"an entry of {key!r} lacks one of {', '.join(sorted(fields))}"
    for slots in (study["neutral"], *(row["slots"] for row in study["rows"])):
        if not isinstance(slots, dict) or not study["slots"].keys() <= slots.keys():
            return "a row lacks a piece for one of its slots"
    for run in study["runs"]:
        path = run["path"]
        if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
            return f"a run's path leads out of the folder: {path!r}"
    return None
