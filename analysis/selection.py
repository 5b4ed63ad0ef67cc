"""Each variant at its best: the point of a sweep is chosen on some seeds and judged on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.board import Board
from analysis.comparisons import Compared, compare_rows, heading, table
from analysis.metrics import METRICS, Floats
from analysis.sheets import csv_text

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
    text = [f"# {name}: each variant at its best", ""]
    for env_id, metric in dict.fromkeys((one.compared.env_id, one.compared.metric.name) for one in found):
        here = [one for one in found if (one.compared.env_id, one.compared.metric.name) == (env_id, metric)]
        ones = [one.compared for one in here]
        text += [f"## {env_id}: {heading(ones[0])}", ""]
        text += [
            f"Against {ones[0].against}. Chosen on seeds {_seeds(here[0].choosing)}, judged on the others.",
            "",
        ]
        text += [*table(ones), ""]
    return "\n".join(text)


def _seeds(seeds: Sequence[int]) -> str:
    """'0 to 4', or the seeds one by one where they don't follow each other."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return " ".join(map(str, seeds))
