"""Networks from inside while they learn: values, overestimation, churn, rank of the features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.figures import parts, recorded_panels
from analysis.figures.page import Page
from analysis.figures.style import ALERT
from analysis.findings.bands import EnvironmentBands
from analysis.findings.recorded import Recorded

QUANTITIES = {
    "q_max": "largest Q of the probe states",
    "overestimation": "overestimation",
    "churn": "churn, share of states",
    "effective_rank": "effective rank",
}
UNITS = {
    "q_max": "value",
    "overestimation": "value",
    "churn": "share of probe states",
    "effective_rank": "dimensions",
}
VALUES = ("q_max", "overestimation")
MEANINGS = {
    "overestimation": "Overestimation: predicted minus obtained discounted return of greedy episodes.",
    "churn": "Churn: share of probe states whose greedy action one update changes.",
    "effective_rank": "Effective rank: least number of singular values of the last features that hold 99 % of "
    "their sum.",
}
"""What the caption says of each quantity that is drawn."""
BEYOND = 5
"""Values that lie beyond the bounds by this factor are drawn in powers of ten."""


def shown(recorded: Mapping[str, Recorded]) -> list[str]:
    """The quantities that any row has."""
    return [name for name in QUANTITIES if any(name in one.bands for one in recorded.values())]


def draw(data: EnvironmentBands, recorded: Mapping[str, Recorded]) -> Page:
    """One line of panels for each panel of the layout: a quantity in each."""
    bounds = data.results.environment(data.env_id).get("value_bounds")
    quantities = shown(recorded)
    powers = [name for name in quantities if name in VALUES and _is_wild(name, recorded, bounds)]
    caption = [
        f"Mean over seeds with {parts.PERCENT} percentile bootstrap interval ({parts.n_text(data.drawn)}; seeds are "
        "resampled).",
        *(MEANINGS[name] for name in quantities if name in MEANINGS),
    ]
    if eyes := parts.eyes_text(data.drawn):
        caption.append(eyes)
    if powers:
        names = " and ".join(QUANTITIES[name] for name in powers)
        caption.append(f"Axis of {names}: linear up to {_linear(bounds):g} and logarithmic beyond.")
    if bounds and "q_max" in quantities:
        caption.append(f"Dotted red: no true value lies outside [{bounds[0]:g}, {bounds[1]:g}].")

    ends = {name: recorded_panels.limits(name, recorded.values()) for name in quantities}
    if bounds and "q_max" in ends:
        low, high = ends["q_max"]
        ends["q_max"] = min(low, bounds[0]), max(high, bounds[1])

    def set_axes(axes: Axes, quantity: str) -> None:
        low, high = ends[quantity]
        for bound in bounds or () if quantity == "q_max" else ():
            axes.axhline(bound, color=ALERT, linewidth=0.7, dashes=(1, 2), zorder=1)
        if quantity in powers:
            recorded_panels.set_powers(axes, low, high, _linear(bounds))
        else:
            recorded_panels.set_linear(axes, low, high)

    headings = {
        name: QUANTITIES[name]
        if name in powers
        else recorded_panels.linear_unit(*ends[name]).of(QUANTITIES[name])
        for name in quantities
    }
    return recorded_panels.draw(
        data, recorded, headings, "values and networks from inside", caption, set_axes
    )


def _size(bounds: Sequence[float] | None) -> float:
    """The larger bound of values, or what stands for it where there are none."""
    return max(map(abs, bounds)) if bounds else 100.0


def _linear(bounds: Sequence[float] | None) -> float:
    """Up to where an axis of powers of ten is linear."""
    return float(10.0 ** (round(np.log10(_size(bounds))) - 1))


def _is_wild(quantity: str, recorded: Mapping[str, Recorded], bounds: Sequence[float] | None) -> bool:
    """True if a quantity goes so far beyond the bounds that powers of ten are needed."""
    low, high = recorded_panels.limits(quantity, recorded.values())
    return max(-low, high) > BEYOND * _size(bounds)
