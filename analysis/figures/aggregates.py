"""All environments together, on the normalised scale: performance profiles and sample-efficiency curves."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from analysis.figures import parts
from analysis.figures.layout import Layout, Panel, PanelLine, lay_out
from analysis.figures.lettering import wrapped
from analysis.figures.page import SMALL, Page
from analysis.figures.panel_grid import Place, draw_grid
from analysis.figures.style import BASELINE, PALE, Look
from analysis.findings.bands import EnvironmentBands
from analysis.findings.normalized import NormalizedScores, RowCurves
from analysis.tables.spelling import range_text

LEFT = 0.5
GAP = 0.14
TALL = {1: 2.4, 2: 1.9}
"""Inches of a panel by panels side by side."""


def draw_profiles(data: EnvironmentBands, scores: NormalizedScores, curves: RowCurves) -> Page:
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

    return _draw(data, scores, curves, "performance profiles", caption, "of the share", set_axes)


def draw_efficiency(data: EnvironmentBands, scores: NormalizedScores, curves: RowCurves) -> Page:
    """The IQM of normalised learning curves."""
    caption = (
        "Interquartile mean (the middle half of the runs of all environments) of the normalised training curves at "
        "each fiftieth of the budget."
    )

    limits = _limits(curves)

    def set_axes(axes: Axes, first: bool, last: bool) -> None:
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.get_xticklabels()[-1].set_horizontalalignment("right")  # or it would run into the next panel's 0
        for place in (0, 1):
            axes.axhline(place, color=PALE, linewidth=0.6, zorder=1)
        _label(axes, "share of the budget" if last else "", "")
        parts.set_returns(axes, limits, numbers=first, room=LEFT, name="IQM, normalised" if first else "")

    return _draw(data, scores, curves, "sample-efficiency curves", caption, "of the IQM", set_axes)


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
    data: EnvironmentBands,
    scores: NormalizedScores,
    curves: RowCurves,
    what: str,
    caption: str,
    of: str,
    set_axes: Callable[[Axes, bool, bool], None],
) -> Page:
    """A panel for each of the layout's, with the reference in each."""
    layout = lay_out(data)
    tall = TALL.get(layout.columns, 1.4)
    n = f"n = {range_text([count for count in scores.counts if count] or [0])}"
    env_ids = scores.env_ids

    def page_of(height: float) -> Page:
        page = Page(
            height,
            f"{what[:1].upper()}{what[1:]} ({n} runs per row)",
            f"Study {data.results.study['name']}, {data.results.runs_text()}; {len(env_ids)} "
            f"environment{'s' if len(env_ids) > 1 else ''}: {', '.join(env_ids)}",
            f"{caption} Bands: {parts.PERCENT} stratified percentile bootstrap, the same resampled seeds for all rows. "
            f"Normalised: 0 is the random policy, 1 the threshold. {layout.note} {parts.rows_without_runs_text(data)}",
        )
        general = parts.general_key(data, layout.reference, seeds=False, threshold=False, of=of)
        page.key(LEFT, -0.19, *general, columns=5)
        return page

    def draw_panel(page: Page, panel: Panel, at: Place) -> None:
        axes = page.axes(at.left, at.top, at.width, tall)
        _draw_panel(page, axes, data, curves, layout, panel)
        set_axes(axes, at.first, at.last)
        axes.tick_params(axis="y", labelleft=at.first)

    return draw_grid(layout, LEFT, GAP, tall, _key_name, page_of, draw_panel)


def _draw_panel(
    page: Page, axes: Axes, data: EnvironmentBands, curves: RowCurves, layout: Layout, panel: Panel
) -> None:
    """A panel's lines, the reference first."""
    shown = [(member.drawn, member.look) for member in panel.members]
    for drawn, look in [*([(layout.reference, BASELINE)] if layout.reference else []), *shown]:
        for v in data.places(drawn):
            _draw_line(axes, curves, v, look, shade=0.16 if len(shown) < 3 else 0.1)
    page.name_axes(axes, "", data.places(layout.reference, *(drawn for drawn, _ in shown)))


def _key_name(member: PanelLine, width: float) -> str:
    """A line's name in its key, on as many lines as it takes."""
    return "\n".join(wrapped(member.name, width - parts.KEY_HANDLE, SMALL))


def _draw_line(axes: Axes, curves: RowCurves, v: int, look: Look, shade: float) -> None:
    parts.draw_band(axes, curves.at, curves.point[v], (curves.low[v], curves.high[v]), look, shade=shade)
