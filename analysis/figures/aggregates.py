"""All environments together, on the normalised scale: performance profiles and sample-efficiency curves."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from matplotlib.axes import Axes

from analysis.figures import parts
from analysis.figures.data import FigureData
from analysis.figures.layout import Panel, sheet
from analysis.figures.page import HEADER, NORMAL, WIDTH, Page
from analysis.figures.parts import LETTER
from analysis.figures.style import BASELINE, PALE, Look
from analysis.findings.normalized import NormalizedScores, RowCurves

LEFT = 0.5
GAP = 0.14
KEY_LINE = 0.128
BOLD_LETTER = 0.068
TALL = {1: 2.4, 2: 1.9}
"""Inches of a panel by panels side by side."""


def draw_profiles(data: FigureData, normalized_scores: NormalizedScores, curves: RowCurves) -> Page:
    """The share of runs above each normalised score."""
    caption = (
        "Share of runs whose final return lies above each normalised score, mean over environments. To the right and "
        "above is better; where two lines cross, neither row is better throughout."
    )

    def set_axes(axes: Axes, first: bool, last: bool) -> None:
        axes.set_xlim(curves.at[0], curves.at[-1])
        axes.set_ylim(-0.03, 1.03)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        for place in (0, 1):
            axes.axvline(place, color=PALE, linewidth=0.6, zorder=1)
        _label(axes, "normalised score" if last else "", "share of runs above" if first else "")

    return _draw(data, normalized_scores, curves, "performance profiles", caption, "of the share", set_axes)


def draw_efficiency(data: FigureData, normalized_scores: NormalizedScores, curves: RowCurves) -> Page:
    """The IQM of normalised learning curves."""
    caption = (
        "Interquartile mean (the middle half of the runs of all environments) of the normalised training curves at "
        "each fiftieth of the budget."
    )

    limits = _limits(curves)

    def set_axes(axes: Axes, first: bool, last: bool) -> None:
        axes.set_xlim(0, 1)
        axes.set_ylim(*limits)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.get_xticklabels()[-1].set_horizontalalignment("right")  # or it would run into the next panel's 0
        for place in (0, 1):
            axes.axhline(place, color=PALE, linewidth=0.6, zorder=1)
        _label(axes, "share of the budget" if last else "", "IQM, normalised" if first else "")

    return _draw(data, normalized_scores, curves, "sample-efficiency curves", caption, "of the IQM", set_axes)


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, labelpad=1.5)
    axes.set_ylabel(y)


def _limits(curves: RowCurves) -> tuple[float, float]:
    """Limits that hold every line and band, the random policy and the threshold."""
    values = [
        value for ends in (curves.low, curves.high, curves.point) for value in ends.ravel() if value == value
    ]
    low, high = min([0.0, *values]), max([1.0, *values])
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def _draw(
    data: FigureData,
    normalized_scores: NormalizedScores,
    curves: RowCurves,
    what: str,
    caption: str,
    of: str,
    set_axes: Callable[[Axes, bool, bool], None],
) -> Page:
    """A panel for each of the layout's, with the reference in each."""
    plan = sheet(data)
    panels, across = plan.panels, plan.columns
    lines = -(-len(panels) // across)
    width = (WIDTH - LEFT - 0.12 - GAP * (across - 1)) / across
    tall = TALL.get(across, 1.4)
    titles = [textwrap.wrap(panel.title, int(width / BOLD_LETTER)) if panel else [] for panel in panels]
    names = [_names(panel, width) for panel in panels]
    counts = [
        len(title) + sum(1 + name.count("\n") for name in found)
        for title, found in zip(titles, names, strict=True)
    ]
    heads = [0.08 + KEY_LINE * max(counts[line * across :][:across]) for line in range(lines)]
    tops = [sum(heads[:line]) + line * (tall + 0.36) for line in range(lines)]
    found = sorted({count for count in normalized_scores.counts if count}) or [0]
    n = f"n = {found[0]}" if len(found) == 1 else f"n = {found[0]} to {found[-1]}"
    worlds = f"{len(normalized_scores.env_ids)} environment{'s' if len(normalized_scores.env_ids) > 1 else ''}"
    page = Page(
        tops[-1] + heads[-1] + tall + 0.36,
        f"{what[:1].upper()}{what[1:]} ({n} runs per row)",
        f"Study {data.results.study['name']}, {data.results.runs_text()}; {worlds}: {', '.join(normalized_scores.env_ids)}",
        f"{caption} Bands: {parts.PERCENT} stratified percentile bootstrap, the same resampled seeds for all rows. "
        f"Normalised: 0 is the random policy, 1 the threshold. {plan.note} {parts.untried_text(data)}",
    )
    page.key(
        LEFT, -0.19, *parts.general_key(data, plan.reference, seeds=False, threshold=False, of=of), columns=5
    )
    for place, panel in enumerate(panels):
        if panel is None:
            continue
        line, column = divmod(place, across)
        left, top = LEFT + column * (width + GAP), tops[line]
        for down, text in enumerate(titles[place]):
            page.text(
                left,
                HEADER + top + 0.12 + KEY_LINE * down,
                text,
                size=NORMAL,
                weight="bold",
                color=panel.color,
            )
        handles = [parts.line_handle(member.look) for member in panel.members]
        page.key(left, top + 0.045 + KEY_LINE * len(titles[place]), handles, names[place])
        axes = page.axes(left, top + heads[line], width, tall)
        shown = [(member.drawn, member.look) for member in panel.members]
        for drawn, look in [*([(plan.reference, BASELINE)] if plan.reference else []), *shown]:
            for v in data.places(drawn):
                _draw_line(axes, curves, v, look, shade=0.16 if len(shown) < 3 else 0.1)
        first = not any(panels[line * across : place])
        last = place + across >= len(panels) or panels[place + across] is None
        set_axes(axes, first, last)
        axes.tick_params(axis="y", labelleft=first)
        page.name_axes(axes, "", data.places(plan.reference, *(drawn for drawn, _ in shown)))
    return page


def _names(panel: Panel | None, width: float) -> list[str]:
    """The names in a panel's key, on as many lines as they take."""
    letters = int((width - parts.KEY_HANDLE) / LETTER)
    return ["\n".join(textwrap.wrap(member.name, letters)) for member in panel.members] if panel else []


def _draw_line(axes: Axes, curves: RowCurves, v: int, look: Look, shade: float) -> None:
    parts.draw_band(axes, curves.at, curves.point[v], (curves.low[v], curves.high[v]), look, shade=shade)
