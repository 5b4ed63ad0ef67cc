"""The summary of a study: one line per row and environment, with intervals over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ablations import store
from analysis.intervals import NOTHING, Interval, generator, mean_interval, proportion_interval, waiting_time
from analysis.metrics import METRICS, Floats, Scores, scores
from analysis.results import Results, Row

MEANS = ("final_return", "auc", "running_variance", "running_variance_growing", "running_variance_trend")
SHARES = ("solved", "solved_100")
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
    of_runs: tuple[Scores, ...]
    """One per standing run, in the order of the seeds."""
    numbers: dict[str, Interval]
    """By metric: mean over runs, share of runs, or median by Kaplan and Meier."""
    waits_text: dict[str, str]
    """For steps and episodes to threshold: 'not reached by 7 of 10', '' where every run got there."""

    @property
    def n(self) -> int:
        """Runs that stand."""
        return len(self.of_runs)

    @property
    def n_final(self) -> int:
        """Runs that finished an episode in their last tenth, so that they have a final return."""
        return sum(bool(np.isfinite(run.final_return)) for run in self.of_runs)

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
        names += [name for name in self.numbers if name not in names]
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


def summarise(results: Results) -> list[Line]:
    """Every row of the study in every environment, in the study's order; rows of which nothing stands too."""
    return [
        summarise_row(row, environment.get("reward_threshold"))
        for environment in results.environments
        for row in results.rows(environment["env_id"])
    ]


def summarise_row(row: Row, threshold: float | None) -> Line:
    """One line of the summary."""
    of_runs = tuple(scores(run.ends, run.returns, run.steps, threshold) for run in row.standing)
    numbers = {name: mean_interval(column(of_runs, name), generator()) for name in MEANS}
    for name in SHARES:
        answers = column(of_runs, name)
        answers = answers[np.isfinite(answers)]
        numbers[name] = proportion_interval(int(answers.sum()), len(answers))
    waits_text = {}
    for name in WAITS:
        numbers[name], waits_text[name] = _wait(of_runs, name, threshold)
    return Line(row, threshold, of_runs, numbers, waits_text)


def column(of_runs: tuple[Scores, ...], name: str) -> Floats:
    """One score of every run, (n,)."""
    return np.array([getattr(run, name) for run in of_runs], dtype=np.float64)


def _wait(of_runs: tuple[Scores, ...], name: str, threshold: float | None) -> tuple[Interval, str]:
    """Steps or episodes to threshold, censored where a run stopped without reaching it."""
    if threshold is None:
        return NOTHING, ""
    times = column(of_runs, name)
    reached = np.isfinite(times)
    stopped = column(of_runs, "steps" if name == "steps_to_threshold" else "episodes")
    waiting = waiting_time(np.where(reached, times, stopped), reached)
    return waiting.median, waiting.text
