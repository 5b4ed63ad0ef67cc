"""Networks from inside while they learn: values, overestimation, churn, rank of the features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.figures import parts, recorded_panels
from analysis.figures.data import FigureData, RowBands
from analysis.figures.page import Page
from analysis.figures.recorded_panels import Recorded
from analysis.figures.style import ALERT
from analysis.findings.measured import measured
from analysis.metrics import Floats, RunData
from analysis.metrics.values import evaluation_curve

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


def read(data: FigureData) -> dict[str, Recorded]:
    """{label: quantities} of the rows whose runs stored probes or evaluations."""
    found = {}
    environment = data.results.environment(data.env_id)
    for drawn in data.drawn:
        measured_runs = {run.seed: measured(drawn.row, run, environment) for run in drawn.row.valid_runs}
        stored = {seed: run for seed, run in measured_runs.items() if run.probes or run.evaluations}
        if stored:
            found[drawn.row.label] = _recorded(drawn, stored)
    return found


def _recorded(drawn: RowBands, stored: Mapping[int, RunData]) -> Recorded:
    """The quantities that every one of these runs has, at the steps that all of them share."""
    at, bands = {}, {}
    for name in QUANTITIES:
        series = [_series(name, data) for data in stored.values()]
        steps = series[0][0]
        if len(steps) and all(np.array_equal(steps, other) for other, _ in series):
            lines = [values for _, values in series]
            if np.isfinite(lines).any():
                at[name], bands[name] = steps.astype(np.int64), recorded_panels.band(lines)
    return Recorded(drawn, tuple(stored), at, bands)


def _series(name: str, data: RunData) -> tuple[Floats, Floats]:
    """Environment steps and a quantity at each: (G,), (G,)."""
    if name != "overestimation":
        return data.probe("global_step"), data.probe(name)
    if not data.evaluations:
        return np.empty(0), np.empty(0)
    over = data.evaluation("predicted_q") - data.evaluation("discounted_return")
    return evaluation_curve(data.evaluation("global_step"), over)


def shown(recorded: Mapping[str, Recorded]) -> list[str]:
    """The quantities that any row has."""
    return [name for name in QUANTITIES if any(name in one.bands for one in recorded.values())]


def draw(data: FigureData, recorded: Mapping[str, Recorded]) -> Page:
    """One line of panels for each panel of the layout: a quantity in each."""
    bounds = data.results.environment(data.env_id).get("value_bounds")
    quantities = shown(recorded)
    powers = [name for name in quantities if name in VALUES and _is_wild(name, recorded, bounds)]
    caption = [
        f"Mean over seeds with {parts.PERCENT} percentile bootstrap interval ({parts.n_text(data.drawn)}; seeds are "
        "resampled).",
        *(MEANINGS[name] for name in quantities if name in MEANINGS),
    ]
    if powers:
        names = " and ".join(QUANTITIES[name] for name in powers)
        caption.append(f"Axis of {names}: linear up to {_linear(bounds):g} and logarithmic beyond.")
    if bounds and "q_max" in quantities:
        caption.append(f"Dotted red: no true value lies outside [{bounds[0]:g}, {bounds[1]:g}].")

    def set_axes(axes: Axes, quantity: str) -> None:
        low, high = recorded_panels.limits(quantity, recorded.values())
        if quantity == "q_max" and bounds:
            low, high = min(low, bounds[0]), max(high, bounds[1])
            for bound in bounds:
                axes.axhline(bound, color=ALERT, linewidth=0.7, dashes=(1, 2), zorder=1)
        if quantity in powers:
            recorded_panels.set_powers(axes, low, high, _linear(bounds))
        else:
            recorded_panels.set_linear(axes, low, high)

    headings = {name: QUANTITIES[name] for name in quantities}
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


def as_csv(data: FigureData, recorded: Mapping[str, Recorded]) -> str:
    """The numbers behind the figure, with a column per seed."""
    return recorded_panels.as_csv(data, recorded, UNITS)
