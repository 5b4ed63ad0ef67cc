"""A sweep as a matrix of small panels, a factorial as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from matplotlib.axes import Axes

from analysis.figures import parts, style
from analysis.figures.heatmap import draw_heat_map
from analysis.figures.layout import base_slots, is_factorial, piece_name, values_of, varied_slots
from analysis.figures.lettering import fitted, wrapped
from analysis.figures.page import HEADER, SMALL, WIDTH, Page
from analysis.figures.style import BASELINE, Look
from analysis.findings.bands import EnvironmentBands, RowBands
from analysis.loading import Row, Slots
from analysis.tables.spelling import key_text, swept_text

LEFT = 0.45
GAP = 0.12
MOST_ACROSS = 8
MOST_PANELS = 60
"""A sweep with more places than this, or more side by side, is a heat map."""


@dataclass(frozen=True)
class Matrix:
    """Rows of the study arranged by what varies down and across; None where there is no such row."""

    what: str
    """What varies, for the title."""
    down: tuple[str, ...]
    across: tuple[tuple[str, ...], ...]
    """The names of each line's places; equal in all lines where ``aligned``."""
    cells: tuple[tuple[RowBands | None, ...], ...]

    @property
    def aligned(self) -> bool:
        """True if all lines have the same places, so that they can be named once, above."""
        return len(set(self.across)) == 1

    @property
    def columns(self) -> int:
        """Places side by side."""
        return max(map(len, self.cells))


def applies(data: EnvironmentBands) -> bool:
    """True if there is anything swept to show."""
    return data.is_swept or is_factorial(data)


def draw(data: EnvironmentBands) -> Page:
    """The matrix of small panels, or the heat map where panels would be too many or too small."""
    if not data.is_swept:
        crossed = _crossed(data)
        return draw_heat_map(data, crossed.what, crossed.down, crossed.across[0], crossed.cells)
    matrix = _swept(data)
    if matrix.aligned and (len(matrix.down) * matrix.columns > MOST_PANELS or matrix.columns > MOST_ACROSS):
        return draw_heat_map(data, matrix.what, matrix.down, matrix.across[0], matrix.cells)
    return _panels(data, matrix)


# ---- arranging ----


def _swept(data: EnvironmentBands) -> Matrix:
    """Down: the variant and all swept values but the last; across: the values of the last key."""
    several = len({drawn.row.variant for drawn in data.drawn}) > 1
    groups: dict[tuple[str, str], list[RowBands]] = {}
    for drawn in data.drawn:
        groups.setdefault((drawn.row.variant, str(list(drawn.row.swept.items())[:-1])), []).append(drawn)
    lines = [line for line in groups.values() if any(drawn.row.is_tried for drawn in line)]
    down, across = [], []
    for line in lines:
        texts = [_swept_texts(drawn) for drawn in line]
        down.append("\n".join(([line[0].row.title] if several else []) + texts[0][:-1]))
        across.append(tuple(text[-1] for text in texts))
    keys = dict.fromkeys(key_text(key) for drawn in data.drawn for key in drawn.row.swept)
    return _wrapped(
        Matrix(
            what=f"sweep of {' x '.join(keys)}",
            down=tuple(down),
            across=tuple(across),
            cells=tuple(map(tuple, lines)),
        )
    )


def _swept_texts(drawn: RowBands) -> list[str]:
    return [swept_text(key, value) for key, value in drawn.row.swept.items()] or ["not swept"]


def _wrapped(matrix: Matrix, most: int = MOST_ACROSS - 2) -> Matrix:
    """The same, but where lines differ in their places and are too long, each goes on below."""
    if matrix.aligned or matrix.columns <= most:
        return matrix
    down: list[str] = []
    across: list[tuple[str, ...]] = []
    cells: list[tuple[RowBands | None, ...]] = []
    for name, places, line in zip(matrix.down, matrix.across, matrix.cells, strict=True):
        for start in range(0, len(line), most):
            down.append(name)
            across.append(places[start : start + most])
            cells.append(line[start : start + most])
    return Matrix(matrix.what, tuple(down), tuple(across), tuple(cells))


def _crossed(data: EnvironmentBands) -> Matrix:
    """A factorial. Down: the first varied slot with the fourth; across: the second with the third."""
    first, second, *rest = varied_slots(data)
    down_slots, across_slots = (first, *rest[1::2]), (second, *rest[::2])
    found = {
        (_pieces(drawn.row.slots, down_slots), _pieces(drawn.row.slots, across_slots)): drawn
        for drawn in data.drawn
    }
    down, across = _combinations(data, down_slots), _combinations(data, across_slots)
    names = [[_names(data, one) for one in every] for every in (down, across)]
    return Matrix(
        what=f"{' and '.join(down_slots)} (down) x {' and '.join(across_slots)} (across)",
        down=tuple(names[0]),
        across=tuple(tuple(names[1]) for _ in down),
        cells=tuple(
            tuple(
                found.get((_pieces(vertical, down_slots), _pieces(horizontal, across_slots)))
                for horizontal in across
            )
            for vertical in down
        ),
    )


def _combinations(data: EnvironmentBands, slots: Sequence[str]) -> list[Slots]:
    """Every combination of pieces that occurs, the first slot slowest, in the study's order."""
    present = {_pieces(drawn.row.slots, slots) for drawn in data.drawn}
    every = product(*(values_of(data, slot) for slot in slots))
    combined = [dict(zip(slots, pieces, strict=True)) for pieces in every]
    return [one for one in combined if _pieces(one, slots) in present]


def _pieces(pieces: Slots, slots: Sequence[str]) -> str:
    """What tells a combination from every other."""
    return str([pieces[slot] for slot in slots])


def _names(data: EnvironmentBands, pieces: Slots) -> str:
    return "\n".join(piece_name(data, pieces, slot) for slot in pieces)


# ---- drawing ----


def _panels(data: EnvironmentBands, matrix: Matrix) -> Page:
    """Learning curves, one panel per place; behind them the same variant's other points, and the baseline."""
    columns, rows = matrix.columns, len(matrix.down)
    tall = max(0.8, min(1.65, 10.5 / rows, 4.2 / columns))
    sides = [_side(name, tall) for name in matrix.down]
    right = 0.12 + 0.115 * max(len(side) for side in sides)
    width = (WIDTH - LEFT - right - GAP * (columns - 1)) / columns
    head = 0.06 if matrix.aligned else 0.24
    foot = 0.13 if matrix.aligned else 0.3
    step = head + tall + foot
    reference = next((found for found in map(data.reference, _rows(data)) if found is not None), None)
    page = Page(
        0.2 + rows * step + (0.2 if matrix.aligned else 0.05),
        parts.title(data, matrix.what),
        parts.counts_text(data),
        parts.caption(
            data,
            "Grey: the means of the same variant's other points.",
            "Black: the baseline at the same point." if reference else "",
            parts.rows_without_runs_text(data),
        ),
    )
    page.key(LEFT, -0.19, *parts.general_key(data, reference), columns=5)
    limits = parts.return_limits(data.drawn, data.threshold, seeds=True)
    for r, line in enumerate(matrix.cells):
        top = (0.16 if matrix.aligned else 0.0) + r * step
        for c, drawn in enumerate(line):
            left = LEFT + c * (width + GAP)
            if r == 0 or not matrix.aligned:
                name, size = fitted(matrix.across[r][c], width + GAP / 2, SMALL, "bold")
                page.text(left, HEADER + top + head - 0.06, name, size=size, weight="bold")
            if drawn is None:
                continue
            axes = page.axes(left, top + head, width, tall)
            _draw_place(data, drawn, axes)
            page.name_axes(axes, "curve", data.places(drawn, data.reference(drawn.row)))
            last = r == rows - 1 or not matrix.aligned
            parts.set_returns(
                axes, limits, numbers=c == 0, ticks=3, room=LEFT, name="return" if c == 0 else ""
            )
            parts.set_steps(axes, data.at, numbers=last, label=r == rows - 1, ticks=2)
        for place, text in enumerate(sides[r]):
            start = WIDTH - 0.1 - 0.115 * place
            page.text(start, HEADER + top + head, text, size=SMALL, weight="bold", turn=-90)
    return page


def _draw_place(data: EnvironmentBands, drawn: RowBands, axes: Axes) -> None:
    """One place of the matrix."""
    parts.draw_threshold(axes, data.threshold)
    others = (d for d in data.drawn if d is not drawn and d.row.variant == drawn.row.variant)
    parts.draw_others(axes, data.at, others)
    beside = data.reference(drawn.row)
    if beside is not None:
        axes.plot(data.at, beside.bands["curve"].mean, color=BASELINE.color, linewidth=0.8, zorder=2)
    parts.draw_row(axes, data.at, drawn, _look(data, drawn))
    missing = parts.missing_text(drawn)
    if missing:
        axes.text(
            0.03, 0.97, missing, transform=axes.transAxes, fontsize=SMALL - 0.5, color=style.ALERT, va="top"
        )


def _side(name: str, tall: float) -> list[str]:
    """A line's name for its right side, turned, in pieces that fit its height."""
    return [part for text in name.split("\n") for part in wrapped(text, tall, SMALL, "bold")] or [""]


def _rows(data: EnvironmentBands) -> list[Row]:
    return [drawn.row for drawn in data.drawn]


def _look(data: EnvironmentBands, drawn: RowBands) -> Look:
    """The color of the slot that the variant replaces; the baseline's own rows are black beside other variants."""
    if drawn.row.variant == data.baseline:
        return style.baseline_look([one.row.variant for one in data.drawn], data.baseline)
    name = style.replaced_slot(drawn.row.slots, base_slots(data, drawn.row))
    return Look(style.COLORS.get(name, style.SETTINGS))
