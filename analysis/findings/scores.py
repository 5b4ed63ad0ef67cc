"""The scores of one environment: a line per row of the study, a column per seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablations import store
from analysis.findings.looks import Looks, looks_of
from analysis.findings.margins import margin_of, normal_scale
from analysis.findings.repeatability import why_not_independent
from analysis.findings.summary import RowSummary
from analysis.loading import Results
from analysis.metrics import METRICS, Floats, Metric, RunData
from analysis.statistics.aggregates import normalized
from analysis.statistics.contrasts import Contrast, differences, is_pair
from analysis.statistics.sequential import Design, Judged, judge


@dataclass(frozen=True)
class EnvironmentScores:
    """Everything that statistics ask of one environment."""

    environment: Mapping[str, Any]
    seeds: tuple[int, ...]
    summaries: tuple[RowSummary, ...]
    looks: Looks

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

    def margin(self, metric: Metric) -> float:
        """What counts as no effect, in the metric's units; NaN where nothing says."""
        budget = max(line.row.budget for line in self.summaries)
        return margin_of(metric, self.environment, budget, self.looks.decide)

    def judge(
        self, metric: Metric, contrasts: Sequence[Contrast], skipped: int = 0, family: int | None = None
    ) -> tuple[list[Judged], Floats]:
        """Contrasts of rows, by their places, as one family, and their differences (V, S) at the seeds that count.

        With looks each is tested up to the last look of all of its rows. The first ``skipped`` seeds don't count.
        ``family``: for how many hypotheses to correct; otherwise those of which anything is known. Yes or no has an
        exact interval where one row is taken from another; of other contrasts nothing is called the same. Where runs
        are not independent there are differences, and no tests.
        """
        found, looks = differences(self.of(metric.name), contrasts), self.looks
        found[:, :skipped] = np.nan
        if why_not_independent(self.environment) is not None:
            return [_untested(Judged(), line) for line in found], found
        if (
            metric.summary == "wait"
        ):  # where nobody got to the end two budgets are compared, which are equal anyway
            arrived = np.array([summary.has(metric.name) for summary in self.summaries])
            found[[bool(c) and not arrived[list(c)].any() for c in contrasts]] = np.nan
        answers = metric.summary == "share"
        design = Design(
            looks=looks.planned or (len(self.seeds),),
            hypotheses=family or max(1, int(np.isfinite(found).any(axis=1).sum())),
            margin=np.nan if answers and not all(map(is_pair, contrasts)) else self.margin(metric),
            alpha=looks.decide["alpha"],
            seed=looks.seed,
            answers=answers and all(map(is_pair, contrasts)),
            is_secondary=metric.name != looks.decide["metric"],
        )
        last = [looks.of_row(*(self.labels[row] for row in contrast)) for contrast in contrasts]
        judged = [Judged()] * len(contrasts)
        for step in judge(found, design, last):
            judged = step
        ends = np.array([design.looks[max(one.look, 1) - 1] for one in judged], dtype=np.int64)
        found = np.where(np.arange(found.shape[1]) < ends[:, None], found, np.nan)
        return [_untested(one, line) for one, line in zip(judged, found, strict=True)], found

    def stores(self, table: str) -> bool:
        """True if any run stored rows of a table: 'probes', 'evaluations' or 'exact'."""
        return any(getattr(run_data, table) for line in self.summaries for run_data in line.run_data)

    def has(self, name: str) -> bool:
        """True if any run has such a score."""
        return any(line.has(name) for line in self.summaries)


def _untested(one: Judged, differences: Floats) -> Judged:
    """Before the first look, and of runs that share state, there is a difference and no test."""
    known = differences[np.isfinite(differences)]
    if one.look or not len(known):
        return one
    return replace(one, n=len(known), difference=float(known.mean()))


def environment_scores(results: Results, lines: list[RowSummary]) -> list[EnvironmentScores]:
    """One per environment in which a run is valid."""
    found = []
    for environment in results.environments:
        here = tuple(line for line in lines if line.row.env_id == environment["env_id"])
        if any(line.n for line in here):
            looks = looks_of(results.study, results.decisions, environment["env_id"])
            found.append(EnvironmentScores(environment, tuple(results.study["seeds"]), here, looks))
    return found
