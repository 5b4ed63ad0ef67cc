"""Learning curves above running variance: the figure that the lessons only promise."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis.figures import parts
from analysis.figures.layout import Layout, Panel, lay_out
from analysis.figures.page import Page
from analysis.figures.panel_grid import Place, draw_grid
from analysis.figures.parts import key_name
from analysis.figures.style import BASELINE
from analysis.findings.bands import EnvironmentBands

QUANTITIES = ("curve", "running_variance")
LEFT = 0.52
GAP = 0.12


def draw(data: EnvironmentBands) -> Page:
    """Panels by ``layout.lay_out``, each with the curves above and the running variance below."""
    layout = lay_out(data)
    tall = {1: 2.4, 2: 1.75}.get(layout.columns, 1.35)
    low = {1: 1.2, 2: 0.95}.get(layout.columns, 0.72)
    limits = parts.return_limits(data.drawn, data.threshold, seeds=True)
    top_variance = parts.variance_top(data.drawn)

    def page_of(height: float) -> Page:
        page = Page(
            height,
            parts.title(data, "learning curves and running variance"),
            parts.counts_text(data),
            parts.caption(data, parts.variance_sentence(), layout.note, parts.rows_without_runs_text(data)),
        )
        page.key(LEFT, -0.19, *parts.general_key(data, layout.reference), columns=5)
        return page

    def draw_panel(page: Page, panel: Panel, at: Place) -> None:
        curves = page.axes(at.left, at.top, at.width, tall)
        variance = page.axes(at.left, at.top + tall + 0.1, at.width, low)
        _draw_panel(data, layout, panel, curves, variance)
        watched = data.places(layout.reference, *(member.drawn for member in panel.members))
        page.name_axes(curves, "curve", watched)
        page.name_axes(variance, "running_variance", watched)
        names = ("return", "variance") if at.first else ("", "")
        parts.set_returns(curves, limits, numbers=at.first, ticks=5, room=LEFT, name=names[0])
        parts.set_steps(curves, data.at, numbers=False)
        parts.set_variance(variance, top_variance, numbers=at.first, room=LEFT, name=names[1])
        parts.set_steps(variance, data.at, label=at.last)
        if at.first:
            page.figure.align_ylabels([curves, variance])

    return draw_grid(
        layout,
        LEFT,
        GAP,
        tall + 0.1 + low,
        lambda member, width: key_name(member.name, member.drawn, width),
        page_of,
        draw_panel,
    )


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
