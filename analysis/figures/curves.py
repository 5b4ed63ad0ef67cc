"""Learning curves above running variance: the figure that the lessons only promise."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes

from analysis.figures import parts
from analysis.figures.layout import Layout, Panel, lay_out
from analysis.figures.page import HEADER, NORMAL, SMALL, WIDTH, Page
from analysis.figures.parts import key_name
from analysis.figures.style import BASELINE
from analysis.findings.bands import EnvironmentBands

QUANTITIES = ("curve", "running_variance")
LEFT = 0.52
GAP = 0.12
KEY_LINE = 0.128
BOLD_LETTER = 0.068
"""Inches per letter of a panel's title, on the safe side."""


def draw(data: EnvironmentBands) -> Page:
    """Panels by ``layout.lay_out``, each with the curves above and the running variance below."""
    layout = lay_out(data)
    columns, rows = layout.columns, -(-len(layout.panels) // layout.columns)
    width = (WIDTH - LEFT - 0.12 - GAP * (columns - 1)) / columns
    tall = {1: 2.4, 2: 1.75}.get(columns, 1.35)
    low = {1: 1.2, 2: 0.95}.get(columns, 0.72)
    names = [_names(panel, width) for panel in layout.panels]
    lines = [sum(1 + name.count("\n") for name in found) for found in names]
    titles = [
        textwrap.wrap(panel.title, int(width / BOLD_LETTER)) if panel else [] for panel in layout.panels
    ]
    lines = [count + len(title) for count, title in zip(lines, titles, strict=True)]
    heads = [0.08 + KEY_LINE * max(lines[row * columns :][:columns]) for row in range(rows)]
    foot = 0.36
    tops = [sum(heads[:r]) + r * (tall + 0.1 + low + foot) for r in range(rows)]
    page = Page(
        tops[-1] + heads[-1] + tall + 0.1 + low + foot,
        parts.title(data, "learning curves and running variance"),
        parts.counts_text(data),
        parts.caption(data, parts.variance_sentence(), layout.note, parts.rows_without_runs_text(data)),
    )
    page.key(LEFT, -0.19, *parts.general_key(data, layout.reference), columns=5)
    limits = parts.return_limits(data.drawn, data.threshold, seeds=True)
    top_variance = parts.variance_top(data.drawn)
    for place, panel in enumerate(layout.panels):
        if panel is None:
            continue
        row, column = divmod(place, columns)
        first = not any(layout.panels[row * columns : place])
        left = LEFT + column * (width + GAP)
        top = tops[row]
        for line, text in enumerate(titles[place]):
            down = HEADER + top + 0.12 + KEY_LINE * line
            page.text(left, down, text, size=NORMAL, weight="bold", color=panel.color)
        page.key(
            left,
            top + 0.045 + KEY_LINE * len(titles[place]),
            [parts.line_handle(member.look) for member in panel.members],
            names[place],
        )
        curves = page.axes(left, top + heads[row], width, tall)
        variance = page.axes(left, top + heads[row] + tall + 0.1, width, low)
        last = place + columns >= len(layout.panels) or layout.panels[place + columns] is None
        _draw_panel(data, layout, panel, curves, variance)
        watched = data.places(layout.reference, *(member.drawn for member in panel.members))
        page.name_axes(curves, "curve", watched)
        page.name_axes(variance, "running_variance", watched)
        parts.set_returns(curves, limits, numbers=first, ticks=5)
        parts.set_steps(curves, data.at, numbers=False)
        parts.set_variance(variance, top_variance, numbers=first)
        parts.set_steps(variance, data.at, label=last)
        if first:
            curves.set_ylabel("return")
            variance.set_ylabel("variance", fontsize=SMALL)
            page.figure.align_ylabels([curves, variance])
    return page


def _names(panel: Panel | None, width: float) -> list[str]:
    """The names in a panel's key."""
    return [key_name(member.name, member.drawn, width) for member in panel.members] if panel else []


def _draw_panel(data: EnvironmentBands, layout: Layout, panel: Panel, curves: Axes, variance: Axes) -> None:
    """A panel's lines: the reference behind, then each member."""
    parts.draw_threshold(curves, data.threshold)
    if layout.reference is not None:
        parts.draw_mean(curves, data.at, layout.reference.bands["curve"], BASELINE, shade=0.12)
        parts.draw_mean(variance, data.at, layout.reference.bands["running_variance"], BASELINE, shade=0.12)
    shade = 0.18 if len(panel.members) < 3 else 0.12
    for member in panel.members:
        bands = member.drawn.bands
        parts.draw_seeds(curves, data.at, bands["curve"], member.look.color, among=len(panel.members))
        parts.draw_mean(curves, data.at, bands["curve"], member.look, front=4, shade=shade)
        parts.draw_mean(variance, data.at, bands["running_variance"], member.look, front=4, shade=shade)
        parts.mark_diverged(curves, data.at, member.drawn)
    parts.write_no_data(curves, [member.drawn for member in panel.members])
