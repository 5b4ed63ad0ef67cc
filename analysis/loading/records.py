"""The records that everything else reads: a study's runs, and its rows in an environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ablations import store
from analysis.loading.pieces import Facts, Pieces, Slots, acting, read_pieces


@dataclass(frozen=True)
class Run:
    """One listed run and what stands of it."""

    label: str
    env_id: str
    seed: int
    path: str
    state: str
    """ok, diverged; failed, died, timeout; missing, damaged."""
    reason: str | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    episodes: pa.Table | None = None
    probes: pa.Table | None = None
    evaluations: pa.Table | None = None
    exact: pa.Table | None = None
    """None: not recorded."""

    @property
    def is_valid(self) -> bool:
        """True if the run's result counts."""
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
    def ends(self) -> NDArray[np.int64]:
        """Environment step at each episode's end, (E,)."""
        return np.asarray(self._column("global_step"), dtype=np.int64)

    @property
    def returns(self) -> NDArray[np.float64]:
        """Each episode's return, (E,)."""
        return np.asarray(self._column("episodic_return"), dtype=np.float64)

    def _column(self, name: str) -> Any:
        assert self.episodes is not None, f"{self.path} is not valid"
        return self.episodes.column(name).to_numpy()


@dataclass(frozen=True)
class Row:
    """A variant at one point of the sweep, in one environment, with its runs in the order of the seeds."""

    env_id: str
    label: str
    variant: str
    title: str
    slots: Slots
    """The pieces in this environment, without their facts, in the study's order of slots."""
    facts: Mapping[str, Facts]
    acting: Pieces
    """The pieces as they act (``analysis.loading.pieces.acting``)."""
    swept: Mapping[str, Any]
    settings: Mapping[str, Any]
    runs: tuple[Run, ...]
    against: str | None = None
    """The label of the baseline's row that this one is compared with; None: with none."""
    cell: Mapping[str, str] = field(default_factory=dict)
    """{factor: level} of a cell of a factorial."""

    @property
    def no_return(self) -> bool:
        """True if Q estimates something else than the discounted return."""
        return any(facts.get("no_return") for facts in self.acting.facts.values())

    @property
    def valid_runs(self) -> tuple[Run, ...]:
        """The runs that count."""
        return tuple(run for run in self.runs if run.is_valid)

    @property
    def networks(self) -> tuple[str | None, str | None]:
        """The network that selects the next action, and the one that evaluates it; None where no piece says so."""
        found = [facts for facts in self.acting.facts.values() if "selects" in facts]
        return (found[0]["selects"], found[0].get("evaluates")) if found else (None, None)

    @property
    def swept_settings(self) -> Mapping[str, Any]:
        """The swept values outside the slots."""
        return {key: value for key, value in self.swept.items() if key.partition(".")[0] not in self.slots}

    @property
    def is_tried(self) -> bool:
        """True if any of its runs was made, be it that none is valid."""
        return any(run.state != "missing" for run in self.runs)

    @property
    def counts(self) -> Counter[str]:
        """The number of runs in each state."""
        return Counter(run.state for run in self.runs)

    @property
    def failed(self) -> int:
        """Runs that were tried and are not valid."""
        return sum(self.counts[state] for state in store.ATTEMPTS)

    @property
    def budget(self) -> int:
        """Environment steps each run was given."""
        return int(self.settings["total_timesteps"])


def running_statistics(rows: Iterable[Row]) -> list[str]:
    """What wrappers of the environment normalized by while valid runs were made: 'NormalizeObservation.obs_rms'."""
    made = [run.manifest.get("environment") or {} for row in rows for run in row.valid_runs]
    return list(dict.fromkeys(name for each in made for name in each.get("running_statistics") or ()))


def reference(rows: Iterable[Row], row: Row) -> Row | None:
    """The baseline's row that a row is compared with; None where the study names none."""
    return next((other for other in rows if other.label == row.against), None)


@dataclass(frozen=True)
class Results:
    """A study and what stands of it."""

    folder: Path
    study: Mapping[str, Any]
    runs: tuple[Run, ...]
    unlisted: tuple[str, ...]
    """Folders of runs that study.json doesn't list: counted and named, never drawn."""
    decisions: Mapping[str, Any] | None = None
    """decisions.json of a study that decides by looks."""

    @property
    def environments(self) -> list[Mapping[str, Any]]:
        """The study's environments, in its order."""
        return list(self.study["environments"])

    def environment(self, env_id: str) -> Mapping[str, Any]:
        """The study's entry of an environment."""
        return next(one for one in self.environments if one["env_id"] == env_id)

    def rows(self, env_id: str) -> list[Row]:
        """The study's rows in its order, each with its runs in one environment."""
        runs: dict[str, list[Run]] = {}
        for run in self.runs:
            if run.env_id == env_id:
                runs.setdefault(run.label, []).append(run)
        environment = self.environment(env_id)
        return [self._row(environment, row, runs.get(row["label"], [])) for row in self.study["rows"]]

    def _row(self, environment: Mapping[str, Any], row: Mapping[str, Any], runs: Iterable[Run]) -> Row:
        label, swept = row["label"], row.get("swept", {})
        here = {**row["slots"], **environment.get("row_slots", {}).get(label, {})}
        pieces = read_pieces(self.study, here)
        own = {key: value for key, value in swept.items() if key in row["settings"]}
        return Row(
            env_id=environment["env_id"],
            label=label,
            variant=row["variant"],
            title=row.get("title") or label,
            slots=pieces.slots,
            facts=pieces.facts,
            acting=acting(self.study, pieces),
            swept=swept,
            settings={**row["settings"], **environment.get("settings", {}), **own},
            runs=tuple(sorted(runs, key=lambda run: run.seed)),
            against=row.get("against"),
            cell=row.get("cell") or {},
        )

    def runs_text(self, env_id: str | None = None) -> str:
        """Count of the valid runs: '130 runs' where all do, otherwise '13 of 16 runs (1 failed, 2 missing)'."""
        return runs_text([run for run in self.runs if env_id in (None, run.env_id)])


def runs_text(runs: Sequence[Run]) -> str:
    """'10 runs', or '13 of 16 runs (1 failed, 2 missing)'; diverged runs are valid and are named as well."""
    counts = Counter(run.state for run in runs)
    valid = sum(run.is_valid for run in runs)
    notes = [f"{counts[state]} {state}" for state in sorted(counts) if state != "ok"]
    total = f"{valid}" if valid == len(runs) else f"{valid} of {len(runs)}"
    plural = "run" if total == "1" else "runs"
    return f"{total} {plural}" + (f" ({', '.join(notes)})" if notes else "")
