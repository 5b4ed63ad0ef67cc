"""Table against network as worlds grow, as text: tables/table-against-network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.findings.evidence import Evidence
from analysis.findings.world_sizes import GOOD, Line, Point
from analysis.tables.spelling import interval_text, number_text, waiting_text
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table


def page(found: Evidence) -> Page:
    """Steps to a good policy: a line per row, kind of function and world."""
    table = _table(found.world_sizes)
    return Page(
        name="table-against-network",
        title="table against network",
        heading="Table against network",
        records=numbers(found.world_sizes),
        tables=[table],
        paper=[table],
        caption=f"table against network. {facts(found.summaries, found.results)}",
    )


def numbers(found: Sequence[Line]) -> Table:
    """Every number, for programs."""
    columns = ("env_id", "variant", "function", "states", "level", "n", "missed", "median", "low", "high")
    rows = [
        [
            *(point.env_id, line.label, line.kind, point.states, GOOD, waited.of, waited.missed),
            *(waited.median.point, waited.median.low, waited.median.high),
        ]
        for line in found
        for point in line.points
        for waited in (point.waiting,)
    ]
    return Table("", columns, rows)


def _table(found: Sequence[Line]) -> Table:
    words = ("function", "variant", "environment")
    return Table(
        "Steps to a good policy, by size of the world",
        [*words, "states", "n", f"steps to regret {GOOD:g}"],
        [
            [line.kind, line.label, point.env_id, str(point.states), str(point.waiting.of), _cell(point)]
            for line in found
            for point in line.points
        ],
        words,
    )


def _cell(point: Point) -> str:
    """'700 [600, 900]', 'not reached by 3 of 3'."""
    missed, median = waiting_text(point.waiting), point.waiting.median
    if np.isnan(median.point):
        return missed
    one = point.waiting.of == 1
    text = (
        number_text("steps_to_threshold", median.point)
        if one
        else interval_text("steps_to_threshold", median)
    )
    return f"{text}; {missed}" if missed else text
