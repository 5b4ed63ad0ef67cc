"""The data that the figures of one environment show: bands on a common grid, computed once and drawn several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.loading import Results, Row, Run, reference
from analysis.metrics import WINDOW, Floats, Ints, curve, grid, running_variance, value_at
from analysis.statistics.intervals import curve_interval

QUANTITIES = ("curve", "running_variance", "running_variance_growing", "running_variance_trend")


@dataclass(frozen=True)
class Band:
    """A quantity over environment steps: one line per seed, their mean and its 95 % interval."""

    runs: Floats
    """(n, G), in the order of the row's valid runs."""
    mean: Floats
    """(G,)"""
    low: Floats
    high: Floats


@dataclass(frozen=True)
class RowBands:
    """A row of the study and its bands by quantity."""

    row: Row
    bands: Mapping[str, Band]

    @property
    def n(self) -> int:
        """Runs that stand."""
        return len(self.row.valid_runs)

    @property
    def diverged(self) -> tuple[tuple[int, int], ...]:
        """(place among the valid runs, environment step) of each run that diverged."""
        return tuple(
            (place, run.diverged_at)
            for place, run in enumerate(self.row.valid_runs)
            if run.diverged_at is not None
        )


@dataclass(frozen=True)
class FigureData:
    """Everything the figures of one environment need."""

    results: Results
    env_id: str
    threshold: float | None
    at: Ints
    """The common grid of environment steps, (G,)."""
    drawn: tuple[RowBands, ...]

    @property
    def budget(self) -> int:
        """The longest run of the environment, in environment steps."""
        return int(self.at[-1])

    @property
    def baseline(self) -> str:
        """The name of the baseline variant."""
        return str(self.results.study.get("baseline", ""))

    @property
    def is_swept(self) -> bool:
        """True if any row stands at a point of a sweep."""
        return any(drawn.row.swept for drawn in self.drawn)

    def places(self, *shown: RowBands | None) -> list[int]:
        """The places of rows in the study's order."""
        return [place for place, drawn in enumerate(self.drawn) if any(drawn is one for one in shown)]

    def reference(self, row: Row) -> RowBands | None:
        """The row that another one is drawn against: the baseline's, as the study says (``Row.against``)."""
        of = reference((drawn.row for drawn in self.drawn), row)
        return next((drawn for drawn in self.drawn if drawn.row is of), None)


def figure_data(results: Results, env_id: str) -> FigureData:
    """Compute the bands of every row in an environment."""
    rows = results.rows(env_id)
    at = grid(max(row.budget for row in rows))
    return FigureData(
        results=results,
        env_id=env_id,
        threshold=results.environment(env_id).get("reward_threshold"),
        at=at,
        drawn=tuple(RowBands(row, _bands(row.valid_runs, at)) for row in rows),
    )


def _bands(runs: Sequence[Run], at: Ints) -> dict[str, Band]:
    lines = {name: np.empty((len(runs), len(at))) for name in QUANTITIES}
    for place, run in enumerate(runs):
        ends, returns, steps = run.ends, run.returns, run.steps
        lines["curve"][place] = curve(ends, returns, at, steps)
        full = running_variance(returns, WINDOW, "full")
        growing = running_variance(returns, WINDOW, "growing")
        trend = running_variance(returns, WINDOW, "trend")
        lines["running_variance"][place] = value_at(ends, full, at, steps)
        lines["running_variance_growing"][place] = value_at(ends, growing, at, steps)
        lines["running_variance_trend"][place] = value_at(ends, trend, at, steps)
    return {name: Band(line, *curve_interval(line)) for name, line in lines.items()}
