"""Learned against exact values, for environments that know their own: error, overestimation and regret over steps.

Formulas are in ``docs/exact.md``, columns in ``store.EXACT``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.figures import parts, recorded_panels
from analysis.figures.data import FigureData, RowBands
from analysis.figures.page import Page
from analysis.figures.recorded_panels import Recorded
from analysis.loading import Results, Run
from analysis.metrics import Floats

QUANTITIES = {
    "q_error_max": "max |Q - Q*|",
    "overestimation": "overestimation, mean of max Q - V*",
    "regret": "regret, V* - V of the greedy policy",
}
UNIT = "discounted return"
LINEAR = 0.01
"""Axes of values are linear up to here and logarithmic beyond."""


# ---- reading ----


def read(data: FigureData) -> dict[str, Recorded]:
    """{label: comparison} of the rows whose runs stored one."""
    found = {}
    for drawn in data.drawn:
        tables = [(run, _table(data.results, run)) for run in drawn.row.valid_runs]
        stored = [(run, table) for run, table in tables if table is not None]
        if stored:
            found[drawn.row.label] = _recorded(drawn, stored)
    return found


def states(data: FigureData, label: str) -> int:
    """States of a row's world that are not terminal."""
    row = next(drawn.row for drawn in data.drawn if drawn.row.label == label)
    tables = (_table(data.results, run) for run in row.valid_runs)
    return int(next(table for table in tables if table is not None)["states"][0])


def _table(results: Results, run: Run) -> Mapping[str, Floats] | None:
    """The columns of a run's comparison, None where it made none."""
    if run.exact is None or not run.exact.num_rows:
        return None
    names = ("global_step", "states", *QUANTITIES)
    return {name: np.asarray(run.exact.column(name).to_numpy(), dtype=np.float64) for name in names}


def _recorded(drawn: RowBands, stored: Sequence[tuple[Run, Mapping[str, Floats]]]) -> Recorded:
    """The runs of a row share their settings, hence their steps."""
    at = stored[0][1]["global_step"].astype(np.int64)
    return Recorded(
        drawn,
        tuple(run.seed for run, _ in stored),
        dict.fromkeys(QUANTITIES, at),
        {name: recorded_panels.band([table[name] for _, table in stored]) for name in QUANTITIES},
    )


# ---- drawing ----


def draw(data: FigureData, recorded: Mapping[str, Recorded]) -> Page:
    """One line of panels for each panel of the layout: a quantity in each."""
    quantities = shown(recorded)
    count = states(data, next(iter(recorded)))
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
    return recorded_panels.draw(data, recorded, headings, "learned against exact values", caption, set_axes)


def shown(recorded: Mapping[str, Recorded]) -> list[str]:
    """The quantities that are not 0 throughout; the first in any case."""
    first, *others = QUANTITIES
    return [first, *(name for name in others if any(one.bands[name].runs.any() for one in recorded.values()))]


def as_csv(data: FigureData, recorded: Mapping[str, Recorded]) -> str:
    """The numbers behind the figure, with a column per seed."""
    return recorded_panels.as_csv(data, recorded, dict.fromkeys(QUANTITIES, UNIT))
