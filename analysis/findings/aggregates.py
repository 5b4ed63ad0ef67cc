"""Aggregates of normalised scores over environments: tables/aggregates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.metrics import METRICS, Floats
from analysis.statistics.aggregates import (
    AGGREGATES,
    aggregate,
    improvement,
    normalized,
    pooled,
    probability,
)
from analysis.statistics.intervals import Interval, generator
from analysis.tables.summary import lowered
from analysis.tables.table import Sheet, csv_text, document, latex

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

    def record(self) -> dict[str, Any]:
        """The aggregate as a line of the CSV."""
        return {
            "metric": self.metric,
            "aggregate": self.aggregate,
            "variant": self.label,
            "environments": self.environments,
            "n": self.n,
            "value": self.number.point,
            "low": self.number.low,
            "high": self.number.high,
            "failed": self.failed,
            "at_worst": self.at_worst if self.failed else np.nan,
            "at_best": self.at_best if self.failed else np.nan,
        }


def aggregate_all(environment_scores: Sequence[EnvironmentScores], baseline: str) -> list[Aggregate]:
    """Every aggregate of every row over the environments that can be normalised; nothing where none can."""
    environment_scores = [scores for scores in environment_scores if scores.is_normalized]
    return [found for metric in AGGREGATED if environment_scores for found in _of_metric(environment_scores, metric, baseline)]


def left_out(environment_scores: Sequence[EnvironmentScores]) -> list[str]:
    """Why an environment is in no aggregate."""
    found = []
    for scores in environment_scores:
        if not scores.is_normalized:
            lacks = (
                "threshold" if scores.threshold is None else "score of the random policy below its threshold"
            )
            found.append(f"{scores.env_id} has no stored {lacks}: it is left out of aggregates.")
    return found


def _of_metric(environment_scores: Sequence[EnvironmentScores], metric: str, baseline: str) -> Iterator[Aggregate]:
    whole = _stacked(environment_scores, [scores.of(metric) for scores in environment_scores])
    worst = _stacked(environment_scores, [scores.imputed(metric, worst=True) for scores in environment_scores])
    best = _stacked(environment_scores, [scores.imputed(metric, worst=False) for scores in environment_scores])
    labels, runs = environment_scores[0].labels, np.isfinite(whole).sum(axis=(1, 2)).tolist()
    failed = np.sum([scores.failed.sum(axis=1) for scores in environment_scores], axis=0).tolist()

    def line(place: int, name: str, number: Interval, ends: tuple[float, float]) -> Aggregate:
        return Aggregate(metric, name, labels[place], len(environment_scores), runs[place], number, failed[place], *ends)

    for name, function in AGGREGATES.items():
        at_worst, at_best = pooled(worst, function).tolist(), pooled(best, function).tolist()
        for place, number in enumerate(aggregate(whole, function, generator())):
            yield line(place, name, number, (at_worst[place], at_best[place]))
    bases = [place for place, found in enumerate(environment_scores[0].lines) if found.row.variant == baseline]
    if len(bases) == 1:
        (base,) = bases
        for place in range(len(labels)):
            if place != base:
                number = improvement(whole[place], whole[base], generator())
                pair = (probability(worst[place], best[base]), probability(best[place], worst[base]))
                yield line(place, "improvement", number, pair)


def _stacked(environment_scores: Sequence[EnvironmentScores], values: Sequence[Floats]) -> Floats:
    """Normalised scores of all environments, (V, E, S)."""
    return np.stack([_normalized(*pair) for pair in zip(environment_scores, values, strict=True)], axis=1)


def _normalized(scores: EnvironmentScores, values: Floats) -> Floats:
    assert scores.random is not None
    assert scores.threshold is not None
    return normalized(values, scores.random, scores.threshold)


# ---- as text -------------------------------------------------------------------------------------------------------

TITLES = {
    "iqm": "IQM",
    "mean": "mean",
    "median": "median",
    "optimality_gap": "optimality gap",
    "improvement": "P(better than baseline)",
}


def as_csv(found: Sequence[Aggregate]) -> str:
    """Every aggregate."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[Aggregate], missing: Sequence[str]) -> str:
    """A table per metric."""
    return document(f"{name}: aggregates of normalised scores", sheets(found), [*notes(found), *missing])


def as_latex(name: str, found: Sequence[Aggregate], facts: str) -> str:
    """The same for a paper."""
    return latex(f"Study {name}: aggregates. {facts} {' '.join(notes(found))}", sheets(found))


def sheets(found: Sequence[Aggregate]) -> list[Sheet]:
    """A sheet per metric: a line per row of the study, a column per aggregate."""
    made = []
    for metric in dict.fromkeys(one.metric for one in found):
        here = {(one.label, one.aggregate): one for one in found if one.metric == metric}
        names = list(dict.fromkeys(aggregate for _, aggregate in here))
        body = []
        for label in dict.fromkeys(label for label, _ in here):
            ones = [here.get((label, name)) for name in names]
            body.append([label, str(here[label, names[0]].n), *map(_cell, ones)])
        head = ["variant", "runs", *(TITLES[name] for name in names)]
        made.append(Sheet(f"{lowered(METRICS[metric].title)}, normalised", head, body))
    return made


def _cell(one: Aggregate | None) -> str:
    if one is None:
        return "-"
    number = one.number
    text = "n/a" if np.isnan(number.point) else f"{number.point:.2f}"
    if np.isfinite(number.low):
        text += f" [{number.low:.2f}, {number.high:.2f}]"
    return f"{text} ({one.at_worst:.2f} to {one.at_best:.2f})" if one.failed else text


def notes(found: Sequence[Aggregate]) -> list[str]:
    """How to read the table."""
    environments = max((one.environments for one in found), default=0)
    return [
        f"Scores: (x - random) / (threshold - random) over {environments} environment"
        f"{'' if environments == 1 else 's'}; 0 is the random policy, 1 the threshold. Runs of all environments are "
        "taken together.",
        "IQM: the 25 % trimmed mean (of ten runs the middle six). Optimality gap: what is missing to the threshold; "
        "smaller is better. Brackets: 95 % stratified percentile bootstrap, the same resampled seeds for all rows.",
        *(
            [
                "P(better than baseline): Mann and Whitney's U over the pairs, ties one half, mean over environments."
            ]
            if any(one.aggregate == "improvement" for one in found)
            else []
        ),
        "Round brackets: if failed runs had scored the worst to the best of any run here.",
    ]
