"""Metrics: pure functions from arrays to arrays. Nothing here reads a file, draws, or knows of variants.

``registry.METRICS`` lists them all with unit and direction; docs/metrics.md has every formula with its source.
"""

from analysis.metrics.learning import auc, final_return, first_solved, solved_over_100
from analysis.metrics.registry import METRICS, Metric, score_run
from analysis.metrics.run_data import RunData
from analysis.metrics.series import (
    WINDOW,
    Floats,
    Form,
    Ints,
    curve,
    grid,
    running_mean,
    running_variance,
    time_average,
    value_at,
)

__all__ = [
    "METRICS",
    "WINDOW",
    "Floats",
    "Form",
    "Ints",
    "Metric",
    "RunData",
    "auc",
    "curve",
    "final_return",
    "first_solved",
    "grid",
    "running_mean",
    "running_variance",
    "score_run",
    "solved_over_100",
    "time_average",
    "value_at",
]
