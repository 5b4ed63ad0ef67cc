"""Aggregates of normalised scores over environments: tables/aggregates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.scores import Board
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
class Aggregated:
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


def aggregate_all(boards: Sequence[Board], baseline: str) -> list[Aggregated]:
    """Every aggregate of every row over the environments that can be normalised; nothing where none can."""
    boards = [board for board in boards if board.is_normalized]
    return [found for metric in AGGREGATED if boards for found in _of_metric(boards, metric, baseline)]


def left_out(boards: Sequence[Board]) -> list[str]:
    """Why an environment is in no aggregate."""
    found = []
    for board in boards:
        if not board.is_normalized:
            lacks = (
                "threshold" if board.threshold is None else "score of the random policy below its threshold"
            )
            found.append(f"{board.env_id} has no stored {lacks}: it is left out of aggregates.")
    return found


def _of_metric(boards: Sequence[Board], metric: str, baseline: str) -> Iterator[Aggregated]:
    whole = _stacked(boards, [board.scores(metric) for board in boards])
    worst = _stacked(boards, [board.imputed(metric, worst=True) for board in boards])
    best = _stacked(boards, [board.imputed(metric, worst=False) for board in boards])
    labels, runs = boards[0].labels, np.isfinite(whole).sum(axis=(1, 2)).tolist()
    failed = np.sum([board.failed.sum(axis=1) for board in boards], axis=0).tolist()

    def line(place: int, name: str, number: Interval, ends: tuple[float, float]) -> Aggregated:
        return Aggregated(metric, name, labels[place], len(boards), runs[place], number, failed[place], *ends)

    for name, function in AGGREGATES.items():
        at_worst, at_best = pooled(worst, function).tolist(), pooled(best, function).tolist()
        for place, number in enumerate(aggregate(whole, function, generator())):
            yield line(place, name, number, (at_worst[place], at_best[place]))
    bases = [place for place, found in enumerate(boards[0].lines) if found.row.variant == baseline]
    if len(bases) == 1:
        (base,) = bases
        for place in range(len(labels)):
            if place != base:
                number = improvement(whole[place], whole[base], generator())
                pair = (probability(worst[place], best[base]), probability(best[place], worst[base]))
                yield line(place, "improvement", number, pair)


def _stacked(boards: Sequence[Board], scores: Sequence[Floats]) -> Floats:
    """Normalised scores of all environments, (V, E, S)."""
    return np.stack([_normalized(*pair) for pair in zip(boards, scores, strict=True)], axis=1)


def _normalized(board: Board, scores: Floats) -> Floats:
    assert board.random is not None
    assert board.threshold is not None
    return normalized(scores, board.random, board.threshold)


# ---- as text -------------------------------------------------------------------------------------------------------

TITLES = {
    "iqm": "IQM",
    "mean": "mean",
    "median": "median",
    "optimality_gap": "optimality gap",
    "improvement": "P(better than baseline)",
}


def as_csv(found: Sequence[Aggregated]) -> str:
    """Every aggregate."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[Aggregated], missing: Sequence[str]) -> str:
    """A table per metric."""
    return document(f"{name}: aggregates of normalised scores", sheets(found), [*notes(found), *missing])


def as_latex(name: str, found: Sequence[Aggregated], facts: str) -> str:
    """The same for a paper."""
    return latex(f"Study {name}: aggregates. {facts} {' '.join(notes(found))}", sheets(found))


def sheets(found: Sequence[Aggregated]) -> list[Sheet]:
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


def _cell(one: Aggregated | None) -> str:
    if one is None:
        return "-"
    number = one.number
    text = "n/a" if np.isnan(number.point) else f"{number.point:.2f}"
    if np.isfinite(number.low):
        text += f" [{number.low:.2f}, {number.high:.2f}]"
    return f"{text} ({one.at_worst:.2f} to {one.at_best:.2f})" if one.failed else text


def notes(found: Sequence[Aggregated]) -> list[str]:
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
