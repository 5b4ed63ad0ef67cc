"""The forest plot: each row's difference to the baseline with its interval, the margin around 0, and the verdict.

One line per row, grouped by the slot that it replaces. Beside the primary metric stand the other headlines, as cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis.figures import parts, style, units
from analysis.figures.layout import base_slots
from analysis.figures.lettering import fitted, width_of, wrapped
from analysis.figures.page import HEADER, MARGIN, SMALL, WIDTH, Page
from analysis.figures.style import ALERT, BLACK, GRAY, PALE
from analysis.findings.against_baseline import RowComparison
from analysis.findings.bands import EnvironmentBands, RowBands
from analysis.metrics import METRICS
from analysis.tables.comparisons import baseline_text
from analysis.tables.spelling import (
    lowered,
    number_text,
    number_texts,
    range_text,
    row_name,
    signed_number,
)
from analysis.tables.terminal import telling_columns

MOST_ROWS = 60
"""Lines that a reader can follow down a page."""
LINE, GROUP = 0.185, 0.07
"""Inches per row, and between two groups."""
NAME = 1.62
"""Inches that names have at most."""
FOREST, CELL = 1.6, 0.68
"""Inches that the forest has at least, and that a secondary metric's column has at most."""
COUNT, WORD = 0.28, 0.9
"""Inches of the columns at the right of the forest: n, and the verdict in a word."""
GAP = 0.06
HEADS = 0.1
FOOT = 0.36
BETTER, WORSE, SAME = "#9ecae1", "#fdae6b", "#e3e3e3"
"""Cells: light enough to read numbers on, told apart by the colour-blind; in grey the signs ▲ and ▼ tell them apart."""
SIGNS = {"better": "▲", "worse": "▼", "higher": "△", "lower": "▽", "same": "=", "undecided": "?"}
MARKERS = {"better": "^", "worse": "v", "higher": "^", "lower": "v", "same": "s", "undecided": "o"}


def draw(data: EnvironmentBands, found: Sequence[RowComparison]) -> Page | None:
    """The page of an environment; None where nothing is compared on the metric by which the study decides."""
    here = [one for one in found if one.env_id == data.env_id]
    primary = {one.label: one for one in here if one.is_primary}
    lines = [drawn for drawn in data.drawn if drawn.row.label in primary]
    if not lines:
        return None
    left_out, lines = len(lines) - MOST_ROWS, lines[:MOST_ROWS]
    groups = _groups(data, lines)
    tops, height = _places(groups)
    some = next(iter(primary.values()))
    beside, silent = telling_columns(here)
    page = Page(
        HEADS + height + FOOT,
        f"{data.env_id}: {lowered(some.metric.title)}, each row minus {_baseline(primary)} (n = {_n(primary)})",
        parts.counts_text(data),
        f"{_caption(some, beside, silent, max(left_out, 0))} {parts.eyes_text(data.drawn)}".rstrip(),
    )
    names = min(NAME, max(width_of(row_name(drawn.row), SMALL) for drawn in lines) + 0.06 + MARGIN)
    room = WIDTH - 0.06 - names - COUNT - WORD - 2 * GAP
    cells = min(CELL * len(beside), room - FOREST)
    axes = page.axes(names, HEADS, room - cells, height)
    _set_axes(axes, some, [primary[drawn.row.label] for drawn in lines], height)
    for drawn in lines:
        one, top = primary[drawn.row.label], tops[drawn.row.label]
        color = _color(data, drawn)
        page.text(names - 0.06, HEADER + HEADS + top + 0.035, row_name(drawn.row), size=SMALL, align="right")
        _draw_line(axes, one, top, color, _why_empty(drawn, data.reference(drawn.row)))
    for slot, members in groups:
        _draw_group(axes, slot, [tops[drawn.row.label] for drawn in members])
    left = names + room - cells + GAP
    for title, width, align in (("n", COUNT, "right"), ("verdict", WORD, "left")):
        place = left + (width - 0.06 if align == "right" else 0.04)
        page.text(place, HEADER + HEADS - 0.07, title, size=SMALL, align=align)
        for drawn in lines:
            one, top = primary[drawn.row.label], HEADER + HEADS + tops[drawn.row.label] + 0.035
            text = str(one.n) if title == "n" else f"{SIGNS[one.verdict]} {_word(one)}"
            weight = "bold" if title == "verdict" and one.verdict not in ("same", "undecided") else "normal"
            text, size = fitted(text, width, SMALL, weight)
            page.text(place, top, text, size=size, align=align, weight=weight)
        left += width
    _draw_cells(page, left + GAP, cells / max(len(beside), 1), beside, here, tops)
    return page


def _groups(data: EnvironmentBands, lines: Sequence[RowBands]) -> list[tuple[str, list[RowBands]]]:
    """The rows by the slot that they replace, in the study's order of the slots' first rows."""
    slots = {
        drawn.row.label: style.replaced_slot(drawn.row.slots, base_slots(data, drawn.row)) for drawn in lines
    }
    order = list(dict.fromkeys(slots.values()))
    ordered = sorted(lines, key=lambda drawn: order.index(slots[drawn.row.label]))
    return [(slot, list(members)) for slot, members in groupby(ordered, lambda drawn: slots[drawn.row.label])]


def _places(groups: Sequence[tuple[str, Sequence[RowBands]]]) -> tuple[dict[str, float], float]:
    """Inches from the top of the forest to the middle of each row's line, and the height of all."""
    tops, top = {}, 0.0
    for _, members in groups:
        for drawn in members:
            tops[drawn.row.label] = top + LINE / 2
            top += LINE
        top += GROUP
    return tops, top - GROUP


def _set_axes(axes: Axes, some: RowComparison, shown: Sequence[RowComparison], height: float) -> None:
    """Inches downwards, and the difference in the metric's units; 0, and the margin as a band around it."""
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    margin = some.margin if np.isfinite(some.margin) else 0.0
    ends = [0.0, margin, -margin]
    for one in shown:
        ends += [end for end in _ends(one) if np.isfinite(end)]
    room = 0.05 * (max(ends) - min(ends)) or 1.0  # a difference of 0 in every row has no size
    axes.set_xlim(min(ends) - room, max(ends) + room)
    if margin:
        axes.axvspan(-margin, margin, color=SAME, linewidth=0, zorder=0)
    axes.axvline(0, color=BLACK, linewidth=1.0, zorder=1)
    unit = units.number(axes.xaxis, *axes.get_xlim(), 4)
    towards = {True: "right is better", False: "left is better", None: "neither way is better"}
    what = f"difference in {lowered(some.metric.title)} ({some.metric.unit})"
    box = axes.get_position()
    space = WIDTH * min(box.x0 + box.x1, 2 - box.x0 - box.x1) - 0.1
    what, size = fitted(unit.of(what) if unit.power else what, space, SMALL)
    axes.set_xlabel(f"{what}\n{towards[some.metric.bigger_is_better]}", labelpad=1.5, fontsize=size)


def _why_empty(drawn: RowBands, base: RowBands | None) -> str:
    """What a line says that has no difference to show."""
    if not drawn.n:
        return "no run stands"
    return "no common seed has a score" if base is not None and base.n else "no run of the baseline stands"


def _draw_line(axes: Axes, one: RowComparison, top: float, color: str, empty: str) -> None:
    """A difference with its interval; hollow where nothing is decided."""
    point, low, high = _ends(one)
    if np.isnan(point):
        axes.text(0, top, empty, color=ALERT, fontsize=SMALL, va="center")
        return
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [top, top], color=color, linewidth=1.3, zorder=2)
    face = "white" if one.verdict == "undecided" else color
    axes.plot(
        [point],
        [top],
        marker=MARKERS[one.verdict],
        markersize=5,
        markerfacecolor=face,
        markeredgecolor=color,
        markeredgewidth=1.0,
        linestyle="none",
        zorder=3,
    )


def _ends(one: RowComparison) -> tuple[float, float, float]:
    return one.difference.point, one.difference.low, one.difference.high


def _word(one: RowComparison) -> str:
    """The verdict as a reader of the picture wants it."""
    words = {"same": "within margin", "undecided": "undecided"}
    return words.get(one.verdict, one.verdict) + (", < margin" if one.is_small else "")


def _draw_group(axes: Axes, slot: str, tops: Sequence[float]) -> None:
    """A bracket in the slot's color beside its rows."""
    color = style.COLORS.get(slot, GRAY)
    low, high = min(tops) - LINE / 2 + 0.015, max(tops) + LINE / 2 - 0.015
    transform = axes.get_yaxis_transform()
    axes.plot([0, 0], [low, high], color=color, linewidth=2.5, transform=transform, clip_on=False, zorder=4)


def _draw_cells(
    page: Page,
    left: float,
    width: float,
    metrics: Sequence[str],
    found: Sequence[RowComparison],
    tops: dict[str, float],
) -> None:
    """A column of coloured cells for each of the other headlines: sign and difference."""
    cells = {(one.label, one.metric.name): one for one in found}
    words = [word for name in metrics for word in METRICS[name].title.split()]
    head = min((fitted(word, width - 0.02, SMALL - 1)[1] for word in words), default=SMALL - 1)
    for place, name in enumerate(metrics):
        at = left + place * width
        for line, text in enumerate(reversed(wrapped(METRICS[name].title, width, head)[:3])):
            page.text(at + width / 2, HEADER + HEADS - 0.07 - 0.1 * line, text, size=head, align="center")
        for label, top in tops.items():
            one = cells.get((label, name))
            if one is None or np.isnan(one.difference.point):
                text, color = "n/a", "white"
            else:
                color = {"better": BETTER, "worse": WORSE, "same": SAME, "undecided": "white"}.get(
                    one.verdict, PALE
                )
                text = f"{SIGNS[one.verdict]} {signed_number(name, one.difference.point)}"
            middle = HEADER + HEADS + top
            page.figure.add_artist(
                Rectangle(
                    ((at + 0.015) / WIDTH, 1 - (middle + LINE / 2 - 0.01) / page.height),
                    (width - 0.03) / WIDTH,
                    (LINE - 0.02) / page.height,
                    facecolor=color,
                    edgecolor=PALE,
                    linewidth=0.4,
                    zorder=0,
                )
            )
            text, size = fitted(text, width - 0.05, SMALL - 1)
            page.text(at + width / 2, middle + 0.033, text, size=size, align="center")


def _color(data: EnvironmentBands, drawn: RowBands) -> str:
    return style.look(drawn.row.slots, drawn.row.facts, base_slots(data, drawn.row)).color


def _n(primary: dict[str, RowComparison]) -> str:
    return range_text([one.n for one in primary.values()])


def _baseline(primary: dict[str, RowComparison]) -> str:
    """What rows are compared with, and its mean where that is one and the same for all."""
    some, text = next(iter(primary.values())), baseline_text(primary.values())
    shared = len({(one.against, one.n) for one in primary.values()}) == 1 and np.isfinite(some.means[1])
    sizes = [abs(one.difference.point) for one in primary.values() if one.difference.point]
    (mean,) = number_texts(some.metric.name, [some.means[1]], max(sizes, default=np.nan))
    return f"{text}'s {mean}" if shared else text


def _caption(some: RowComparison, beside: Sequence[str], silent: Sequence[str], left_out: int) -> str:
    margin = (
        f"Band: what counts as no effect, {number_text(some.metric.name, some.margin)} on either side. "
        if np.isfinite(some.margin)
        else "Nothing says what counts as no effect here. "
    )
    more = " Cells: differences on secondary metrics, each a family of its own." if beside else ""
    titles = [lowered(METRICS[name].title) for name in silent]
    more += f" Undecided for every row, and left out: {', '.join(titles)}." if titles else ""
    more += f" {left_out} further rows stand in tables/verdicts.csv." if left_out else ""
    looks = " A row that is decided gets no more seeds." if some.looks.planned else ""
    return (
        f"Mean of the differences over n common seeds, with intervals that agree with sign-flip tests. {margin}"
        "▲ better, ▼ worse, △ higher, ▽ lower: different from 0 (Holm over all rows); = within the margin; "
        "? undecided (hollow)."
        f"{looks}{more}"
    )
