"""The scores of one environment: a line per row of the study, a column per seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations import store
from analysis.findings.margins import normal_scale, scale_of
from analysis.findings.summary import RowSummary
from analysis.loading import Results
from analysis.metrics import METRICS, Floats, Metric, RunData
from analysis.statistics.aggregates import normalized


@dataclass(frozen=True)
class EnvironmentScores:
    """Everything that statistics ask of one environment."""

    environment: Mapping[str, Any]
    seeds: tuple[int, ...]
    summaries: tuple[RowSummary, ...]

    @property
    def env_id(self) -> str:
        """The environment's id."""
        return str(self.environment["env_id"])

    @cached_property
    def labels(self) -> list[str]:
        """The rows' labels, in the study's order."""
        return [line.row.label for line in self.summaries]

    @property
    def threshold(self) -> float | None:
        """Return at which the environment counts as solved."""
        return self.environment.get("reward_threshold")

    @property
    def random(self) -> float | None:
        """Mean return of the random policy."""
        found = self.environment.get("random_policy")
        return float(found["mean_return"]) if found else None

    @property
    def is_normalized(self) -> bool:
        """True if returns can be put between random and threshold."""
        return normal_scale(self.environment) is not None

    def of(self, name: str) -> Floats:
        """One metric of every run, (rows, seeds); NaN where a run doesn't stand or has no such score.

        A waiting time that was not seen to end counts as the time for which it was waited: the budget.
        """
        if name not in self._columns:
            censored_at = METRICS[name].censored_at
            scores = np.full((len(self.summaries), len(self.seeds)), np.nan)
            for place, seed, run_data, found in self.runs:
                score = found[name]
                if censored_at is not None and np.isnan(score):
                    score = censored_at(run_data)
                scores[place, seed] = score
            self._columns[name] = scores
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, Floats]:
        return {}

    @cached_property
    def runs(self) -> list[tuple[int, int, RunData, Mapping[str, float]]]:
        """(place of its row, place of its seed, arrays, scores) of every run that stands."""
        places = {seed: place for place, seed in enumerate(self.seeds)}
        return [
            (place, places[run.seed], run_data, found)
            for place, line in enumerate(self.summaries)
            for run, run_data, found in zip(line.row.valid_runs, line.run_data, line.run_scores, strict=True)
        ]

    def normalized(self, values: Floats) -> Floats:
        """Returns between random (0) and threshold (1)."""
        scale = normal_scale(self.environment)
        assert scale is not None
        return normalized(values, *scale)

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        """Runs that were tried and don't stand, (rows, seeds)."""
        return np.array(
            [
                [
                    any(r.seed == seed and r.state in store.ATTEMPTS for r in line.row.runs)
                    for seed in self.seeds
                ]
                for line in self.summaries
            ]
        ).reshape(len(self.summaries), len(self.seeds))

    def imputed(self, name: str, worst: bool) -> Floats:
        """The scores with every failed run at the worst, or the best, score of any run in this environment.

        Answers (yes or no) can be either, whatever the others said. Of a metric without a better side the worst is the
        least and the best the largest, so that the two still say how far the failed runs could move a number.
        """
        values, metric = self.of(name), METRICS[name]
        if not np.isfinite(values).any():
            return values
        least, largest = (0.0, 1.0) if metric.summary == "share" else (np.nanmin(values), np.nanmax(values))
        low = worst == (metric.bigger_is_better is not False)
        return np.where(self.failed, least if low else largest, values)

    def scale(self, metric: Metric) -> float:
        """The metric's own scale in its units; NaN where there is none."""
        return scale_of(metric, self.environment, max(line.row.budget for line in self.summaries))

    def has(self, name: str) -> bool:
        """True if any run has such a score."""
        return any(line.has(name) for line in self.summaries)


def environment_scores(results: Results, lines: list[RowSummary]) -> list[EnvironmentScores]:
    """One per environment in which a run is valid."""
    found = []
    for environment in results.environments:
        here = tuple(line for line in lines if line.row.env_id == environment["env_id"])
        if any(line.n for line in here):
            found.append(EnvironmentScores(environment, tuple(results.study["seeds"]), here))
    return found
