"""Units of axes and cells: what numbers are written in, so that few digits tell them apart, whatever their size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from analysis.figures.lettering import width_of
from analysis.figures.page import SMALL

FAR = 100.0
"""Numbers that lie so many times their range from 0 are written as what they exceed one of them by."""
PLAIN = (1e-2, 1e4)
"""Numbers within are written as they are, others over a power of a thousand."""
TICK = 0.0625
"""Inches from an axis to its numbers."""
NAME = 0.15
"""Inches that the name of a vertical axis takes."""


@dataclass(frozen=True)
class Unit:
    """(value - offset) / 10^power, to so many decimals."""

    offset: float = 0.0
    power: int = 0
    decimals: int = 0

    def text(self, value: float) -> str:
        """The number as it is written; 0 has no minus."""
        return f"{(value - self.offset) / 10.0**self.power:z.{self.decimals}f}"

    def of(self, quantity: str) -> str:
        """What the numbers are: 'return', 'return / 1e9', 'return - 1000000', '(return - 1e6) / 1e-3'."""
        shifted = (
            f"{quantity} {'+' if self.offset < 0 else '-'} {abs(self.offset):.15g}"
            if self.offset
            else quantity
        )
        if not self.power:
            return shifted
        return f"({shifted}) / 1e{self.power}" if self.offset else f"{quantity} / 1e{self.power}"

    def squared(self, quantity: str) -> str:
        """The same of a quantity whose square root the numbers are."""
        return f"{quantity} / (1e{self.power})²" if self.power else quantity


def unit_of(low: float, high: float, step: float | None = None, *, shifted: bool = True) -> Unit:
    """The unit of numbers between two ends, told apart in steps; without one in twentieths of the range."""
    span, size, offset = high - low, max(abs(low), abs(high)), 0.0
    if not size or not math.isfinite(size):
        return Unit()
    if shifted and span > 0 and size > FAR * span and low * high > 0:
        coarse = 10.0 ** math.ceil(math.log10(10 * span))
        offset = round(low / coarse) * coarse
        size = max(abs(low - offset), abs(high - offset))
    power = 0 if PLAIN[0] <= size < PLAIN[1] else 3 * math.floor(math.log10(size) / 3 + 1e-9)
    step = step or 10.0 ** math.floor(math.log10((span or size) / 20))
    return Unit(offset, power, _decimals(step / 10.0**power))


def _decimals(step: float) -> int:
    """The fewest with which multiples of a step are written exactly, as far as anybody reads them."""
    return next((digits for digits in range(9) if _is_whole(step * 10.0**digits)), 9)


def _is_whole(number: float) -> bool:
    return round(number) >= 1 and math.isclose(number, round(number), rel_tol=1e-6)


def places(low: float, high: float, ticks: int) -> list[float]:
    """Round numbers between two ends."""
    found = MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(place) for place in found if low <= place <= high]


def tick_unit(low: float, high: float, ticks: int) -> Unit:
    """The unit in which an axis between two ends is numbered."""
    found = places(low, high, ticks)
    step = min((after - before for before, after in pairwise(found)), default=None)
    return unit_of(low, high, step and float(f"{step:.3g}"))  # far from 0 differences are not exact


def number(axis: Axis, low: float, high: float, ticks: int) -> Unit:
    """Number an axis between two ends; the unit is what its name must tell."""
    unit, found = tick_unit(low, high, ticks), places(low, high, ticks)
    axis.set_major_locator(FixedLocator(found))
    axis.set_major_formatter(FuncFormatter(lambda value, _: unit.text(value)))
    return unit


def fit_numbers(axes: Axes, room: float, *, is_named: bool) -> None:
    """Make the numbers of a vertical axis so small that they fit into the inches to its left, beside its name."""
    texts = axes.yaxis.get_major_formatter().format_ticks(list(axes.yaxis.get_majorticklocs()))
    widest = max((width_of(text, SMALL) for text in texts), default=0.0)
    free = room - TICK - NAME * is_named
    if widest > free:
        axes.tick_params(axis="y", labelsize=SMALL * free / widest)
