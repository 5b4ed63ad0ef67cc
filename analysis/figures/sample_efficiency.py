"""Sample efficiency as worlds grow: how many steps tables and networks take to a good policy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures import exact, parts, style
from analysis.figures.data import FigureData, RowBands
from analysis.figures.layout import base_slots
from analysis.figures.page import SMALL, WIDTH, Page
from analysis.figures.recorded_panels import KEY_LINE, LEFT, Recorded, number_text
from analysis.figures.style import Look
from analysis.loading import Results
from analysis.statistics.intervals import WaitingTime, waiting_time
from analysis.tables.spelling import range_text, row_name

GOOD = 0.05
"""A greedy policy with at most this regret is good enough."""
APART = 0.035
"""Lines are shifted by this share of a world's size, lest marks of several hide each other."""


class Point(NamedTuple):
    """The waiting time of a row in a world of one size."""

    env_id: str
    states: int
    waiting: WaitingTime
    last: float
    """When the last run got there, or was given up."""


@dataclass(frozen=True)
class Line:
    """A row as the world grows, with a table or with a network."""

    label: str
    kind: str
    title: str
    look: Look
    points: tuple[Point, ...]


def lines(worlds: Sequence[tuple[FigureData, Mapping[str, Recorded]]]) -> list[Line]:
    """A line per row and kind of function; none unless there are worlds of several sizes."""
    sizes = {(data.env_id, label): exact.states(data, label) for data, found in worlds for label in found}
    if len(set(sizes.values())) < 2:
        return []
    points: dict[tuple[str, str], list[Point]] = {}
    drawn: dict[str, tuple[FigureData, RowBands]] = {}
    for data, found in worlds:
        for label, one in found.items():
            row = one.drawn.row
            kind = "table" if any(facts.get("tabular") for facts in row.facts.values()) else "network"
            drawn[label] = data, one.drawn
            point = Point(data.env_id, sizes[data.env_id, label], *steps_to_good(one))
            points.setdefault((label, kind), []).append(point)
    return [
        Line(
            label,
            kind,
            f"{kind}: {row_name(drawn[label][1].row)}",
            _look(*drawn[label], kind),
            tuple(sorted(found, key=lambda point: point.states)),
        )
        for (label, kind), found in points.items()
    ]


def steps_to_good(one: Recorded) -> tuple[WaitingTime, float]:
    """The first comparison at which regret is at most ``GOOD``, censored at the last one; and the latest time."""
    good = one.bands["regret"].runs <= GOOD  # (n, G)
    reached = np.asarray(good.any(axis=1))
    at = one.at["regret"]
    times = np.where(reached, at[good.argmax(axis=1)], at[-1]).astype(np.float64)
    return waiting_time(times, reached), float(times.max())


def draw(results: Results, found: Sequence[Line]) -> Page:
    """Steps to a good policy against the number of states, both logarithmic."""
    n = f"n = {range_text([point.waiting.of for line in found for point in line.points])}"
    head, tall = KEY_LINE * len(found) - 0.1, 2.4
    page = Page(
        head + tall + 0.4,
        f"Sample efficiency as the world grows ({n})",
        f"Study {results.study['name']}, {results.runs_text()}",
        f"Environment steps until the greedy policy's regret, V* - V at the start, is at most {GOOD:g} for the first "
        f"time: median over seeds by Kaplan and Meier with its {parts.PERCENT} log-log interval ({n}). A table is a "
        "network without hidden layers on one-hot states. An interval without an upper end is drawn to the latest run. "
        "An open triangle at the budget: too few seeds got there for a median.",
    )
    handles = [_handle(line) for line in found]
    page.key(LEFT, -0.19, handles, [line.title + _missed(line) for line in found])
    axes = page.axes(LEFT + 0.1, head, WIDTH - LEFT - 0.3, tall)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for place, line in enumerate(found):
        _draw_line(axes, line, shift=1 + APART * (place - (len(found) - 1) / 2))
    sizes = sorted({point.states for line in found for point in line.points})
    axes.set_xlim(sizes[0] / 1.2, sizes[-1] * 1.2)
    for axis, places in ((axes.xaxis, [float(size) for size in sizes]), (axes.yaxis, _nice(axes))):
        axis.set_major_locator(FixedLocator(places))
        axis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: parts.steps_text(value)))
    axes.set_xlabel("states that are not terminal", labelpad=1.5)
    axes.set_ylabel(f"steps to regret {GOOD:g}", fontsize=SMALL)
    return page


def as_csv(found: Iterable[Line]) -> str:
    """The numbers behind the figure: one line per row and world."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["env_id", "variant", "function", "states", "level", "n", "missed", "median", "low", "high"]
    )
    for line in found:
        for point in line.points:
            waiting, median = point.waiting, point.waiting.median
            writer.writerow(
                [point.env_id, line.label, line.kind, point.states, GOOD, waiting.of, waiting.missed]
                + [number_text(value) for value in (median.point, median.low, median.high)]
            )
    return text.getvalue()


def _look(data: FigureData, drawn: RowBands, kind: str) -> Look:
    """The row's own color; a table's line is dashed."""
    look = style.look(drawn.row.slots, drawn.row.facts, base_slots(data, drawn.row))
    return Look(look.color, style.DASHED if kind == "table" else style.SOLID)


def _draw_line(axes: Axes, line: Line, shift: float) -> None:
    """Medians with intervals; where there is no median, an open triangle at the budget."""
    known = [point for point in line.points if np.isfinite(point.waiting.median.point)]
    at = [point.states * shift for point in known]
    medians = [point.waiting.median for point in known]
    axes.plot(
        at,
        [median.point for median in medians],
        color=line.look.color,
        linewidth=line.look.width,
        dashes=line.look.dash or (None, None),
        marker=_marker(line),
        markersize=4,
        zorder=4,
    )
    for x, median, point in zip(at, medians, known, strict=True):
        low = median.low if np.isfinite(median.low) else median.point
        high = median.high if np.isfinite(median.high) else point.last
        if point.waiting.of > 1:
            axes.plot([x, x], [low, high], color=line.look.color, linewidth=0.8, zorder=3)
    for point in line.points:
        if point not in known:
            axes.plot(
                [point.states * shift],
                [point.last],
                marker="^",
                markersize=5,
                markerfacecolor="white",
                color=line.look.color,
                zorder=5,
            )


def _handle(line: Line) -> Artist:
    dashes = line.look.dash or (None, None)
    return Line2D([], [], color=line.look.color, dashes=dashes, marker=_marker(line), markersize=4)


def _marker(line: Line) -> str:
    return "s" if line.kind == "table" else "o"


def _missed(line: Line) -> str:
    """The key's note on runs that never got there."""
    missed, of = sum(p.waiting.missed for p in line.points), sum(p.waiting.of for p in line.points)
    return f" (not reached by {missed} of {of} runs)" if missed else ""


def _nice(axes: Axes) -> list[float]:
    """1, 2, 5, 10, ... within the axis."""
    low, high = axes.get_ylim()
    places = [lead * 10.0**power for power in range(10) for lead in (1, 2, 5)]
    return [place for place in places if low <= place <= high]
