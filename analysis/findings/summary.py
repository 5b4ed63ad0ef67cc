"""The summary of a study: one line per row and environment, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ablations import store
from analysis.loading import Results, Row
from analysis.metrics import METRICS, Floats, Metric, Track, scores
from analysis.metrics.registry import LEARNING, VARIANCE
from analysis.statistics.blocks import block_interval
from analysis.statistics.intervals import (
    CURVE_RESAMPLES,
    NOTHING,
    Interval,
    Waiting,
    generator,
    mean_interval,
    proportion_interval,
    waiting_time,
)

MEASURED = [metric.name for metric in (*LEARNING, *VARIANCE) if metric.of is not None]
"""What the summary holds; the other metrics are in the stability table."""
WAITS = ("steps_to_threshold", "episodes_to_threshold")

FIRST = (
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
class Line:
    """A row of the study in one environment: what stands, and its numbers."""

    row: Row
    threshold: float | None
    tracks: tuple[Track, ...]
    """One per standing run, in the order of the seeds."""
    of_runs: tuple[Mapping[str, float], ...]
    """The scores of each by metric."""
    numbers: dict[str, Interval]
    """By metric: mean over runs, share of runs, median by Kaplan and Meier, or a number of all runs together."""
    waits_text: dict[str, str]
    """For steps and episodes to threshold: 'not reached by 7 of 10', '' where every run got there."""

    @property
    def n(self) -> int:
        """Runs that stand."""
        return len(self.of_runs)

    @property
    def n_final(self) -> int:
        """Runs that finished an episode in their last tenth, so that they have a final return."""
        return sum(bool(np.isfinite(run["final_return"])) for run in self.of_runs)

    def has(self, name: str) -> bool:
        """Whether any run has such a score; of a waiting time: came to its end."""
        return any(np.isfinite(run[name]) for run in self.of_runs)

    def record(self) -> dict[str, Any]:
        """The line as a record of the table: the columns of ``FIRST``, their intervals, and more."""
        counts = self.row.counts
        record: dict[str, Any] = {
            "env_id": self.row.env_id,
            "variant": self.row.label,
            "n": self.n,
            "ok": counts["ok"],
            "diverged": counts["diverged"],
            "failed": sum(counts[state] for state in store.ATTEMPTS),
        }
        record |= {name: self.numbers[name].point for name in FIRST if name in METRICS}
        names = [name for name in FIRST if name in METRICS]
        names += [name for name in MEASURED if name not in names]
        for name in names:
            number = self.numbers[name]
            record |= {name: number.point, f"{name}_low": number.low, f"{name}_high": number.high}
        record |= {
            "asked": len(self.row.runs),
            "missing": counts["missing"],
            "damaged": counts["damaged"],
            "final_return_n": self.n_final,
            "steps_to_threshold_note": self.waits_text["steps_to_threshold"],
            "reward_threshold": np.nan if self.threshold is None else self.threshold,
            "total_timesteps": self.row.budget,
        }
        return record


def summarize(results: Results) -> list[Line]:
    """Every row of the study in every environment, in the study's order; rows of which nothing stands too."""
    return [
        summarize_row(row, environment)
        for environment in results.environments
        for row in results.rows(environment["env_id"])
    ]


def summarize_row(row: Row, environment: Mapping[str, Any]) -> Line:
    """One line of the summary."""
    tracks = tuple(run.track(environment) for run in row.standing)
    of_runs = tuple(scores(track) for track in tracks)
    numbers, waits_text = {}, {}
    for name, metric in METRICS.items():
        if metric.parts is not None:
            numbers[name] = _together(metric, tracks)
        elif metric.of is not None and metric.summary == "wait":
            waiting = _wait(metric, tracks, column(of_runs, name))
            numbers[name], waits_text[name] = waiting.median, waiting.text
        elif metric.of is not None:
            numbers[name] = _over_runs(metric, column(of_runs, name))
    return Line(row, environment.get("reward_threshold"), tracks, of_runs, numbers, waits_text)


def column(of_runs: Sequence[Mapping[str, float]], name: str) -> Floats:
    """One score of every run, (n,)."""
    return np.array([run[name] for run in of_runs], dtype=np.float64)


def _over_runs(metric: Metric, values: Floats) -> Interval:
    """Mean, or share, over the runs for which the score is defined."""
    if metric.summary == "mean":
        return mean_interval(values, generator())
    answers = values[np.isfinite(values)]
    return proportion_interval(int(answers.sum()), len(answers))


def _wait(metric: Metric, tracks: Sequence[Track], times: Floats) -> Waiting:
    """A waiting time, censored where a run stopped before its end; runs that did not wait are left out."""
    assert metric.stopped is not None, f"{metric.name} does not say when looking stopped"
    stopped = np.array([metric.stopped(track) for track in tracks], dtype=np.float64)
    waited = np.isfinite(stopped)
    times, stopped = times[waited], stopped[waited]
    reached = np.isfinite(times)
    return waiting_time(np.where(reached, times, stopped), reached)


def _together(metric: Metric, tracks: Sequence[Track]) -> Interval:
    """A number of several runs together, with whole runs resampled."""
    assert metric.parts is not None
    assert metric.together is not None
    if not tracks:
        return NOTHING
    parts, together = metric.parts(tracks), metric.together
    low, high = block_interval(
        lambda places: together(parts[places]), [len(parts)], generator(), CURVE_RESAMPLES
    )
    return Interval(float(together(parts)), float(low), float(high))
