"""The summary of a study: one line per row and environment, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.measured import measured
from analysis.loading import Results, Row
from analysis.metrics import METRICS, Floats, Metric, RunData, score_run
from analysis.metrics.registry import LEARNING, VARIANCE
from analysis.spread import Spread, in_turn
from analysis.statistics.draws import CURVE_RESAMPLES, places, resampled
from analysis.statistics.intervals import (
    NOTHING,
    Interval,
    WaitingTime,
    mean_interval,
    proportion_interval,
    waiting_time,
)

MEASURED = [metric.name for metric in (*LEARNING, *VARIANCE) if metric.score is not None]
"""What the summary holds; the other metrics are in the stability table."""

COLUMNS = (
    "env_id",
    "variant",
    "n",
    "ok",
    "diverged",
    "failed",
    "final_return",
    "auc",
    "steps_to_threshold",
    "episodes_to_threshold",
    "running_variance",
    "solved",
)
"""The columns that outsiders read, in their order; ``_low`` and ``_high`` of the numbers follow."""


@dataclass(frozen=True)
class RowSummary:
    """A row of the study in one environment: what stands, and its numbers."""

    row: Row
    threshold: float | None
    run_data: tuple[RunData, ...]
    """One per valid run, in the order of the seeds."""
    run_scores: tuple[Mapping[str, float], ...]
    """The scores of each by metric."""
    numbers: dict[str, Interval]
    """By metric: mean over runs, share of runs, median by Kaplan and Meier, or a number of all runs together."""
    waits: dict[str, WaitingTime]
    """Waiting times, with how many runs did not get there."""

    @property
    def n(self) -> int:
        """Runs that stand."""
        return len(self.run_scores)

    @property
    def n_final(self) -> int:
        """Runs that finished an episode in their last tenth, so that they have a final return."""
        return sum(bool(np.isfinite(run["final_return"])) for run in self.run_scores)

    @property
    def diverged(self) -> tuple[tuple[int, int], ...]:
        """(place among the valid runs, environment step) of each run that diverged."""
        steps = enumerate(run.diverged_at for run in self.run_data)
        return tuple((place, step) for place, step in steps if step is not None)

    def has(self, name: str) -> bool:
        """True if any run has such a score; of a waiting time: came to its end."""
        return any(np.isfinite(run[name]) for run in self.run_scores)


Parts = tuple[
    tuple[RunData, ...], tuple[Mapping[str, float], ...], dict[str, Interval], dict[str, WaitingTime]
]


def summarize(results: Results, spread: Spread = in_turn) -> list[RowSummary]:
    """Every row of the study in every environment, in the study's order; rows of which nothing stands too."""
    lines = [(row, one) for one in results.environments for row in results.rows(one["env_id"])]
    made = spread(lambda place: _summary(*lines[place]), len(lines))
    return [
        RowSummary(row, one.get("reward_threshold"), *parts)
        for (row, one), parts in zip(lines, made, strict=True)
    ]


def _summary(row: Row, environment: Mapping[str, Any]) -> Parts:
    """What a line of the summary says of its row: arrays, scores, numbers and waiting times."""
    run_data = tuple(measured(row, run, environment) for run in row.valid_runs)
    run_scores = tuple(score_run(data) for data in run_data)
    numbers, waits = {}, {}
    for name, metric in METRICS.items():
        if metric.parts is not None:
            numbers[name] = _across_runs(metric, run_data)
        elif metric.score is not None and metric.summary == "wait":
            waits[name] = _wait(metric, run_data, column(run_scores, name))
            numbers[name] = waits[name].median
        elif metric.score is not None:
            numbers[name] = _over_runs(metric, column(run_scores, name))
    return run_data, run_scores, numbers, waits


def column(run_scores: Sequence[Mapping[str, float]], name: str) -> Floats:
    """One score of every run, (n,)."""
    return np.array([run[name] for run in run_scores], dtype=np.float64)


def _over_runs(metric: Metric, values: Floats) -> Interval:
    """Mean, or share, over the runs for which the score is defined."""
    if metric.summary == "mean":
        return mean_interval(values)
    answers = values[np.isfinite(values)]
    return proportion_interval(int(answers.sum()), len(answers))


def _wait(metric: Metric, run_data: Sequence[RunData], times: Floats) -> WaitingTime:
    """A waiting time, censored where a run stopped before its end; runs that did not wait are left out."""
    assert metric.censored_at is not None, f"{metric.name} does not say when looking stopped"
    stopped = np.array([metric.censored_at(data) for data in run_data], dtype=np.float64)
    waited = np.isfinite(stopped)
    times, stopped = times[waited], stopped[waited]
    reached = np.isfinite(times)
    return waiting_time(np.where(reached, times, stopped), reached)


def _across_runs(metric: Metric, run_data: Sequence[RunData]) -> Interval:
    """A number of several runs together, with whole runs resampled."""
    assert metric.parts is not None
    assert metric.across_runs is not None
    if not run_data:
        return NOTHING
    parts, across_runs = metric.parts(run_data), metric.across_runs
    number = resampled(lambda often: across_runs(parts[places(often)]), (len(parts),), CURVE_RESAMPLES)
    return Interval(*map(float, number))
