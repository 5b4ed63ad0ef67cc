"""Every row of a study against the baseline, metric by metric, with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.loading import reference
from analysis.metrics import METRICS, Floats, Ints, Metric
from analysis.statistics.intervals import Interval
from analysis.statistics.paired import Comparison, compare, holm
from analysis.statistics.power import SeedsNeeded, seeds_needed_over
from analysis.statistics.verdicts import Verdict, verdict

HEADLINES = (
    "final_return",
    "auc",
    "steps_to_threshold",
    "running_variance",
    "evaluation_return",
    "q_error",
    "exact_overestimation",
    "regret",
    "overestimation",
    "soft_divergence",
    "churn",
)
"""What tables for people hold, in this order, as far as the runs have it; the CSV holds every metric."""


@dataclass(frozen=True)
class RowComparison:
    """A row against another one, mostly the baseline's, on one metric."""

    env_id: str
    metric: Metric
    label: str
    against: str
    means: tuple[float, float]
    """Of the row and of the baseline, over all their runs."""
    comparison: Comparison
    p_holm: float
    family: int
    """Comparisons that Holm's method corrects for: the rows of this environment and metric that were tested."""
    scale: float
    verdict: Verdict
    seeds: SeedsNeeded | None
    failed: int
    """Runs of the row and of the baseline that failed."""
    at_worst: float
    """The difference if every failed run of the row had been the worst and every one of the baseline the best."""
    at_best: float

    @property
    def direction(self) -> str:
        """'better', 'worse', 'higher' or 'lower'; '' where nothing is said to differ."""
        if self.verdict != "differs":
            return ""
        up = self.comparison.difference.point > 0
        if self.metric.bigger_is_better is None:
            return "higher" if up else "lower"
        return "better" if up == self.metric.bigger_is_better else "worse"

    @property
    def is_identical(self) -> bool:
        """True if row and baseline score the same in every run; answers (yes or no) are never known to."""
        return self.metric.summary != "share" and self.comparison.difference == Interval(0, 0, 0)


def compare_all(scores: EnvironmentScores) -> list[RowComparison]:
    """Every metric in turn, and in it every row of which a run was made and that has a baseline to be compared with."""
    rows = [summary.row for summary in scores.summaries]
    pairs = [
        (place, rows.index(of))
        for place, row in enumerate(rows)
        if row.is_tried and (of := reference(rows, row))
    ]
    return compare_pairs(scores, pairs)


def compare_pairs(scores: EnvironmentScores, pairs: Sequence[tuple[int, int]]) -> list[RowComparison]:
    """(row, row that it is compared with) by their places, on every metric that the runs have."""
    if not pairs:
        return []
    places, against = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    return [
        found
        for metric in METRICS.values()
        if is_compared(metric) and scores.has(metric.name)
        for found in compare_rows(scores, metric, places, against)
    ]


def is_compared(metric: Metric) -> bool:
    """True if runs have a score of their own that can be paired; waiting times need a budget to be cut at."""
    return metric.score is not None and (metric.summary != "wait" or metric.scale == "steps")


def compare_rows(
    scores: EnvironmentScores, metric: Metric, places: Ints, against: Ints, seeds: slice = slice(None)
) -> list[RowComparison]:
    """Rows of an environment against other rows of it, on these of its seeds, as one family.

    Where no run of either row got to the end of a waiting time, nothing is compared: two budgets are equal anyway.
    """
    values, scale = scores.of(metric.name)[:, seeds], scores.scale(metric)
    x, y = values[places], values[against]
    if metric.summary == "wait":
        arrived = np.array([summary.has(metric.name) for summary in scores.summaries])
        x = np.where((arrived[places] | arrived[against])[:, None], x, np.nan)
    found = compare(x, y, answers=metric.summary == "share")
    adjusted = holm([one.p for one in found])
    family = int(np.isfinite(adjusted).sum())
    worst, best = (scores.imputed(metric.name, end)[:, seeds] for end in (True, False))
    failed = scores.failed[:, seeds].sum(axis=1)
    return [
        RowComparison(
            env_id=scores.env_id,
            metric=metric,
            label=scores.labels[row],
            against=scores.labels[base],
            means=(_mean(values[row]), _mean(values[base])),
            comparison=one,
            p_holm=p_holm,
            family=family,
            scale=scale,
            verdict=verdict(one.difference, p_holm, scale),
            seeds=_seeds(one, family),
            failed=int(failed[row] + failed[base]),
            at_worst=_mean(worst[row] - best[base]),
            at_best=_mean(best[row] - worst[base]),
        )
        for row, base, one, p_holm in zip(places.tolist(), against.tolist(), found, adjusted, strict=True)
    ]


def on_metric(found: Sequence[RowComparison], env_id: str, metric: str) -> list[RowComparison]:
    """The comparisons in one environment on one metric."""
    return [one for one in found if (one.env_id, one.metric.name) == (env_id, metric)]


def _seeds(found: Comparison, family: int) -> SeedsNeeded | None:
    ends, effect = found.difference, found.effect_size
    spread = ends.point / effect if np.isfinite(effect) and effect else np.nan
    return seeds_needed_over(ends.point, ends.low, ends.high, spread, max(1, family))


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan
