"""Sample efficiency as worlds grow: how many steps tables and networks take to a good policy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.figures import parts, style
from analysis.figures.layout import base_slots
from analysis.figures.page import SMALL, WIDTH, Page
from analysis.figures.recorded_panels import KEY_LINE, LEFT
from analysis.figures.style import Look
from analysis.findings.bands import EnvironmentBands
from analysis.findings.world_sizes import GOOD, Line
from analysis.loading import Results
from analysis.tables.spelling import range_text, row_name

APART = 0.035
"""Lines are shifted by this share of a world's size, lest marks of several hide each other."""


def draw(results: Results, worlds: Sequence[EnvironmentBands], found: Sequence[Line]) -> Page:
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
    looks = style.distinguished([_look(line, worlds) for line in found])
    handles = [_handle(*pair) for pair in zip(found, looks, strict=True)]
    page.key(LEFT, -0.19, handles, [_title(line) + _missed(line) for line in found])
    axes = page.axes(LEFT + 0.1, head, WIDTH - LEFT - 0.3, tall)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for place, (line, look) in enumerate(zip(found, looks, strict=True)):
        _draw_line(axes, line, look, shift=1 + APART * (place - (len(found) - 1) / 2))
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


def _title(line: Line) -> str:
    return f"{line.kind}: {row_name(line.points[-1].row)}"


def _look(line: Line, worlds: Sequence[EnvironmentBands]) -> Look:
    """The row's own color; a table's line is dashed."""
    point = line.points[-1]
    data = next(data for data in worlds if data.env_id == point.env_id)
    look = style.look(point.row.slots, point.row.facts, base_slots(data, point.row))
    return Look(look.color, style.DASHED if line.kind == "table" else style.SOLID)


def _draw_line(axes: Axes, line: Line, look: Look, shift: float) -> None:
    """Medians with intervals; where there is no median, an open triangle at the budget."""
    known = [point for point in line.points if np.isfinite(point.waiting.median.point)]
    at = [point.states * shift for point in known]
    medians = [point.waiting.median for point in known]
    axes.plot(
        at,
        [median.point for median in medians],
        color=look.color,
        linewidth=look.width,
        dashes=look.dash or (None, None),
        marker=_marker(line),
        markersize=4,
        zorder=4,
    )
    for x, median, point in zip(at, medians, known, strict=True):
        low = median.low if np.isfinite(median.low) else median.point
        high = median.high if np.isfinite(median.high) else point.last
        if point.waiting.of > 1:
            axes.plot([x, x], [low, high], color=look.color, linewidth=0.8, zorder=3)
    for point in line.points:
        if point not in known:
            axes.plot(
                [point.states * shift],
                [point.last],
                marker="^",
                markersize=5,
                markerfacecolor="white",
                color=look.color,
                zorder=5,
            )


def _handle(line: Line, look: Look) -> Artist:
    dashes = look.dash or (None, None)
    return Line2D([], [], color=look.color, dashes=dashes, marker=_marker(line), markersize=4)


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
