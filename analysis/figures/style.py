"""The looks of variants: color tells the slot it replaces, dash and shade the piece. The same everywhere.

A look is a function of the pieces' facts (and of which pieces are the baseline's), never of how many variants a study
has, so a variant looks alike in every figure of every study. The colors begin with seaborn's ``colorblind`` palette.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import seaborn as sns
from matplotlib.colors import to_hex, to_rgb

from analysis.loading import Facts, Slots, replaced_slots

SEVERAL = "several slots"
COLORS = {
    "replay": "#0173b2",
    "target": "#d55e00",
    "bootstrap": "#029e73",
    "head": "#b5479f",
    "trunk": "#8900ff",
    "exploration": "#00b1ff",
    "returns": "#890062",
    "loss": "#9db176",
    "optimizer": "#c489c4",
    "maintenance": "#b162eb",
    SEVERAL: "#8a5a2b",
}
"""Color by the slot that differs from the baseline; also with little or no red, green or blue they are told apart."""
SECOND_HUES = {"target": "#de8f05"}
"""Within a slot's color, that of pieces with the fact ``hue``; of other slots a shade of it."""
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
ALL_DASHES = (*DASHES, (5.0, 1.2, 1.2, 1.2, 1.2, 1.2))
"""The last only where five are not enough to tell lines apart."""
NEAR = 10.0
"""Colors less apart than this (CIE76) are not told apart in thin lines."""
XYZ_OF_RGB = (
    ((0.4124564, 0.3575761, 0.1804375), 0.95047),
    ((0.2126729, 0.7151522, 0.0721750), 1.0),
    ((0.0193339, 0.1191920, 0.9503041), 1.08883),
)
"""Linear sRGB to X, Y and Z, each with that of white."""
NAMED_DASHES = {"solid": SOLID, "dashed": DASHED, "dashdot": DASHDOT, "dotted": DOTTED, "long": LONG}


@dataclass(frozen=True)
class Look:
    """The color and dash of a line."""

    color: str
    dash: Dash = SOLID
    width: float = 1.3


BASELINE = Look(BLACK)


def baseline_look(variants: Sequence[str], baseline: str) -> Look:
    """Of the baseline's rows in a sweep: black, as everywhere; the settings' color where there are no other rows."""
    return Look(SETTINGS) if set(variants) <= {baseline} else BASELINE


def replaced_slot(slots: Slots, base: Slots) -> str:
    """The slot a variant replaces, ``SEVERAL``, or '' for the baseline itself."""
    found = replaced_slots(slots, base)
    if len(found) > 1:
        return SEVERAL
    return found[0] if found else ""


def look(slots: Slots, facts: Mapping[str, Facts], base: Slots) -> Look:
    """The look of a variant beside a baseline."""
    found = replaced_slots(slots, base)
    if not found:
        return BASELINE
    if len(found) > 1:
        places = [place for place, slot in enumerate(slots) if slot in found]
        return Look(shaded(COLORS[SEVERAL], 0.18 * min(len(found), 5) - 0.56), DASHES[sum(places) % 4])
    return _piece_look(found[0], facts[found[0]])


def _piece_look(slot: str, facts: Facts) -> Look:
    """The look of one piece within its slot's color, from its facts."""
    color = COLORS.get(slot, GRAY)
    if facts.get("hue"):
        color = SECOND_HUES.get(slot, shaded(color, -0.3))
    if "shade" in facts or "dash" in facts:
        return Look(shaded(color, facts.get("shade", 0.0)), NAMED_DASHES[facts.get("dash") or "solid"])
    if "lag" in facts:
        return _by_lag(color, 2 * facts["lag"] + 1)
    return Look(color, SOLID if facts.get("neutral") else LONG)


def _by_lag(color: str, period: float) -> Look:
    """Shade and dash from the period of copies of this lag, so that neighbours on a log scale differ in one."""
    power = math.log2(max(period, 1.0))
    return Look(shaded(color, min(power / 14, 1.0) - 0.5), DASHES[(round(power) + 2) % 4])


def sequential_looks(count: int, color: str) -> list[Look]:
    """Looks of the values of a swept key in their order: shades of a variant's color from light to dark.

    The baseline's black has no shades that can be told apart; its values take seaborn's ``viridis`` instead.
    """
    parts = [i / max(count - 1, 1) for i in range(count)]
    if color == BLACK:
        palette = sns.color_palette("viridis", as_cmap=True)
        colors = [to_hex(palette(0.82 - 0.82 * part)) for part in parts]
    else:
        colors = [shaded(color, -0.5 + 0.85 * part) for part in parts]
    return [Look(shade, DASHES[i % len(DASHES)]) for i, shade in enumerate(colors)]


def distinguished(looks: Sequence[Look], beside: Sequence[Look] = ()) -> list[Look]:
    """The same looks, but where two of one panel are too alike the later one gets another dash.

    ``beside`` are lines of the panel that keep their look. With six dashes, six lines can be told apart in any colors.
    """
    found = list(beside)
    for one in looks:
        choices = [one, *(replace(one, dash=dash) for dash in ALL_DASHES)]
        apart = (choice for choice in choices if not any(_are_alike(choice, other) for other in found))
        found.append(next(apart, one))
    return found[len(beside) :]


def _are_alike(one: Look, other: Look) -> bool:
    return one.dash == other.dash and color_distance(one.color, other.color) < NEAR


def color_distance(one: str, other: str) -> float:
    """CIE76: the distance of two colors in L*a*b* (D65); from some 2 on they can be told apart side by side."""
    return math.dist(_lab(one), _lab(other))


def _lab(color: str) -> tuple[float, float, float]:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    x, y, z = (
        sum(weight * c for weight, c in zip(line, linear, strict=True)) / white for line, white in XYZ_OF_RGB
    )
    fx, fy, fz = (t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def shaded(color: str, amount: float) -> str:
    """A color towards white (amount below 0) or towards black (above 0), at most all the way."""
    end = 1.0 if amount < 0 else 0.0
    part = min(abs(amount), 1.0)
    red, green, blue = ((1 - part) * channel + part * end for channel in to_rgb(color))
    return to_hex((red, green, blue))
