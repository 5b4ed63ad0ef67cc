"""Metrics: pure functions from arrays to arrays. Nothing here reads a file, draws, or knows of variants.

``registry.METRICS`` lists them all with unit and direction; docs/metrics.md has every formula with its source.
"""

from analysis.metrics.learning import auc, final_return, first_solved, solved_over_100
from analysis.metrics.registry import METRICS, Metric, scores
from analysis.metrics.series import (
    WINDOW,
    Floats,
    Form,
    Ints,
    curve,
    grid,
    held,
    running_mean,
    running_variance,
    time_average,
)
from analysis.metrics.track import Track

__all__ = [
    "METRICS",
    "WINDOW",
    "Floats",
    "Form",
    "Ints",
    "Metric",
    "Track",
    "auc",
    "curve",
    "final_return",
    "first_solved",
    "grid",
    "held",
    "running_mean",
    "running_variance",
    "scores",
    "solved_over_100",
    "time_average",
]
