"""Each variant at its best: the point of a sweep is chosen on some seeds and judged on others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.findings.against_baseline import RowComparison, compare_rows
from analysis.findings.scores import EnvironmentScores
from analysis.metrics import METRICS, Floats

CHOOSING = 3
"""One in so many seeds, the first ones, choose; the others judge."""
CHOSEN_BY = ("final_return", "auc")


@dataclass(frozen=True)
class TunedComparison:
    """A variant's best point against the baseline's best point."""

    compared: RowComparison
    choosing: tuple[int, ...]
    """Seeds that chose the point."""
    judging: tuple[int, ...]
    """Seeds that are compared."""


def best(values: Floats) -> int | None:
    """The line with the largest mean over seeds, the first of equals: (points, seeds); None where nothing stands."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    means = np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1)
    means[count == 0] = -np.inf
    return int(np.argmax(means)) if len(means) and count.any() else None


def compare_tuned(scores: EnvironmentScores, baseline: str) -> list[TunedComparison]:
    """For each metric: every variant's best point against the baseline's; nothing where there is nothing to choose."""
    points: dict[str, list[int]] = {}
    for place, summary in enumerate(scores.summaries):
        points.setdefault(summary.row.variant, []).append(place)
    cut = (scores.looks.planned or (len(scores.seeds),))[
        0
    ] // CHOOSING  # with looks every row has the first one's
    swept = any(len(places) > 1 for places in points.values())
    if not cut or baseline not in points or len(points) < 2 or not swept:
        return []
    selected = []
    for name in CHOSEN_BY:
        values = scores.of(name)[:, :cut]
        chosen = {
            variant: places[found]
            for variant, places in points.items()
            if (found := best(values[places])) is not None
        }
        others = [place for variant, place in chosen.items() if variant != baseline]
        if baseline in chosen and others:
            for one in compare_rows(
                scores, METRICS[name], [(place, chosen[baseline]) for place in others], cut
            ):
                selected.append(TunedComparison(one, scores.seeds[:cut], scores.seeds[cut:]))
    return selected
