"""The records of a resolved study: what ``studies.load`` gives, the grid runs and study.json stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Annotated, Any

from annotated_types import Ge

from ablations import store
from ablations.dqn import fields
from ablations.dqn.settings import Settings
from ablations.dqn.variants import plain as plain_variant
from ablations.studies.expand import Alias, Row


@dataclass(frozen=True)
class Record:
    """What runs store besides returns. Steps are environment steps; 0 is off."""

    probe_every: Annotated[int, Ge(0)] = 1_000
    eval_every: Annotated[int, Ge(0)] | None = None  # none: a fiftieth of the run's steps
    eval_episodes: Annotated[int, Ge(1)] = 5
    checkpoint_minutes: Annotated[float, Ge(0)] = 10.0
    weights: bool = False

    def of_run(self, total_timesteps: int) -> dict[str, int]:
        """What decides a run's stored probes and evaluations: a part of its configuration."""
        every = max(1, total_timesteps // EVALUATION_POINTS) if self.eval_every is None else self.eval_every
        return {
            "probe_every": self.probe_every,
            "eval_every": every,
            "eval_episodes": self.eval_episodes if every else 0,
        }


EVALUATION_POINTS = 50
"""How often a run is evaluated whose study doesn't say."""


@dataclass(frozen=True)
class Environment:
    """An environment of a study: its id, arguments, overrides of the shared settings, and facts about it."""

    env_id: str
    args: Mapping[str, Any]
    settings: Mapping[str, Any]  # overrides only, canonical
    reward_threshold: float | None
    value_bounds: tuple[float, float] | None


@dataclass(frozen=True)
class Run:
    """One environment, row and seed: the unit of result. ``config`` decides it, ``key`` is its digest."""

    label: str
    env_id: str
    seed: int
    key: str
    path: str
    config: Mapping[str, Any]


def by_row(runs: Iterable[Run]) -> list[list[Run]]:
    """The runs of each environment and row, which stand together."""
    return [list(group) for _, group in groupby(runs, key=lambda run: (run.env_id, run.label))]


@dataclass(frozen=True)
class Study:
    """A resolved study. ``document`` is what it was read from, to be read again with other numbers."""

    name: str
    question: str
    where: str
    entropy: int
    engine: str
    baseline: str  # the ``variant`` of the baseline's rows
    seeds: tuple[int, ...]
    settings: Settings
    environments: tuple[Environment, ...]
    rows: tuple[Row, ...]
    aliases: tuple[Alias, ...]
    record: Record
    notes: tuple[str, ...]  # what is legal but worth knowing, for ``plan``
    document: Mapping[str, Any] = field(repr=False, compare=False)

    def run_settings(self, environment: Environment, row: Row) -> Settings:
        """A row's settings in an environment: defaults < [settings] < sweep, and the overrides on top."""
        return replace(row.settings, **environment.settings)

    def runs(self) -> list[Run]:
        """Every run, by environment, row and seed."""
        return [
            self._run(environment, row, seed)
            for environment in self.environments
            for row in self.rows
            for seed in self.seeds
        ]

    def select(self, envs: Collection[str] = (), variants: Collection[str] = ()) -> list[Run]:
        """The runs of these environments and of these rows, variants or aliases; nothing named means all."""
        labels = {
            row.label for row in self.rows if not variants or row.label in variants or row.variant in variants
        }
        labels |= {alias.of for alias in self.aliases if alias.label in variants}
        return [run for run in self.runs() if (not envs or run.env_id in envs) and run.label in labels]

    def selectable(self) -> list[str]:
        """What ``select`` takes as names of variants: rows, their variants, and aliases."""
        names = [name for row in self.rows for name in (row.variant, row.label)]
        return list(dict.fromkeys([*names, *(alias.label for alias in self.aliases)]))

    def plain(self, random_policy: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """The study as study.json has it; ``random_policy`` by environment id."""
        scores = random_policy or {}
        return {
            "schema_version": store.STUDY_VERSION,
            "name": self.name,
            "question": self.question,
            "entropy": self.entropy,
            "engine": self.engine,
            "baseline": self.baseline,
            "seeds": list(self.seeds),
            "settings": self.settings.plain(),
            "record": vars(self.record).copy(),
            "environments": [
                {
                    "env_id": environment.env_id,
                    "args": dict(environment.args),
                    "settings": fields.plain_table(environment.settings),
                    "reward_threshold": environment.reward_threshold,
                    "value_bounds": list(environment.value_bounds) if environment.value_bounds else None,
                    "random_policy": dict(scores[environment.env_id])
                    if environment.env_id in scores
                    else None,
                }
                for environment in self.environments
            ],
            "rows": [
                {
                    "label": row.label,
                    "variant": row.variant,
                    "title": row.title,
                    "slots": plain_variant(row.slots),
                    "settings": row.settings.plain(),
                    "swept": dict(row.swept),
                }
                for row in self.rows
            ],
            "aliases": [alias._asdict() for alias in self.aliases],
            "runs": [
                {"label": run.label, "env_id": run.env_id, "seed": run.seed, "key": run.key, "path": run.path}
                for run in self.runs()
            ],
        }

    def _run(self, environment: Environment, row: Row, seed: int) -> Run:
        config = {
            "env_id": environment.env_id,
            "env_args": dict(environment.args),
            "slots": plain_variant(row.slots),
            "settings": self.run_settings(environment, row).plain(),
            "seed": seed,
            "entropy": self.entropy,
            "algorithm_version": store.ALGORITHM_VERSION,
            "engine": self.engine,
            "record": self.record.of_run(self.run_settings(environment, row).total_timesteps),
        }
        key = store.key_of(config)
        path = store.run_path(environment.env_id, row.label, seed, key)
        return Run(row.label, environment.env_id, seed, key, path, config)
