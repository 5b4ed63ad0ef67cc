"""Running variance in its three forms, with the level of the curve beside it."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis.figures import parts, units
from analysis.figures.layout import Layout, Panel
from analysis.figures.page import WIDTH, Page
from analysis.figures.recorded_panels import Columns, draw_lines
from analysis.figures.style import BASELINE
from analysis.findings.bands import QUANTITIES, EnvironmentBands

HEADINGS = {
    "curve": "level of the return",
    "running_variance_growing": "variance, growing window",
    "running_variance": "variance, full windows",
    "running_variance_trend": "variance around trend",
}
LEFT = 0.42
LEVEL_GAP = 0.42
GAP = 0.1
TALL = 0.98


def draw(data: EnvironmentBands) -> Page:
    """One line of four panels for each panel of the layout."""
    width = (WIDTH - LEFT - LEVEL_GAP - 2 * GAP - 0.1) / len(HEADINGS)
    lefts = [LEFT + place * width + (LEVEL_GAP + GAP * (place - 1) if place else 0) for place in range(4)]
    caption = parts.caption(
        data,
        parts.variance_sentence("three forms"),
        "Growing (the lessons' form): the first windows hold fewer episodes, so it starts at 0. "
        "Full: none before the tenth episode. Around the trend: mean squared residual of the window's "
        "least-squares line, times 10/8; a climb alone doesn't raise it.",
    )
    limits = parts.return_limits(data.drawn, data.threshold, seeds=False)
    top_variance = parts.variance_top(data.drawn, QUANTITIES[1:])

    def draw_panel(axes: Axes, quantity: str, layout: Layout, panel: Panel) -> None:
        if layout.reference is not None:
            parts.draw_mean(axes, data.at, layout.reference.bands[quantity], BASELINE, shade=0.12)
        for member in panel.members:
            parts.draw_mean(axes, data.at, member.drawn.bands[quantity], member.look, front=4)
        if quantity == "curve":
            parts.draw_threshold(axes, data.threshold)
            parts.set_returns(axes, limits, ticks=3, room=LEFT)
            parts.write_no_data(axes, [member.drawn for member in panel.members])
        else:
            parts.set_variance(
                axes, top_variance, numbers=quantity == "running_variance_growing", room=LEVEL_GAP
            )

    level, deviation = units.tick_unit(*limits, 3), parts.variance_unit(top_variance)
    headings = {
        name: level.of(text) if name == "curve" else deviation.squared(text)
        for name, text in HEADINGS.items()
    }
    columns = Columns(headings, lefts, width)
    return draw_lines(data, "running variance in three forms", caption, columns, TALL, draw_panel, True)
