"""Each variant at its best: the point of a sweep is chosen on some seeds and judged on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.against_baseline import Compared, compare_rows, heading, sheet
from analysis.findings.scores import Board
from analysis.metrics import METRICS, Floats
from analysis.tables.table import Sheet, csv_text, document, latex

CHOOSING = 3
"""One in so many seeds, the first ones, choose; the others judge."""
CHOSEN_BY = ("final_return", "auc")


@dataclass(frozen=True)
class Selected:
    """A variant's best point against the baseline's best point."""

    compared: Compared
    choosing: tuple[int, ...]
    judging: tuple[int, ...]

    def record(self) -> dict[str, Any]:
        """The comparison as a line of the CSV, with the seeds on either side."""
        sides = {"choosing": _seeds(self.choosing), "judging": _seeds(self.judging)}
        return {**self.compared.record(), **sides}


def best(scores: Floats) -> int | None:
    """The line with the largest mean over seeds, the first of equals: (points, seeds); None where nothing stands."""
    known = np.isfinite(scores)
    count = known.sum(axis=1)
    means = np.where(known, scores, 0.0).sum(axis=1) / np.maximum(count, 1)
    means[count == 0] = -np.inf
    return int(np.argmax(means)) if len(means) and count.any() else None


def select_all(board: Board, baseline: str) -> list[Selected]:
    """For each metric: every variant's best point against the baseline's; nothing where there is nothing to choose."""
    points: dict[str, list[int]] = {}
    for place, line in enumerate(board.lines):
        points.setdefault(line.row.variant, []).append(place)
    cut = len(board.seeds) // CHOOSING
    if (
        not cut
        or baseline not in points
        or len(points) < 2
        or all(len(found) < 2 for found in points.values())
    ):
        return []
    selected = []
    for name in CHOSEN_BY:
        scores = board.scores(name)[:, :cut]
        chosen = {
            variant: places[found]
            for variant, places in points.items()
            if (found := best(scores[places])) is not None
        }
        others = [place for variant, place in chosen.items() if variant != baseline]
        if baseline in chosen and others:
            against = np.full(len(others), chosen[baseline], dtype=np.intp)
            rows = np.array(others, dtype=np.intp)
            for one in compare_rows(board, METRICS[name], rows, against, slice(cut, None)):
                selected.append(Selected(one, board.seeds[:cut], board.seeds[cut:]))
    return selected


# ---- as text -------------------------------------------------------------------------------------------------------


def as_csv(found: Sequence[Selected]) -> str:
    """Every comparison of best points."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[Selected]) -> str:
    """A table per environment and metric."""
    return document(f"{name}: each variant at its best", sheets(found), notes(found))


def as_latex(name: str, found: Sequence[Selected], facts: str) -> str:
    """The same for a paper."""
    return latex(f"Study {name}: each variant at its best. {facts} {' '.join(notes(found))}", sheets(found))


def sheets(found: Sequence[Selected]) -> list[Sheet]:
    """A sheet per environment and metric."""
    made = []
    for env_id, metric in dict.fromkeys((one.compared.env_id, one.compared.metric.name) for one in found):
        ones = [
            one.compared
            for one in found
            if (one.compared.env_id, one.compared.metric.name) == (env_id, metric)
        ]
        made.append(sheet(f"{env_id}: {heading(ones[0])}, against {ones[0].against}", ones))
    return made


def notes(found: Sequence[Selected]) -> list[str]:
    """Which seeds chose and which judged, and how to read the table."""
    sides = dict.fromkeys((one.choosing, one.judging) for one in found)
    return [
        *(
            f"Each variant's point was chosen by its mean over {_seeds(choosing)}, for each metric by that "
            f"metric; all numbers are of {_seeds(judging)} alone."
            for choosing, judging in sides
        ),
        "Differences with 95 % intervals, p values and verdicts as in the comparisons with the baseline; Holm over the "
        "variants.",
    ]


def _seeds(seeds: Sequence[int]) -> str:
    """'seeds 0 to 4', 'seed 0', or the seeds one by one where they don't follow each other."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
