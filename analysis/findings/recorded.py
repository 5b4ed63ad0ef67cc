"""What the runs of a row stored besides returns, over environment steps: values and networks, and exact values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.bands import Band
from analysis.findings.summary import RowSummary
from analysis.metrics import Floats, Ints, RunData
from analysis.metrics.values import LARGEST, evaluation_curve
from analysis.statistics.intervals import curve_interval

Series = Callable[[RunData], tuple[Floats, Floats]]
"""Environment steps and a quantity at each: (G,), (G,); empty where a run did not store it."""


@dataclass(frozen=True)
class Recorded:
    """The quantities that a row's runs stored."""

    summary: RowSummary
    seeds: tuple[int, ...]
    """Of the runs that stored them, in the order of the bands' lines."""
    at: Mapping[str, Ints]
    """Environment steps of each quantity, (G,)."""
    bands: Mapping[str, Band]


def _overestimation(run: RunData) -> tuple[Floats, Floats]:
    if not run.evaluations:
        return np.empty(0), np.empty(0)
    over = run.evaluation("predicted_q") - run.evaluation("discounted_return")
    return evaluation_curve(run.evaluation("global_step"), over)


def _probe(name: str) -> Series:
    return lambda run: (run.probe("global_step"), run.probe(name))


def _exact(name: str) -> Series:
    return lambda run: (run.against_exact("global_step"), run.against_exact(name))


INSIDE: Mapping[str, Series] = {
    "q_max": _probe("q_max"),
    "overestimation": _overestimation,
    "churn": _probe("churn"),
    "effective_rank": _probe("effective_rank"),
}
"""Networks from inside."""
EXACT: Mapping[str, Series] = {name: _exact(name) for name in ("q_error_max", "overestimation", "regret")}
"""Learned against exact values, where an environment knows its own."""


def recorded(lines: Sequence[RowSummary], quantities: Mapping[str, Series]) -> dict[str, Recorded]:
    """{label: quantities} of the rows whose runs stored any."""
    found = {}
    for line in lines:
        runs = zip(line.row.valid_runs, line.run_data, strict=True)
        stored = {run.seed: data for run, data in runs if any(len(of(data)[0]) for of in quantities.values())}
        if stored:
            found[line.row.label] = _recorded(line, stored, quantities)
    return found


def _recorded(line: RowSummary, stored: Mapping[int, RunData], quantities: Mapping[str, Series]) -> Recorded:
    """The quantities that every one of these runs has, at the steps that all of them share."""
    at, bands = {}, {}
    for name, of in quantities.items():
        series = [of(run_data) for run_data in stored.values()]
        steps = series[0][0]
        if len(steps) and all(np.array_equal(steps, other) for other, _ in series):
            lines = [values for _, values in series]
            if not np.isnan(lines).all():
                at[name], bands[name] = steps.astype(np.int64), band(lines)
    return Recorded(line, tuple(stored), at, bands)


def band(series: Sequence[Floats]) -> Band:
    """A quantity of each seed, (n, G); what has grown beyond single precision counts as its largest number."""
    runs = np.nan_to_num(np.stack(series), nan=np.nan, posinf=LARGEST, neginf=-LARGEST)
    return Band(runs, *curve_interval(runs))


def states(one: Recorded) -> int:
    """States of a row's world that are not terminal."""
    known = (run.against_exact("states") for run in one.summary.run_data)
    return int(next(count for count in known if len(count))[0])
