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
        return store.read_study(folder)
    except FileNotFoundError:
        raise BadFolder(
            f"{folder}: no {store.STUDY} in it, so it is no results folder{_hint(folder)}"
        ) from None
    except (store.Damaged, OSError) as problem:
        raise BadFolder(f"{folder}: {store.STUDY} can't be read: {problem}") from None


def read(folder: str | Path) -> Results:
    """The study, the state of every run it lists, and the episodes of those that stand."""
    folder = Path(folder)
    study = read_study(folder)
    runs = tuple(read_run(folder, listed) for listed in study["runs"])
    return Results(folder, study, runs, unlisted(folder, study), _decisions(folder))


def load(folder: str | Path) -> pd.DataFrame:
    """The finished episodes of every run that study.json lists and that stands, one row each.

    The columns are those of episodes.parquet; what is known of whole runs is in ``runs``.
    """
    results = read(folder)
    tables = [run.episodes for run in results.runs if run.episodes is not None]
    frame: pd.DataFrame = pa.concat_tables([store.EPISODES.empty_table(), *tables]).to_pandas(
        use_threads=False
    )
    return frame


def load_runs(folder: str | Path) -> pd.DataFrame:
    """Every run that study.json lists, one row each, be it that it doesn't stand.

    Columns: env_id, variant, seed, path below the folder, state (as in ``Run``), reason where it is damaged; of runs
    that stand the steps they made and the step at which they diverged, whole numbers or missing.
    """
    import pandas as pd

    study = read_study(Path(folder))
    runs = [read_run(Path(folder), listed) for listed in study["runs"]]
    columns: dict[str, tuple[list[Any], str]] = {
        "env_id": ([run.env_id for run in runs], "str"),
        "variant": ([run.label for run in runs], "str"),
        "seed": ([run.seed for run in runs], "int64"),
        "path": ([run.path for run in runs], "str"),
        "state": ([run.state for run in runs], "str"),
        "reason": ([run.reason for run in runs], "str"),
        "steps": ([run.steps if run.is_valid else None for run in runs], "Int64"),
        "diverged_at": ([run.diverged_at if run.is_valid else None for run in runs], "Int64"),
    }
    return pd.DataFrame({name: pd.Series(values, dtype=kind) for name, (values, kind) in columns.items()})


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
