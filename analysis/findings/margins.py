"""What counts as no effect: a share of a metric's own scale, or what the study says of its primary metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.metrics import METRICS, Metric

DECIDE: Mapping[str, Any] = {"metric": "auc", "alpha": 0.05, "margin": 0.05, "looks": None}
"""What a study decides by unless it says otherwise; without looks its seeds are fixed."""


def decided_by(study: Mapping[str, Any]) -> Mapping[str, Any]:
    """The study's primary metric, level, margin and looks."""
    return {**DECIDE, **study.get("decide", {})}


def normal_scale(environment: Mapping[str, Any]) -> tuple[float, float] | None:
    """(random, threshold) of an environment whose scores can be normalised, otherwise None."""
    if why_not_normalized(environment) is not None:
        return None
    return float(environment["random_policy"]["mean_return"]), float(environment["reward_threshold"])


def why_not_normalized(environment: Mapping[str, Any]) -> str | None:
    """Why scores of an environment have no common scale; None where 0 is the random policy and 1 the threshold."""
    random, threshold = environment.get("random_policy"), environment.get("reward_threshold")
    if threshold is None:
        return "it has no reward threshold"
    if not random:
        return "it has no score of the random policy"
    if not random["mean_return"] < threshold:
        return f"its threshold, {threshold:g}, is not above what the random policy earns"
    return None


def scale_of(metric: Metric, environment: Mapping[str, Any], budget: int) -> float:
    """The metric's own scale in its units; NaN where there is none.

    Threshold minus random for returns, the budget for steps, the bounds' width for values, 1 for shares.
    """
    returns, bounds = normal_scale(environment), environment.get("value_bounds")
    if metric.scale == "return" and returns:
        return returns[1] - returns[0]
    if metric.scale == "steps":
        return float(budget)
    if metric.scale == "value" and bounds:
        return float(bounds[1] - bounds[0])
    return 1.0 if metric.scale == "share" else np.nan


def margin_of(
    metric: Metric, environment: Mapping[str, Any], budget: int, decide: Mapping[str, Any]
) -> float:
    """m in the metric's units; NaN where nothing says what is small."""
    own = environment.get("margin")
    if own is not None and metric.name == decide["metric"]:
        return float(own)
    return float(decide["margin"]) * scale_of(metric, environment, budget)


def without_scale(
    name: str, reward_threshold: float | None, value_bounds: tuple[float, float] | None
) -> str | None:
    """Why nothing says what is small on this metric in an environment, before anything has run; None where it does."""
    metric = METRICS[name]
    if metric.scale is None:
        return f"{name} has no scale"
    if metric.scale == "return" and reward_threshold is None:
        return "it has no reward_threshold"
    if metric.scale == "value" and value_bounds is None:
        return "it has no value_bounds"
    return None
