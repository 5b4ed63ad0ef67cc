"""A grid of the layout's panels, each below its title and key: learning curves, profiles, sample efficiency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analysis.figures import parts
from analysis.figures.layout import Layout, Panel, PanelLine
from analysis.figures.lettering import wrapped
from analysis.figures.page import HEADER, NORMAL, WIDTH, Page

KEY_LINE = 0.128
FOOT = 0.36


@dataclass(frozen=True)
class Place:
    """Where a panel lies, in inches from the end of the header, and whether its axes carry numbers and labels."""

    left: float
    top: float
    width: float
    first: bool
    """The first of its line."""
    last: bool
    """Nothing lies below it."""


def draw_grid(
    layout: Layout,
    left: float,
    gap: float,
    tall: float,
    name: Callable[[PanelLine, float], str],
    page_of: Callable[[float], Page],
    draw_panel: Callable[[Page, Panel, Place], None],
) -> Page:
    """Every panel, ``tall`` inches high; ``name`` is what its key calls a line in so many inches."""
    panels, across = layout.panels, layout.columns
    width = (WIDTH - left - 0.12 - gap * (across - 1)) / across
    titles = [wrapped(panel.title, width, NORMAL, "bold") if panel else [] for panel in panels]
    names = [[name(member, width) for member in panel.members] if panel else [] for panel in panels]
    counts = [
        len(title) + sum(1 + text.count("\n") for text in found)
        for title, found in zip(titles, names, strict=True)
    ]
    heads = [0.08 + KEY_LINE * max(counts[start : start + across]) for start in range(0, len(panels), across)]
    tops = [sum(heads[:line]) + line * (tall + FOOT) for line in range(len(heads))]
    page = page_of(tops[-1] + heads[-1] + tall + FOOT)
    for place, panel in enumerate(panels):
        if panel is None:
            continue
        line, column = divmod(place, across)
        start, top = left + column * (width + gap), tops[line]
        for down, text in enumerate(titles[place]):
            height = HEADER + top + 0.12 + KEY_LINE * down
            page.text(start, height, text, size=NORMAL, weight="bold", color=panel.color)
        handles = [parts.line_handle(member.look) for member in panel.members]
        page.key(start, top + 0.045 + KEY_LINE * len(titles[place]), handles, names[place])
        first = not any(panels[line * across : place])
        last = place + across >= len(panels) or panels[place + across] is None
        draw_panel(page, panel, Place(start, top + heads[line], width, first, last))
    return page
