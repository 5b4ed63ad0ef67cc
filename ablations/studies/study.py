"""The records of a resolved study: what ``studies.load`` gives, the grid runs and study.json stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from annotated_types import Ge, Gt, Le, Lt

from ablations import engines, store
from ablations.dqn.fields import plain
from ablations.dqn.settings import Settings
from ablations.dqn.variants import (
    DQN,
    SLOTS,
    Change,
    Variant,
    changed,
    described,
    in_bounds,
    plain_changes,
)
from ablations.studies.registry import SHIPPED, Registry

if TYPE_CHECKING:
    from ablations.envs.observations import Observation


@dataclass(frozen=True)
class Record:
    """What runs store besides returns. Steps are environment steps; 0 is off."""

    probe_every: Annotated[int, Ge(0)] = 1_000
    eval_every: Annotated[int, Ge(0)] | None = None  # none: a fiftieth of the run's steps
    eval_episodes: Annotated[int, Ge(1)] = 5
    eval_epsilon: Annotated[float, Ge(0), Le(1)] = 0.0  # the share of random actions in evaluations
    checkpoint_minutes: Annotated[float, Ge(0)] = 10.0
    weights: bool = False

    def of_run(self, total_timesteps: int) -> dict[str, int | float]:
        """What decides a run's stored probes and evaluations: a part of its configuration."""
        every = max(1, total_timesteps // EVALUATION_POINTS) if self.eval_every is None else self.eval_every
        return {
            "probe_every": self.probe_every,
            "eval_every": every,
            "eval_episodes": self.eval_episodes if every else 0,
            **({"eval_epsilon": self.eval_epsilon} if every and self.eval_epsilon else {}),
        }


EVALUATION_POINTS = 50
"""How often a run is evaluated whose study doesn't say."""


LOOKS = (12, 16, 24, 32, 48, 64)


@dataclass(frozen=True)
class Decide:
    """How the study decides (docs/metrics.md): the primary metric, the error that is allowed, what counts as none."""

    metric: str = "auc"
    looks: tuple[int, ...] | None = None  # numbers of seeds; none: the seeds are fixed
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    margin: Annotated[float, Gt(0)] = 0.05  # a share of the metric's scale


@dataclass(frozen=True)
class Environment:
    """An environment of a study: its id, arguments, overrides of settings and of the study's pieces, facts about it."""

    env_id: str
    args: Mapping[str, Any]
    settings: Mapping[str, Any]  # overrides only, canonical
    slots: Mapping[str, Change]  # overrides only
    reward_threshold: float | None
    value_bounds: tuple[float, float] | None
    margin: float | None = None  # the primary metric's, in its units
    # what it shows, and how many actions there are: None before it has been made
    observation: Observation | None = field(default=None, compare=False)
    actions: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Row:
    """A variant at one point of the sweep; its label names it in folders, columns and figures."""

    label: str
    variant: str
    title: str
    changes: Mapping[str, Change]  # what the variant puts on the study's own pieces
    cell: Mapping[str, str]  # {slot: level} of a cell of a factorial
    swept: Mapping[str, Any]  # {setting or "slot.number": canonical value}
    slots: Variant
    settings: Settings
    against: str | None = None  # the baseline's row that it is compared with

    def on(self, base: Variant) -> Variant:
        """The row's pieces where the study's own are ``base``."""
        numbers: dict[str, dict[str, Any]] = {}
        for key, value in self.swept.items():
            slot, _, number = key.partition(".")
            if number:
                numbers.setdefault(slot, {})[number] = value
        return changed(changed(base, self.changes), numbers)

    def plain(self) -> dict[str, Any]:
        """The row as study.json has it."""
        return {
            "label": self.label,
            "variant": self.variant,
            "title": self.title,
            "slots": _described(self.slots),
            "settings": self.settings.plain(),
            "swept": plain(self.swept),
            "sets": [slot for slot in SLOTS if slot in self.changes],
            "against": self.against,
            **({"cell": dict(self.cell)} if self.cell else {}),
        }


class Alias(NamedTuple):
    """A row that trains exactly as another one, which is run in its place."""

    label: str
    of: str
    cell: Mapping[str, str]


class LeftOut(NamedTuple):
    """A row that is not run, as it can't be, or as it is an earlier one."""

    label: str
    reason: str


@dataclass(frozen=True)
class Run:
    """One environment, row and seed: the unit of result. ``config`` decides it, ``key`` is its digest."""

    label: str
    env_id: str
    seed: int
    key: str
    path: str
    config: Mapping[str, Any]
    variant: Variant  # all pieces, the neutral ones too

    @property
    def settings(self) -> Settings:
        """All settings, those that hold their default too."""
        return Settings(**self.config["settings"])


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
    seeds: tuple[int, ...]  # until decided: those of the last look
    settings: Settings
    slots: Variant  # the study's own pieces, which variants change
    environments: tuple[Environment, ...]
    record: Record
    decide: Decide
    document: Mapping[str, Any] = field(repr=False, compare=False)
    registry: Registry = SHIPPED  # the pieces that it may use
    rows: tuple[Row, ...] = ()
    aliases: tuple[Alias, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()  # what is legal but worth knowing, for ``plan``
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)  # see ``seeds_of``
    most_seeds: int | None = None  # until decided: go no further now

    @property
    def folder(self) -> Path:
        """Where the files of its own pieces lie: beside its own."""
        return Path(self.where).parent

    def slots_in(self, environment: Environment) -> Variant:
        """The study's own pieces in an environment: what its section says of a slot stands in place of [slots]."""
        here = changed(DQN, environment.slots)
        return replace(self.slots, **{slot: getattr(here, slot) for slot in environment.slots})

    def row_in(self, environment: Environment, row: Row) -> Row:
        """The row with the pieces and settings that it has in an environment.

        Pieces: neutral < [slots], or the environment's in its place < the variant's < swept numbers. Settings:
        defaults < [settings] < sweep < the environment's.
        """
        return replace(
            row,
            slots=in_bounds(row.on(self.slots_in(environment)), environment.value_bounds),
            settings=replace(row.settings, **environment.settings),
        )

    def seeds_of(self, env_id: str, label: str) -> tuple[int, ...]:
        """The seeds that a row asks for; until decided, those so far: ``counts`` by environment and row."""
        return self.seeds[: self.counts.get((env_id, label))]

    def runs(self) -> list[Run]:
        """Every run that is asked for, by environment, row and seed."""
        return [
            self._run(environment, here, seed)
            for environment in self.environments
            for here in (self.row_in(environment, row) for row in self.rows)
            for seed in self.seeds_of(environment.env_id, here.label)
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

    def plain(self, measured: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """The study as study.json has it; ``measured``: what trying them showed of environments, by id."""
        runs = self.runs()
        asked = {run.seed for run in runs}
        return {
            "schema_version": store.STUDY_VERSION,
            "name": self.name,
            "question": self.question,
            "entropy": self.entropy,
            "engine": self.engine,
            "baseline": self.baseline,
            "seeds": [seed for seed in self.seeds if seed in asked],
            "decide": plain(vars(self.decide)),
            "settings": self.settings.plain(),
            "slots": _described(self.slots),
            "neutral": _described(DQN),
            **({"pieces": dict(self.registry.files)} if self.registry.files else {}),
            "record": vars(self.record).copy(),
            "environments": [
                self._plain_environment(each, (measured or {}).get(each.env_id, {}))
                for each in self.environments
            ],
            "rows": [row.plain() for row in self.rows],
            "aliases": [{**alias._asdict(), "cell": dict(alias.cell)} for alias in self.aliases],
            "left_out": [each._asdict() for each in self.left_out],
            "runs": [
                {"label": run.label, "env_id": run.env_id, "seed": run.seed, "key": run.key, "path": run.path}
                for run in runs
            ],
        }

    def _plain_environment(self, environment: Environment, measured: Mapping[str, Any]) -> dict[str, Any]:
        bounds = environment.value_bounds
        own = {row.label: self.row_in(environment, row).slots for row in self.rows}
        differing = {
            row.label: {
                slot: described(slot, piece)
                for slot, piece in own[row.label]
                if piece != getattr(row.slots, slot)
            }
            for row in self.rows
        }
        return {
            "env_id": environment.env_id,
            "args": dict(environment.args),
            "settings": dict(environment.settings),
            "row_slots": {label: slots for label, slots in differing.items() if slots},
            "reward_threshold": environment.reward_threshold,
            "value_bounds": None if bounds is None else list(bounds),
            "margin": environment.margin,
            "random_policy": measured.get("random_policy"),
            "repeatability": measured.get("repeatability"),
        }

    def _run(self, environment: Environment, here: Row, seed: int) -> Run:
        config = {
            "env_id": environment.env_id,
            "env_args": dict(environment.args),
            "slots": plain_changes(here.slots),
            **self.registry.config_of(here.slots),
            "settings": here.settings.plain_changes(),
            "seed": seed,
            "entropy": self.entropy,
            "algorithm_version": store.ALGORITHM_VERSION,
            "engine": engines.path(self.engine, here.slots),
            "record": self.record.of_run(here.settings.total_timesteps),
        }
        key = store.key_of(config)
        path = store.run_path(environment.env_id, here.label, seed, key)
        return Run(here.label, environment.env_id, seed, key, path, config, here.slots)


def _described(variant: Variant) -> dict[str, Any]:
    return {slot: described(slot, piece) for slot, piece in variant}
