"""One run as arrays, with the facts of its environment that metrics need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from analysis.metrics.collapses import Collapse, collapses, first_recovery
from analysis.metrics.learning import first_solved
from analysis.metrics.series import Floats, Ints, curve, grid
from analysis.metrics.values import Bounds, evaluation_curve, first_crossing

POINTS = 50
"""Points at which the training curve is read for the reliability measures: as many as evaluations by default."""


@dataclass(frozen=True)
class RunData:
    """The arrays and facts of a run. None or empty: not known, and a metric that needs it is NaN."""

    ends: Ints
    returns: Floats
    steps: int
    threshold: float | None = None
    random: float | None = None
    """Mean return of the uniformly random policy."""
    bounds: Bounds | None = None
    """The least and the largest value that a state can have."""
    diverged_at: int | None = None
    probes: Mapping[str, Floats] = field(default_factory=dict)
    """Columns of probes.parquet, (R,) each."""
    evaluations: Mapping[str, Floats] = field(default_factory=dict)
    """Columns of evaluations.parquet, (N,) each."""

    exact: Mapping[str, Floats] = field(default_factory=dict)
    """Columns of exact.parquet, (X,) each: learned against exact values, where an environment knows them."""

    @cached_property
    def training_curve(self) -> Floats:
        """The learning curve at ``POINTS`` equal parts of the run, (P,); NaN before the first episode."""
        return curve(self.ends, self.returns, grid(self.steps, POINTS), self.steps)

    @cached_property
    def evaluated(self) -> tuple[Floats, Floats]:
        """Environment steps and mean greedy returns of the evaluations, (P,) each; empty where there are none."""
        if not self.evaluations:
            return np.empty(0), np.empty(0)
        return evaluation_curve(self.evaluations["global_step"], self.evaluations["episodic_return"])

    @cached_property
    def collapses(self) -> list[Collapse] | None:
        """Collapses after solving; None where the run never solved its environment or half the way is not known."""
        if self.threshold is None or self.random is None or self.random >= self.threshold:
            return None
        found = collapses(self.ends, self.returns, self.threshold, self.random)
        return None if self.solved_at is None else found

    @cached_property
    def solved_at(self) -> int | None:
        """The first episode at which the threshold was reached; None where it wasn't, or where there is none."""
        return None if self.threshold is None else first_solved(self.returns, self.threshold)

    @cached_property
    def recovery(self) -> tuple[float, float]:
        """Steps from the first collapse to its recovery, and steps for which it was looked for."""
        return first_recovery(self.collapses or [], self.steps)

    @cached_property
    def crossing(self) -> float:
        """The step of the first soft divergence; NaN where there is none or nothing was recorded."""
        if self.bounds is None or not self.probes:
            return np.nan
        return first_crossing(self.probes, self.bounds, self.diverged_at)

    @property
    def can_soft_diverge(self) -> bool:
        """True if soft divergence could have been seen: there are bounds and probes."""
        return self.bounds is not None and bool(self.probes) and len(self.probes["q_max"]) > 0

    def probe(self, name: str) -> Floats:
        """A column of the probes; empty where nothing was recorded."""
        return self.probes.get(name, np.empty(0))

    def against_exact(self, name: str) -> Floats:
        """A column of the comparison with exact values; empty where nothing was recorded."""
        return self.exact.get(name, np.empty(0))

    def evaluation(self, name: str) -> Floats:
        """A column of the evaluations; empty where nothing was recorded."""
        return self.evaluations.get(name, np.empty(0))
