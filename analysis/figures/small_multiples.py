"""Small multiples: each row in a panel of its own against the baseline."""

from __future__ import annotations

from analysis.figures import parts, style
from analysis.figures.layout import base_slots, piece_name
from analysis.figures.lettering import width_of, wrapped
from analysis.figures.page import HEADER, SMALL, WIDTH, Page
from analysis.figures.style import BASELINE, Look
from analysis.findings.bands import EnvironmentBands, RowBands
from analysis.loading import Row
from analysis.tables.spelling import swept_text

LEFT = 0.45
GAP = 0.12
LINE = 0.112
FOOT = 0.24
PLAIN = "#444444"


def draw(data: EnvironmentBands) -> Page:
    """A grid of small panels in the study's order, with common axes."""
    shown = [drawn for drawn in data.drawn if data.is_swept or drawn.row.variant != data.baseline]
    tried = [drawn for drawn in shown or data.drawn if drawn.row.is_tried]
    pairs = [(drawn, data.reference(drawn.row)) for drawn in tried or shown]
    columns = columns_for(len(pairs))
    width = (WIDTH - LEFT - 0.1 - GAP * (columns - 1)) / columns
    tall = min(0.72 * width, 1.6)
    rows = -(-len(pairs) // columns)
    titles = [title_lines(data, drawn, width) for drawn, _ in pairs]
    heads = [0.09 + LINE * max(map(len, titles[row * columns :][:columns])) for row in range(rows)]
    tops = [sum(heads[:row]) + row * (tall + 0.1) for row in range(rows)]
    reference = next((found for _, found in pairs if found is not None), None)
    page = Page(
        tops[-1] + heads[-1] + tall + FOOT,
        parts.title(data, "each against the baseline" if reference else "each alone"),
        parts.counts_text(data),
        parts.caption(data, _note(data, reference), parts.rows_without_runs_text(data)),
    )
    page.key(LEFT, -0.19, *parts.general_key(data, reference), columns=5)
    limits = parts.return_limits(data.drawn, data.threshold, seeds=True)
    for place, (drawn, beside) in enumerate(pairs):
        row, column = divmod(place, columns)
        left, top = LEFT + column * (width + GAP), tops[row] + heads[row]
        look = _look(data, drawn)
        for line, (text, bold, color) in enumerate(reversed(titles[place])):
            page.text(
                left,
                HEADER + top - 0.05 - LINE * line,
                text,
                size=SMALL,
                weight="bold" if bold else "normal",
                color=color or look.color,
            )
        axes = page.axes(left, top, width, tall)
        parts.draw_threshold(axes, data.threshold)
        if beside is not None:
            parts.draw_mean(axes, data.at, beside.bands["curve"], BASELINE, shade=0.12)
        elif reference is None:
            parts.draw_others(axes, data.at, [other for other in data.drawn if other is not drawn])
        parts.draw_row(axes, data.at, drawn, look)
        page.name_axes(axes, "curve", data.places(drawn, beside))
        below = place + columns < len(pairs)
        name = "return" if column == 0 else ""
        parts.set_returns(axes, limits, numbers=column == 0, ticks=3, room=LEFT, name=name)
        parts.set_steps(axes, data.at, numbers=not below, ticks=2)
    return page


def columns_for(panels: int) -> int:
    """Three side by side, four from seven panels on, five from twenty-one, six from thirty-one."""
    for most, columns in ((6, 3), (20, 4), (30, 5)):
        if panels <= most:
            return min(panels, columns)
    return 6


def title_lines(data: EnvironmentBands, drawn: RowBands, width: float) -> list[tuple[str, bool, str]]:
    """(text, bold, color) of the lines above a panel: its name, its point of the sweep, what is missing.

    A cell of a factorial is named by its pieces; no color means the panel's own.
    """
    first, second = _name(data, drawn.row)
    lines = [(text, True, "") for text in wrapped(first, width, SMALL, "bold")]
    together = ", ".join(second)
    texts = [(text, PLAIN) for text in ([together] if width_of(together, SMALL) <= width else second)]
    for text, color in [*texts, (parts.missing_text(drawn), style.ALERT)]:
        lines += [(part, False, color) for part in wrapped(text, width, SMALL)]
    return lines


def _name(data: EnvironmentBands, row: Row) -> tuple[str, list[str]]:
    """The bold part of a panel's name, and the parts of its plain one."""
    if row.swept:
        return row.title, [swept_text(key, value) for key, value in row.swept.items()]
    if row.cell:
        texts = [piece_name(data, row.slots, slot) for slot in row.cell]
        return " + ".join(texts[:2]), [" + ".join(texts[2:])]
    return row.title, []


def _note(data: EnvironmentBands, reference: RowBands | None) -> str:
    if reference is None:
        return "Grey: the means of the other rows." if len(data.drawn) > 1 else ""
    return "Black: the baseline at the same point of the sweep." if data.is_swept else ""


def _look(data: EnvironmentBands, drawn: RowBands) -> Look:
    """Solid, as a line alone in its panel needs no dash; the baseline's own rows are black beside other variants."""
    if drawn.row.variant == data.baseline:
        return style.baseline_look([one.row.variant for one in data.drawn], data.baseline)
    return Look(style.look(drawn.row.slots, drawn.row.facts, base_slots(data, drawn.row)).color)
