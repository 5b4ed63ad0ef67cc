"""Learned against exact values, for environments that know their own: error, overestimation and regret over steps.

Formulas are in ``docs/exact.md``, columns in ``store.EXACT``.
"""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from analysis.figures import parts, recorded_panels
from analysis.figures.page import Page
from analysis.findings.bands import EnvironmentBands
from analysis.findings.recorded import Recorded, states

QUANTITIES = {
    "q_error_max": "max |Q - Q*|",
    "overestimation": "overestimation, mean of max Q - V*",
    "regret": "regret, V* - V of the greedy policy",
}
UNIT = "discounted return"
LINEAR = 0.01
"""Axes of values are linear up to here and logarithmic beyond."""


def draw(data: EnvironmentBands, recorded: Mapping[str, Recorded]) -> Page:
    """One line of panels for each panel of the layout: a quantity in each."""
    quantities = shown(recorded)
    count = states(next(iter(recorded.values())))
    caption = [
        f"Mean over seeds with {parts.PERCENT} percentile bootstrap interval ({parts.n_text(data.drawn)}; seeds are "
        f"resampled), in {UNIT}, over {count} states that are not terminal and all actions. Q* by value iteration; the "
        "greedy policy is evaluated exactly, and a time limit is bootstrapped through. Axes of values are linear up to "
        f"{LINEAR:g} and logarithmic beyond.",
        *(f"Not shown, as it is 0 throughout: {name}." for name in QUANTITIES if name not in quantities),
    ]

    def set_axes(axes: Axes, quantity: str) -> None:
        low, high = recorded_panels.limits(quantity, recorded.values())
        if quantity == "regret":
            recorded_panels.set_linear(axes, low, high)
        else:
            recorded_panels.set_powers(axes, low, high, LINEAR)

    headings = {name: QUANTITIES[name] for name in quantities}
    if "regret" in headings:
        unit = recorded_panels.linear_unit(*recorded_panels.limits("regret", recorded.values()))
        headings["regret"] = unit.of(headings["regret"])
    return recorded_panels.draw(data, recorded, headings, "learned against exact values", caption, set_axes)


def shown(recorded: Mapping[str, Recorded]) -> list[str]:
    """The quantities that are not 0 throughout; the first in any case."""
    first, *others = QUANTITIES
    return [first, *(name for name in others if any(one.bands[name].runs.any() for one in recorded.values()))]
