"""Running variance in its three forms, with the level of the curve beside it."""

from __future__ import annotations

from analysis.figures import parts
from analysis.figures.layout import lay_out
from analysis.figures.page import HEADER, NORMAL, WIDTH, Page
from analysis.figures.parts import key_name
from analysis.figures.recorded_panels import KEY_COLUMNS, lines
from analysis.figures.style import BASELINE
from analysis.findings.bands import QUANTITIES, EnvironmentBands

COLUMNS = (
    ("curve", "level of the return"),
    ("running_variance_growing", "variance, growing window"),
    ("running_variance", "variance, full windows"),
    ("running_variance_trend", "variance around trend"),
)
LEFT = 0.42
LEVEL_GAP = 0.42
GAP = 0.1
TALL = 0.98


def draw(data: EnvironmentBands) -> Page:
    """One line of four panels for each panel of the layout."""
    layout = lay_out(data)
    panels = [panel for panel in layout.panels if panel is not None]
    width = (WIDTH - LEFT - LEVEL_GAP - 2 * GAP - 0.1) / len(COLUMNS)
    placed = lines(panels, TALL)
    page = Page(
        placed.height + TALL + 0.34,
        parts.title(data, "running variance in three forms"),
        parts.counts_text(data),
        parts.caption(
            data,
            parts.variance_sentence("three forms"),
            "Growing (the lessons' form): the first windows hold fewer episodes, so it starts at 0. "
            "Full: none before the tenth episode. Around the trend: mean squared residual of the window's "
            "least-squares line, times 10/8; a climb alone doesn't raise it.",
            layout.note,
            parts.rows_without_runs_text(data),
        ),
    )
    page.key(LEFT, -0.19, *parts.general_key(data, layout.reference, seeds=False), columns=5)
    lefts = [LEFT + place * width + (LEVEL_GAP + GAP * (place - 1) if place else 0) for place in range(4)]
    for (_, words), left in zip(COLUMNS, lefts, strict=True):
        page.text(left, HEADER + placed.headings, words, size=NORMAL - 0.7, color="#444444")
    limits = parts.return_limits(data.drawn, data.threshold, seeds=False)
    top_variance = parts.variance_top(data.drawn, QUANTITIES[1:])
    for place, (panel, top, head) in enumerate(zip(panels, placed.tops, placed.heads, strict=True)):
        page.text(LEFT, HEADER + top + 0.14, panel.title, size=NORMAL, weight="bold", color=panel.color)
        page.key(
            LEFT,
            top + placed.key,
            [parts.line_handle(member.look) for member in panel.members],
            [key_name(member.name, member.drawn, WIDTH) for member in panel.members],
            columns=KEY_COLUMNS,
        )
        for column, ((quantity, _), left) in enumerate(zip(COLUMNS, lefts, strict=True)):
            axes = page.axes(left, top + head + 0.04, width, TALL)
            page.name_axes(
                axes,
                quantity,
                data.places(layout.reference, *(member.drawn for member in panel.members)),
            )
            if layout.reference is not None:
                parts.draw_mean(axes, data.at, layout.reference.bands[quantity], BASELINE, shade=0.12)
            for member in panel.members:
                parts.draw_mean(axes, data.at, member.drawn.bands[quantity], member.look, front=4)
            if column == 0:
                parts.draw_threshold(axes, data.threshold)
                parts.set_returns(axes, limits, ticks=3)
            else:
                parts.set_variance(axes, top_variance, numbers=column == 1)
            parts.set_steps(axes, data.at, label=place == len(panels) - 1)
            if column == 0:
                parts.write_no_data(axes, [member.drawn for member in panel.members])
    return page
