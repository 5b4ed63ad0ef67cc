"""Every row of a study against the baseline, metric by metric, with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.findings.decide import judged_row
from analysis.findings.looks import FIXED, Looks
from analysis.findings.repeatability import why_not_independent, why_not_repeatable
from analysis.findings.scores import EnvironmentScores
from analysis.loading import reference
from analysis.metrics import METRICS, Floats, Metric
from analysis.statistics.contrasts import cliffs_delta, effect_size, minus, variance_reduction
from analysis.statistics.intervals import Interval
from analysis.statistics.power import SeedsNeeded, seeds_needed_over
from analysis.statistics.sequential import Judged, Verdict

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
    "value_excess",
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
    """Of the row and of the baseline, over the common seeds that count."""
    judged: Judged
    """Its tests, sequential where the study decides by looks."""
    family: int
    """Hypotheses that Holm's method corrects for: the rows of this environment and metric that were tested."""
    margin: float
    """What counts as no effect, in the metric's units; NaN where nothing says."""
    effect_size: float
    cliffs_delta: float
    variance_reduction: float
    seeds: SeedsNeeded | None
    failed: int
    """Runs of the row and of the baseline that failed."""
    at_worst: float
    """The difference if every failed run of the row had been the worst and every one of the baseline the best."""
    at_best: float
    is_identical: bool = False
    """True if row and baseline score the same in every run; answers (yes or no) are never known to."""
    untested: str | None = None
    """Why nothing is tested here, whatever the seeds."""
    looks: Looks = FIXED
    """How many seeds there are, and by which metric that was decided."""

    @property
    def is_primary(self) -> bool:
        """True if the study decides by this metric."""
        return bool(self.metric.name == self.looks.decide["metric"])

    @property
    def is_stopped(self) -> bool:
        """True if a verdict stopped the row, so that its means are those of seeds at which it looked clear."""
        return 0 < self.judged.look < len(self.looks.planned)

    @property
    def n(self) -> int:
        """Common seeds."""
        return self.judged.n

    @property
    def difference(self) -> Interval:
        """The mean difference with its interval."""
        return Interval(self.judged.difference, self.judged.low, self.judged.high)

    @property
    def verdict(self) -> Verdict:
        """The verdict in a word."""
        return self.judged.verdict(self.metric.bigger_is_better)

    @property
    def is_small(self) -> bool:
        """True if the row differs, by less than the margin."""
        return self.judged.differs and self.judged.same

    @property
    def is_marked(self) -> bool:
        """True if the interval is the last look's alone, or of shares, wider than the test that found a difference."""
        return self.judged.is_last_look_alone or (self.judged.differs and not self.judged.excludes_zero)


def compare_all(scores: EnvironmentScores) -> list[RowComparison]:
    """Every metric in turn, and in it every row of which a run was made and that has a baseline to be compared with."""
    rows = [summary.row for summary in scores.summaries]
    pairs = [
        (place, rows.index(of))
        for place, row in enumerate(rows)
        if row.is_tried and (of := reference(rows, row))
    ]
    return [_as_decided(scores, one) if one.is_primary else one for one in compare_pairs(scores, pairs)]


def compare_pairs(scores: EnvironmentScores, pairs: Sequence[tuple[int, int]]) -> list[RowComparison]:
    """(row, row that it is compared with) by their places, on every metric that the runs have."""
    return [
        found
        for metric in METRICS.values()
        if pairs and metric.is_compared and scores.has(metric.name)
        for found in compare_rows(scores, metric, pairs)
    ]


def compare_rows(
    scores: EnvironmentScores, metric: Metric, pairs: Sequence[tuple[int, int]], skipped: int = 0
) -> list[RowComparison]:
    """Rows of an environment against other rows of it, but for its first ``skipped`` seeds, as one family."""
    values, looks, margin = scores.of(metric.name), scores.looks, scores.margin(metric)
    judged, differences = scores.judge(metric, [minus(*pair) for pair in pairs], skipped)
    untested, is_paired = why_not_independent(scores.environment), not why_not_repeatable(scores.environment)
    family = 0 if untested else sum(one.n > 0 for one in judged)
    worst, best = (scores.imputed(metric.name, end) for end in (True, False))
    found = []
    for (row, base), one, line in zip(pairs, judged, differences, strict=True):
        seeds = slice(skipped, looks.planned[max(one.look, 1) - 1] if looks.planned else None)
        both, effect = np.isfinite(line), effect_size(line)
        x, y = values[row][both], values[base][both]
        spread = one.difference / effect if effect else np.nan
        found.append(
            RowComparison(
                env_id=scores.env_id,
                metric=metric,
                label=scores.labels[row],
                against=scores.labels[base],
                means=(_mean(x), _mean(y)),
                judged=one,
                family=family,
                margin=margin,
                effect_size=effect,
                cliffs_delta=cliffs_delta(x, y),
                variance_reduction=variance_reduction(x, y) if is_paired else np.nan,
                seeds=seeds_needed_over(
                    one.difference, one.low, one.high, spread, looks.decide["alpha"] / max(1, family)
                ),
                failed=int(scores.failed[[row, base], seeds].sum()),
                at_worst=_mean((worst[row] - best[base])[seeds]),
                at_best=_mean((best[row] - worst[base])[seeds]),
                is_identical=bool(metric.summary != "share" and one.n and not line[both].any()),
                untested=untested,
                looks=looks,
            )
        )
    return found


def _as_decided(scores: EnvironmentScores, one: RowComparison) -> RowComparison:
    """The comparison on the primary metric as decisions.json has it, if the study decides by looks."""
    stored = scores.looks.decided.get(one.label)
    if stored is None or stored["against"] != one.against:
        return one
    mean, other = (np.nan if stored[name] is None else stored[name] for name in ("mean", "baseline_mean"))
    return replace(one, judged=judged_row(stored), means=(mean, other), family=scores.looks.hypotheses)


def on_metric(found: Sequence[RowComparison], env_id: str, metric: str) -> list[RowComparison]:
    """The comparisons in one environment on one metric."""
    return [one for one in found if (one.env_id, one.metric.name) == (env_id, metric)]


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan
