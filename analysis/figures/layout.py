"""The layout of panels: which lines share one, so that no panel holds more than a reader can tell apart.

* one point per variant: one panel per slot, the baseline repeated in each;
* many combinations of pieces (a factorial): panels by two slots, lines by the others;
* a sweep: one panel per variant and values of all keys but the last, lines by the last key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.figures import style
from analysis.figures.style import Look
from analysis.findings.bands import EnvironmentBands, RowBands
from analysis.loading import Piece, Row, Slots
from analysis.tables.spelling import brief_text, row_name, swept_text

MOST_LINES = 4
"""Lines in a panel besides the baseline's."""
CROSSED = 4
"""A study with more combinations of several slots than this is laid out as a factorial."""


@dataclass(frozen=True)
class PanelLine:
    """A line of a panel and what the panel's key calls it."""

    drawn: RowBands
    look: Look
    name: str


@dataclass(frozen=True)
class Panel:
    """Lines that are looked at together."""

    title: str
    color: str
    members: tuple[PanelLine, ...]


@dataclass(frozen=True)
class Layout:
    """Panels in rows of at most ``columns`` (None: an empty place), with the reference repeated in each."""

    panels: tuple[Panel | None, ...]
    columns: int
    reference: RowBands | None
    note: str = ""


def lay_out(data: EnvironmentBands) -> Layout:
    """The layout of an environment's figure. Panels of rows of which no run was made yet are left out."""
    if data.is_swept:
        return _tried(_swept(data))
    if is_factorial(data):
        return _tried(_factorial(data), in_place=True)
    return _tried(_by_slot(data))


def _tried(found: Layout, in_place: bool = False) -> Layout:
    """The panels in which a row was tried, all where none was; ``in_place``: the others leave empty places."""
    panels = [
        panel if panel and any(member.drawn.row.is_tried for member in panel.members) else None
        for panel in found.panels
    ]
    if not any(panels):
        return found
    if not in_place:
        panels = [panel for panel in panels if panel is not None]
    columns = found.columns if in_place or len(panels) == len(found.panels) else columns_for(len(panels))
    return replace(found, panels=tuple(panels), columns=columns)


def base_slots(data: EnvironmentBands, row: Row | None = None) -> Slots:
    """The baseline's pieces, at a row's point of a sweep if one is given; the first row's where there is no baseline.

    A sweep may go through the baseline's pieces themselves: a row has changed what it doesn't share with the baseline
    at the same point.
    """
    beside = data.reference(row) if row is not None else None
    if beside is not None:
        return beside.row.slots
    rows = [drawn.row for drawn in data.drawn]
    return next((row.slots for row in rows if row.variant == data.baseline), rows[0].slots)


def baseline(data: EnvironmentBands) -> RowBands | None:
    """The baseline's row, where there is exactly one."""
    found = [drawn for drawn in data.drawn if drawn.row.variant == data.baseline]
    return found[0] if len(found) == 1 else None


def is_factorial(data: EnvironmentBands) -> bool:
    """True if most rows differ from the baseline in several slots at once."""
    base = base_slots(data)
    crossed = sum(style.replaced_slot(drawn.row.slots, base) == style.SEVERAL for drawn in data.drawn)
    return crossed > CROSSED


def columns_for(panels: int, most: int = 3) -> int:
    """The number of panels side by side: 1, 2, 3, then 2 x 2, then rows of three."""
    return 2 if panels == 4 and most < 4 else max(1, min(panels, most))


# ---- a panel per slot ----


def _by_slot(data: EnvironmentBands) -> Layout:
    base, reference = base_slots(data), baseline(data)
    others = [drawn for drawn in data.drawn if drawn is not reference]
    if not others:
        only = [PanelLine(drawn, style.BASELINE, row_name(drawn.row)) for drawn in data.drawn]
        return Layout((Panel("", style.BLACK, tuple(only)),), 1, None)
    groups: dict[str, list[RowBands]] = {name: [] for name in (*base, style.SEVERAL)}
    for drawn in others:
        groups[style.replaced_slot(drawn.row.slots, base) or style.SEVERAL].append(drawn)
    if len(others) <= MOST_LINES:
        groups = {"": others}
    panels = []
    for name, found in groups.items():
        for chunk in _chunks(found):
            beside = [style.BASELINE] if reference is not None else []
            looks = style.distinguished([style.look(d.row.slots, d.row.facts, base) for d in chunk], beside)
            members = zip(chunk, looks, strict=True)
            panels.append(
                Panel(
                    name,
                    style.COLORS.get(name, style.BLACK),
                    tuple(PanelLine(d, k, row_name(d.row)) for d, k in members),
                )
            )
    return Layout(tuple(panels), columns_for(len(panels)), reference)


def _chunks(items: Sequence[RowBands]) -> list[Sequence[RowBands]]:
    """Parts of nearly equal size, none above ``MOST_LINES``."""
    count = -(-len(items) // MOST_LINES)
    return [items[len(items) * i // count : len(items) * (i + 1) // count] for i in range(count)]


# ---- factorials ----


def varied_slots(data: EnvironmentBands) -> list[str]:
    """The slots that vary, those with the most pieces first; two of them make a factorial's panels."""
    counts = {slot: len(values_of(data, slot)) for slot in data.drawn[0].row.slots}
    return sorted((slot for slot, count in counts.items() if count > 1), key=lambda slot: -counts[slot])


def values_of(data: EnvironmentBands, slot: str) -> list[Piece]:
    """The pieces of a slot in the order in which the study has them."""
    found: list[Piece] = []
    for drawn in data.drawn:
        if drawn.row.slots[slot] not in found:
            found.append(drawn.row.slots[slot])
    return found


def piece_name(data: EnvironmentBands, slots: Slots, slot: str) -> str:
    """A row's piece in short, told apart from all others of the study's."""
    return brief_text(slots[slot], values_of(data, slot))


def _factorial(data: EnvironmentBands) -> Layout:
    down, across, *rest = varied_slots(data)
    panels: list[Panel | None] = []
    columns = values_of(data, across)
    for vertical in values_of(data, down):
        for horizontal in columns:
            cell = [
                d for d in data.drawn if d.row.slots[down] == vertical and d.row.slots[across] == horizontal
            ]
            pair = {down: vertical, across: horizontal}
            title = ", ".join(f"{slot} {piece_name(data, pair, slot)}" for slot in pair)
            panels += _cells(data, title, cell, rest)
    colors = f"; colors: {' and '.join(rest)}" if rest else ""
    note = f"Panels: {down} and {across}{colors}."
    while len(panels) % len(columns):
        panels.append(None)
    return Layout(tuple(panels), min(len(columns), 3), baseline(data), note)


def _cells(
    data: EnvironmentBands, title: str, cell: list[RowBands], rest: Sequence[str]
) -> list[Panel | None]:
    """One panel (more where too many lines meet, none where no row has these pieces)."""
    if not cell:
        return [None]
    base, looks = base_slots(data), []
    for drawn in cell:
        only_rest = {slot: piece if slot in rest else base[slot] for slot, piece in drawn.row.slots.items()}
        one = style.look(only_rest, drawn.row.facts, base)
        if one == style.BASELINE and drawn.row.variant != data.baseline:
            # alike but for the panel's own slots; black is the baseline's
            one = replace(one, color=style.GRAY)
        looks.append(one)
    names = [
        " + ".join(piece_name(data, drawn.row.slots, slot) for slot in rest) or drawn.row.title
        for drawn in cell
    ]
    members = [PanelLine(*found) for found in zip(cell, style.distinguished(looks), names, strict=True)]
    size = MOST_LINES + 2
    return [Panel(title, style.BLACK, tuple(members[i : i + size])) for i in range(0, len(members), size)]


# ---- sweeps ----


def _swept(data: EnvironmentBands) -> Layout:
    groups: dict[tuple[str, str], list[RowBands]] = {}
    for drawn in data.drawn:
        fixed = list(drawn.row.swept.items())[:-1]
        groups.setdefault((drawn.row.variant, str(fixed)), []).append(drawn)
    panels: list[Panel | None] = []
    for found in groups.values():
        row = found[0].row
        base = base_slots(data, row)
        texts = [swept_text(key, value) for key, value in list(row.swept.items())[:-1]]
        title = ", ".join([row.title, *texts])
        color = style.BLACK if row.variant == data.baseline else style.look(row.slots, row.facts, base).color
        if len({str(drawn.row.slots) for drawn in found}) > 1:  # the sweep goes through the pieces themselves
            name = style.replaced_slot(row.slots, base)
            color = style.COLORS.get(name, color) if row.variant != data.baseline else style.BLACK
        looks = style.sequential_looks(len(found), color)
        for start in range(0, len(found), MOST_LINES + 2):
            part = slice(start, start + MOST_LINES + 2)
            members = zip(found[part], style.distinguished(looks[part]), strict=True)
            panels.append(Panel(title, color, tuple(PanelLine(d, k, _last(d)) for d, k in members)))
    return Layout(tuple(panels), columns_for(len(panels)), None, "Shades follow the order of the values.")


def _last(drawn: RowBands) -> str:
    """A line's name in its panel: the value of the last swept key."""
    if not drawn.row.swept:
        return drawn.row.title
    key, value = list(drawn.row.swept.items())[-1]
    return swept_text(key, value)
