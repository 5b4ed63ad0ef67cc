"""Small multiples: each row in a panel of its own against the baseline."""

from __future__ import annotations

from analysis.figures import parts, style
from analysis.figures.data import Drawn, Scene
from analysis.figures.layout import base_slots, is_factorial, piece_text
from analysis.figures.page import HEADER, SMALL, WIDTH, Page
from analysis.figures.style import BASELINE, Look
from analysis.results import Row, key_text, value_text

LEFT = 0.45
GAP = 0.12
HEAD = 0.3
FOOT = 0.24


def draw(scene: Scene) -> Page:
    """A grid of small panels in the study's order, with common axes."""
    base = base_slots(scene)
    shown = [drawn for drawn in scene.drawn if scene.is_swept or drawn.row.variant != scene.baseline]
    shown = shown or list(scene.drawn)
    pairs = [(drawn, scene.reference(drawn.row)) for drawn in shown]
    columns = columns_for(len(pairs))
    width = (WIDTH - LEFT - 0.1 - GAP * (columns - 1)) / columns
    tall = min(0.72 * width, 1.6)
    rows = -(-len(pairs) // columns)
    step = HEAD + tall + 0.12
    compared = any(reference is not None for _, reference in pairs)
    page = Page(
        rows * step + FOOT,
        parts.title(scene, "each against the baseline" if compared else "each alone"),
        parts.counts_text(scene),
        parts.caption(
            scene,
            "Black: the baseline at the same point of the sweep, where it has one."
            if scene.is_swept and compared
            else "",
            "" if compared else "Grey: the means of the other rows.",
        ),
    )
    only = next((reference for _, reference in pairs if reference is not None), None)
    page.key(LEFT, -0.19, *parts.general_key(scene, None if scene.is_swept else only), columns=5)
    limits = parts.return_limits(scene.drawn, scene.threshold, seeds=True)
    for place, (drawn, reference) in enumerate(pairs):
        row, column = divmod(place, columns)
        left, top = LEFT + column * (width + GAP), row * step
        look = _look(scene, drawn, base)
        first, second = title_lines(scene, drawn.row)
        missing = parts.missing_text(drawn)
        page.text(left, HEADER + top + 0.13, first, size=SMALL, weight="bold", colour=look.colour)
        page.text(
            left,
            HEADER + top + 0.245,
            missing or second,
            size=SMALL - 0.7,
            colour=parts.ALERT if missing else "#444444",
        )
        axes = page.axes(left, top + HEAD, width, tall)
        parts.draw_threshold(axes, scene.threshold)
        if reference is not None:
            parts.draw_mean(axes, scene.at, reference.bands["curve"], BASELINE, shade=0.12)
        elif not compared:
            for other in scene.drawn:
                if other is not drawn:
                    axes.plot(
                        scene.at, other.bands["curve"].mean, color=style.PALE, linewidth=0.6, zorder=1.2
                    )
        parts.draw_seeds(axes, scene.at, drawn.bands["curve"], look.colour)
        parts.draw_mean(axes, scene.at, drawn.bands["curve"], look, front=4)
        parts.mark_diverged(axes, scene.at, drawn, parts.ALERT)
        if not drawn.n:
            parts.write_nothing(axes)
        below = place + columns < len(pairs)
        parts.set_returns(axes, limits, numbers=column == 0, ticks=3)
        parts.set_steps(axes, scene.at, numbers=not below, ticks=2)
        if column == 0:
            axes.set_ylabel("return")
    return page


def columns_for(panels: int) -> int:
    """Three side by side, four from seven panels on, five from twenty-one, six from thirty-one."""
    for most, columns in ((6, 3), (20, 4), (30, 5)):
        if panels <= most:
            return min(panels, columns)
    return 6


def title_lines(scene: Scene, row: Row) -> tuple[str, str]:
    """A panel's name in two lines: the variant and its point, or the pieces of a cell of a factorial."""
    if row.swept:
        return row.title, ", ".join(f"{key_text(k)} {value_text(v)}" for k, v in row.swept.items())
    if is_factorial(scene) and row.title == row.label and "+" in row.label:
        texts = [piece_text(row.slots[slot]) for slot in style.SLOTS]
        return " + ".join(texts[:2]), " + ".join(texts[2:])
    return row.title, ""


def _look(scene: Scene, drawn: Drawn, base: style.Pieces) -> Look:
    """Solid, as a line alone in its panel needs no dash; the baseline's own rows are grey beside black."""
    if drawn.row.variant == scene.baseline:
        return Look("#333333")
    colour = style.look(drawn.row.slots, base).colour
    return Look(colour)
