"""Reading a results folder: which of the runs that study.json lists stand, and their episodes.

What doesn't stand is never read and never silently dropped: it is kept here as a state, counted in every
table and marked in every figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ablations import store

if TYPE_CHECKING:
    import pandas as pd

    from analysis.metrics import Floats, Ints, Track

SCHEMAS = {
    "episodes": store.EPISODES,
    "probes": store.PROBES,
    "evaluations": store.EVALUATIONS,
    "exact": store.EXACT,
}
"""The tables of a run that analysis reads."""


class BadFolder(Exception):
    """The folder is no results folder; the text says why in one sentence."""


@dataclass(frozen=True)
class Run:
    """One listed run and what stands of it."""

    label: str
    env_id: str
    seed: int
    path: str
    state: str
    """ok, diverged; failed, died, timeout; missing, damaged."""
    reason: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    episodes: pa.Table | None = None
    probes: pa.Table | None = None
    evaluations: pa.Table | None = None
    exact: pa.Table | None = None
    """None: not recorded."""

    @property
    def is_valid(self) -> bool:
        """Whether the run's result counts."""
        return self.episodes is not None

    @property
    def steps(self) -> int:
        """Environment steps the run made."""
        return int(self.manifest["steps"])

    @property
    def diverged_at(self) -> int | None:
        """The environment step at which loss, Q or parameters turned non-finite."""
        step = self.manifest.get("diverged_at")
        return None if step is None else int(step)

    @property
    def ends(self) -> Ints:
        """Environment step at each episode's end, (E,)."""
        return np.asarray(self._column("global_step"), dtype=np.int64)

    @property
    def returns(self) -> Floats:
        """Each episode's return, (E,)."""
        return np.asarray(self._column("episodic_return"), dtype=np.float64)

    def track(self, environment: Mapping[str, Any]) -> Track:
        """The run as arrays, with the facts of its environment that metrics need."""
        from analysis.metrics import Track  # scipy only where something is measured

        bounds, random = environment.get("value_bounds"), environment.get("random_policy")
        return Track(
            ends=self.ends,
            returns=self.returns,
            steps=self.steps,
            threshold=environment.get("reward_threshold"),
            random=random["mean_return"] if random else None,
            bounds=(float(bounds[0]), float(bounds[1])) if bounds else None,
            diverged_at=self.diverged_at,
            probes=_numbers(self.probes),
            evaluations=_numbers(self.evaluations),
            exact=_numbers(self.exact),
        )

    def _column(self, name: str) -> Any:
        assert self.episodes is not None, f"{self.path} does not stand"
        return self.episodes.column(name).to_numpy()


@dataclass(frozen=True)
class Row:
    """A variant at one point of the sweep, in one environment, with its runs in the order of the seeds."""

    env_id: str
    label: str
    variant: str
    title: str
    slots: Mapping[str, Mapping[str, Any]]
    swept: Mapping[str, Any]
    settings: Mapping[str, Any]
    runs: tuple[Run, ...]

    @property
    def standing(self) -> tuple[Run, ...]:
        """The runs that count."""
        return tuple(run for run in self.runs if run.is_valid)

    @property
    def name(self) -> str:
        """What figures call it: its title, and the swept values in words."""
        return ", ".join([self.title, *(swept_text(key, value) for key, value in self.swept.items())])

    @property
    def is_tried(self) -> bool:
        """Whether any of its runs was made, be it that none stands."""
        return any(run.state != "missing" for run in self.runs)

    @property
    def counts(self) -> Counter[str]:
        """How many runs are in each state."""
        return Counter(run.state for run in self.runs)

    @property
    def budget(self) -> int:
        """Environment steps each run was given."""
        return int(self.settings["total_timesteps"])


def reference(rows: Iterable[Row], row: Row, baseline: str) -> Row | None:
    """The baseline's row that a row is compared with.

    In a sweep it is the baseline at the same point: the one that agrees in every swept key both have. None where
    there is no such row, or more than one, or the row is itself the baseline.
    """
    if row.variant == baseline:
        return None
    found = [
        other
        for other in rows
        if other.variant == baseline
        and all(row.swept[key] == value for key, value in other.swept.items() if key in row.swept)
    ]
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Results:
    """A study and what stands of it."""

    folder: Path
    study: Mapping[str, Any]
    runs: tuple[Run, ...]
    unlisted: tuple[str, ...]
    """Folders of runs that study.json doesn't list: counted and named, never drawn."""

    @property
    def environments(self) -> list[Mapping[str, Any]]:
        """The study's environments, in its order."""
        return list(self.study["environments"])

    def rows(self, env_id: str) -> list[Row]:
        """The study's rows in its order, each with its runs in one environment."""
        runs: dict[str, list[Run]] = {}
        for run in self.runs:
            if run.env_id == env_id:
                runs.setdefault(run.label, []).append(run)
        overrides = next(e for e in self.study["environments"] if e["env_id"] == env_id).get("settings", {})
        return [
            Row(
                env_id=env_id,
                label=row["label"],
                variant=row["variant"],
                title=row.get("title") or row["label"],
                slots=row["slots"],
                swept=row.get("swept", {}),
                settings=_settings(row, overrides, runs.get(row["label"], [])),
                runs=tuple(sorted(runs.get(row["label"], []), key=lambda run: run.seed)),
            )
            for row in self.study["rows"]
        ]

    def standing_text(self, env_id: str | None = None) -> str:
        """How much stands: '130 runs' where all do, otherwise '13 of 16 runs (1 failed, 2 missing)'."""
        runs = [run for run in self.runs if env_id in (None, run.env_id)]
        return standing_text(runs)


def swept_text(key: str, value: Any) -> str:
    """'period 10', 'buffer size 1000', 'hidden 64x64': a swept key and its value for people."""
    return f"{key_text(key)} {value_text(value)}"


def key_text(key: str) -> str:
    """A swept key for people: 'target.period' is 'period', but 'head.hidden' is 'head hidden', not the setting."""
    slot, _, number = key.rpartition(".")
    return f"{slot} {number}".lstrip() if number == "hidden" else number.replace("_", " ")


def value_text(value: Any) -> str:
    """A swept value for people: lists as 64x64, numbers short."""
    if isinstance(value, list):
        return "x".join(str(item) for item in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def standing_text(runs: list[Run] | tuple[Run, ...]) -> str:
    """'10 runs', or '13 of 16 runs (1 failed, 2 missing)'; diverged runs stand and are named as well."""
    counts = Counter(run.state for run in runs)
    standing = sum(run.is_valid for run in runs)
    notes = [f"{counts[state]} {state}" for state in sorted(counts) if state != "ok"]
    total = f"{standing}" if standing == len(runs) else f"{standing} of {len(runs)}"
    plural = "run" if total == "1" else "runs"
    return f"{total} {plural}" + (f" ({', '.join(notes)})" if notes else "")


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
    runs = tuple(_read_run(folder, listed) for listed in study["runs"])
    return Results(folder, study, runs, unlisted(folder, study))


def load(folder: str | Path) -> pd.DataFrame:
    """The finished episodes of every run that study.json lists and that stands, one row each.

    The columns are those of episodes.parquet. What doesn't stand is in ``.attrs``: ``states`` maps every
    listed run's path to its state, ``steps`` and ``diverged_at`` to what its manifest says.
    """
    results = read(folder)
    tables = [run.episodes for run in results.runs if run.episodes is not None]
    frame: pd.DataFrame = pa.concat_tables([store.EPISODES.empty_table(), *tables]).to_pandas()
    frame.attrs["states"] = {run.path: run.state for run in results.runs}
    frame.attrs["steps"] = {run.path: run.steps for run in results.runs if run.is_valid}
    frame.attrs["diverged_at"] = {run.path: run.diverged_at for run in results.runs if run.is_valid}
    return frame


def unlisted(folder: Path, study: Mapping[str, Any]) -> tuple[str, ...]:
    """Folders of stored runs that the study doesn't list, relative to its folder."""
    listed = {run["path"] for run in study["runs"]}
    return tuple(path for path in store.stored_runs(folder) if path not in listed)


def _numbers(table: pa.Table | None) -> dict[str, Floats]:
    """The numeric columns of a table as float64, by name; nothing where there is no table or no row in it."""
    if table is None or not table.num_rows:
        return {}
    return {
        part.name: table.column(part.name).to_numpy().astype(np.float64)
        for part in table.schema
        if not pa.types.is_string(part.type)
    }


def _read_run(folder: Path, listed: Mapping[str, Any]) -> Run:
    run_dir = folder / listed["path"]
    found = store.inspect(run_dir, listed["key"])
    state, reason, tables = found.state, found.reason or "", {}
    if found.is_valid and found.manifest is not None:
        try:
            tables = {name: _read_table(run_dir, name) for name in SCHEMAS if name in _stored(found.manifest)}
        except _Unreadable as problem:
            state, reason, tables = "damaged", str(problem), {}
    return Run(
        label=listed["label"],
        env_id=listed["env_id"],
        seed=listed["seed"],
        path=listed["path"],
        state=state,
        reason=reason,
        manifest=found.manifest or {},
        **tables,
    )


class _Unreadable(Exception):
    """A stored table can't be used; the text says why."""


def _stored(manifest: Mapping[str, Any]) -> set[str]:
    """The names of the tables that a manifest lists."""
    return {name.removesuffix(".parquet") for name in manifest["files"]}


def _read_table(run_dir: Path, name: str) -> pa.Table:
    try:
        table = store.read_table(run_dir, name)
    except (OSError, pa.ArrowInvalid, store.Damaged) as problem:
        raise _Unreadable(f"{name}.parquet can't be read: {problem}") from None
    if not table.schema.equals(SCHEMAS[name]):
        raise _Unreadable(f"{name}.parquet has other columns than the schema's")
    return table


def _settings(row: Mapping[str, Any], overrides: Mapping[str, Any], runs: list[Run]) -> Mapping[str, Any]:
    """The settings of a row's runs: what a standing run says it did, otherwise what the study asks for."""
    for run in runs:
        if run.is_valid:
            stored: Mapping[str, Any] = run.manifest["config"].get("settings", {})
            if "total_timesteps" in stored:
                return stored
    return {**row["settings"], **overrides}


def _hint(folder: Path) -> str:
    under_results = Path("results") / folder.name
    if under_results != folder and (under_results / store.STUDY).is_file():
        return f"; did you mean {under_results.as_posix()}?"
    inside = sorted(path.parent.name for path in folder.glob(f"*/{store.STUDY}")) if folder.is_dir() else []
    return f"; it holds the results folders {', '.join(inside)}" if inside else ""


def _malformed(study: Mapping[str, Any]) -> str:
    """The first thing a study.json lacks of what analysis relies on, or ''."""
    for key, kind in (("name", str), ("environments", list), ("rows", list), ("runs", list), ("seeds", list)):
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
    for run in study["runs"]:
        path = run["path"]
        if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
            return f"a run's path leads out of the folder: {path!r}"
    return ""
