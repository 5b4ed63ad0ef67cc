"""How a variant looks: colour tells the slot it replaces, dash and shade the member. The same everywhere.

A look is a function of the pieces alone (and of which pieces are the baseline's), never of how many variants a
study has, so a variant looks alike in every figure of every study. The colours are seaborn's ``colorblind`` palette.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import seaborn as sns
from matplotlib.colors import to_hex, to_rgb

SLOTS = ("replay", "target", "bootstrap", "head")
SEVERAL = "several slots"
COLORS = {
    "replay": "#0173b2",
    "target": "#d55e00",
    "bootstrap": "#029e73",
    "head": "#b5479f",
    SEVERAL: "#8a5a2b",
}
"""Colour by the slot that differs from the baseline."""
SOFT = "#de8f05"
"""Within the target's family, soft copies."""
BLACK = "#000000"
GRAY = "#8c8c8c"
PALE = "#c9c9c9"
ALERT = "#b00020"
"""What is missing or diverged."""
SETTINGS = "#4a3f9a"
"""A swept setting, which belongs to no slot."""

Dash = tuple[float, ...]
SOLID: Dash = ()
DASHED: Dash = (4.0, 1.5)
DASHDOT: Dash = (5.0, 1.4, 1.2, 1.4)
DOTTED: Dash = (1.2, 1.2)
LONG: Dash = (8.0, 1.6)
DASHES = (SOLID, DASHED, DASHDOT, DOTTED, LONG)

Pieces = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Look:
    """The colour and dash of a line."""

    color: str
    dash: Dash = SOLID
    width: float = 1.3


BASELINE = Look(BLACK)


def baseline_look(variants: Sequence[str], baseline: str) -> Look:
    """Of the baseline's rows in a sweep: black, as everywhere; the settings' colour where there are no other rows."""
    return Look(SETTINGS) if set(variants) <= {baseline} else BASELINE


def changed(slots: Pieces, base: Pieces) -> tuple[str, ...]:
    """The slots in which a variant differs from the baseline."""
    return tuple(slot for slot in SLOTS if slots.get(slot) != base.get(slot))


def replaced_slot(slots: Pieces, base: Pieces) -> str:
    """The slot a variant replaces, ``SEVERAL``, or '' for the baseline itself."""
    found = changed(slots, base)
    if len(found) > 1:
        return SEVERAL
    return found[0] if found else ""


def look(slots: Pieces, base: Pieces) -> Look:
    """How a variant looks beside a baseline."""
    name = replaced_slot(slots, base)
    if not name:
        return BASELINE
    if name == SEVERAL:
        mask = sum(1 << SLOTS.index(slot) for slot in changed(slots, base))  # 3 naive, 13 combined
        return Look(shaded(COLORS[SEVERAL], 0.12 * (mask // 4) - 0.2), DASHES[(mask + 1) % 4])
    return _member(name, slots[name])


def _member(slot: str, piece: Mapping[str, Any]) -> Look:
    """The look of one piece within its slot's colour."""
    color, kind = COLORS[slot], piece.get("kind")
    if kind == "prioritized":
        alpha = float(piece.get("alpha", 0.6))
        return Look(shaded(color, (alpha - 0.6) * 0.6), DOTTED if alpha == 0 else DASHDOT)
    if kind == "hard":
        return _by_lag(color, float(piece.get("period", 100)))
    if kind == "soft":
        return _by_lag(SOFT, 2 / float(piece.get("tau", 0.005)) - 1)
    if kind == "dueling":
        return Look(shaded(color, 0.3), DASHED) if piece.get("hidden") else Look(color)
    looks = {
        "latest": Look(shaded(color, 0.3)),
        "consecutive": Look(shaded(color, -0.2), DASHED),
        "none": Look(shaded(color, 0.15)),
        "double": Look(color),
        "inverse-double": Look(shaded(color, -0.15), DASHED),
    }
    return looks.get(str(kind), Look(color, LONG))


def _by_lag(color: str, lag: float) -> Look:
    """Shade and dash from the target's mean lag in updates, so that neighbours on a log scale differ in one."""
    power = math.log2(max(lag, 1.0))
    return Look(shaded(color, min(power / 14, 1.0) - 0.5), DASHES[(round(power) + 2) % 4])


def sequential_looks(count: int, color: str) -> list[Look]:
    """Looks of the values of a swept key in their order: shades of a variant's colour from light to dark.

    The baseline's black has no shades that can be told apart; its values take seaborn's ``viridis`` instead.
    """
    parts = [i / max(count - 1, 1) for i in range(count)]
    if color == BLACK:
        palette = sns.color_palette("viridis", as_cmap=True)
        colors = [to_hex(palette(0.82 - 0.82 * part)) for part in parts]
    else:
        colors = [shaded(color, -0.5 + 0.85 * part) for part in parts]
    return [Look(shade, DASHES[i % len(DASHES)]) for i, shade in enumerate(colors)]


def distinguished(looks: Sequence[Look]) -> list[Look]:
    """The same looks, but where two of one panel are equal the later one gets another dash."""
    found: list[Look] = []
    for one in looks:
        choices = [one, *(replace(one, dash=dash) for dash in DASHES)]
        found.append(next((choice for choice in choices if choice not in found), one))
    return found


def shaded(color: str, amount: float) -> str:
    """A colour towards white (amount below 0) or towards black (above 0), at most all the way."""
    end = 1.0 if amount < 0 else 0.0
    part = min(abs(amount), 1.0)
    red, green, blue = ((1 - part) * channel + part * end for channel in to_rgb(color))
    return to_hex((red, green, blue))
