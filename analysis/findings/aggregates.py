"""Aggregates of normalised scores over environments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.metrics import Floats
from analysis.statistics.aggregates import (
    AGGREGATES,
    aggregate,
    common,
    improvement,
    pooled,
    probability,
)
from analysis.statistics.intervals import Interval

AGGREGATED = ("final_return", "auc")


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of one row."""

    metric: str
    aggregate: str
    label: str
    environments: int
    n: int
    number: Interval
    failed: int
    at_worst: float
    """The number with every failed run at the worst score of any run in its environment."""
    at_best: float


def aggregate_all(found: Sequence[EnvironmentScores]) -> list[Aggregate]:
    """Every aggregate of every row over the environments that can be normalised; nothing where none can."""
    found = [scores for scores in found if scores.is_normalized]
    return [one for metric in AGGREGATED if found for one in _of_metric(found, metric)]


def _of_metric(found: Sequence[EnvironmentScores], metric: str) -> Iterator[Aggregate]:
    whole = _stacked(found, [scores.of(metric) for scores in found])
    worst = _stacked(found, [scores.imputed(metric, worst=True) for scores in found])
    best = _stacked(found, [scores.imputed(metric, worst=False) for scores in found])
    labels, runs = found[0].labels, np.isfinite(whole).sum(axis=(1, 2)).tolist()
    failed = np.sum([scores.failed.sum(axis=1) for scores in found], axis=0).tolist()

    def row(place: int, name: str, number: Interval, ends: tuple[float, float]) -> Aggregate:
        return Aggregate(metric, name, labels[place], len(found), runs[place], number, failed[place], *ends)

    for name, function in AGGREGATES.items():
        at_worst, at_best = pooled(worst, function).tolist(), pooled(best, function).tolist()
        for place, number in enumerate(aggregate(whole, function)):
            yield row(place, name, number, (at_worst[place], at_best[place]))
    for place, summary in enumerate(found[0].summaries):
        if summary.row.against in labels:
            base = labels.index(summary.row.against)
            number = improvement(whole[place], whole[base])
            pair = (_probability(worst[place], best[base]), _probability(best[place], worst[base]))
            yield row(place, "improvement", number, pair)


def _probability(x: Floats, y: Floats) -> float:
    return float(probability(x, y, np.ones((x.size, 1)))[0])


def _stacked(found: Sequence[EnvironmentScores], values: Sequence[Floats]) -> Floats:
    """Normalised scores of all environments at the seeds that all rows have there, (V, E, S)."""
    return np.stack([common(one.normalized(here)) for one, here in zip(found, values, strict=True)], axis=1)
