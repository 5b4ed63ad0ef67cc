"""Learning curves and running variances of an environment on a common grid, each with its band over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.findings.summary import RowSummary
from analysis.loading import Results, Row, reference
from analysis.metrics import WINDOW, Floats, Form, Ints, RunData, curve, grid, running_variance, value_at
from analysis.spread import Spread, in_turn
from analysis.statistics.intervals import curve_interval

FORMS: dict[str, Form] = {
    "running_variance": "full",
    "running_variance_growing": "growing",
    "running_variance_trend": "trend",
}
QUANTITIES = ("curve", *FORMS)


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

    summary: RowSummary
    bands: Mapping[str, Band]

    @property
    def row(self) -> Row:
        """The row of the study."""
        return self.summary.row

    @property
    def n(self) -> int:
        """Runs that stand."""
        return self.summary.n

    @property
    def diverged(self) -> tuple[tuple[int, int], ...]:
        """(place among the valid runs, environment step) of each run that diverged."""
        return self.summary.diverged


@dataclass(frozen=True)
class EnvironmentBands:
    """The bands of every row in an environment."""

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


def environment_bands(
    results: Results, scores: EnvironmentScores, spread: Spread = in_turn
) -> EnvironmentBands:
    """The bands of every row in an environment."""
    lines = scores.summaries
    at = grid(max(line.row.budget for line in lines))
    bands = spread(lambda place: _bands(lines[place].run_data, at), len(lines))
    return EnvironmentBands(
        results=results,
        env_id=scores.env_id,
        threshold=scores.threshold,
        at=at,
        drawn=tuple(map(RowBands, lines, bands)),
    )


def _bands(runs: Sequence[RunData], at: Ints) -> dict[str, Band]:
    lines = {name: np.empty((len(runs), len(at))) for name in QUANTITIES}
    for place, run in enumerate(runs):
        lines["curve"][place] = curve(run.ends, run.returns, at, run.steps)
        for name, form in FORMS.items():
            variance = running_variance(run.returns, WINDOW, form)
            lines[name][place] = value_at(run.ends, variance, at, run.steps)
    return {name: Band(line, *curve_interval(line)) for name, line in lines.items()}
