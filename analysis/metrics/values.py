"""Metrics of action values: soft and unbounded divergence, overestimation, and probe diagnostics over a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.metrics.series import Floats

MARGIN = 0.05
"""Soft divergence begins this share of the bounds' width beyond a bound."""
LARGEST = float(np.finfo(np.float32).max)
"""What a value beyond single precision counts as, lest its run, the worst of all, drop out of a mean."""

MOST_EXCESS = 6.0
"""Powers of ten of the bounds' width at which ``value_excess`` ends: what diverged does not drown the rest."""

Bounds = tuple[float, float]


def first_crossing(probes: Mapping[str, Floats], bounds: Bounds, diverged_at: int | None = None) -> float:
    """The first probed environment step at which a value lies outside its signed bounds; NaN where none does.

    After van Hasselt et al. (2018), "soft divergence". Bounds [low, high] are widened by 5 % of high - low at either
    end, since a true value may touch them. Looked at are the least and the largest Q of the probe states, and the
    largest |Q| met in batches since the row before, which lies outside once it passes both widened bounds' size.
    A run that diverged without bound crossed at the latest where it did.
    """
    low, high = bounds
    margin = MARGIN * (high - low)
    outside = (probes["q_max"] > high + margin) | (probes["q_min"] < low - margin)
    outside |= probes["batch_q_abs_max"] > max(abs(low), abs(high)) + margin
    steps = [float(probes["global_step"][outside][0])] if outside.any() else []
    if diverged_at is not None:
        steps.append(float(diverged_at))
    return min(steps, default=np.nan)


def outside(probes: Mapping[str, Floats], bounds: Bounds) -> Floats:
    """By how much Q lies outside of its signed bounds at each probe, in widths of the bounds: (R,), 0 inside.

    max(0, Q_max - high, low - Q_min) / (high - low) over the probe states; NaN where Q isn't a number.
    """
    low, high = bounds
    return np.maximum(0.0, np.maximum(probes["q_max"] - high, low - probes["q_min"])) / (high - low)


def value_excess(probes: Mapping[str, Floats], bounds: Bounds, diverged_at: int | None = None) -> float:
    """How far Q went beyond what any true value can be: log10(1 + the largest ``outside``), at most 6; 0: never.

    Graded, where soft divergence says yes of every run. Infinity, and a run that diverged, count as the most there is.
    """
    if diverged_at is not None:
        return MOST_EXCESS
    beyond = outside(probes, bounds)
    known = beyond[~np.isnan(beyond)]
    return float(min(np.log10(1 + known.max()), MOST_EXCESS)) if len(known) else np.nan


def share_outside(probes: Mapping[str, Floats], bounds: Bounds) -> float:
    """The share of a run's probes, equally spaced over its budget, at which Q lies outside of its bounds."""
    beyond = outside(probes, bounds)
    return finite_mean(np.where(np.isnan(beyond), np.nan, beyond > 0))


def overestimation(predicted: Floats, discounted: Floats) -> float:
    """Mean over evaluation episodes of max_a Q(s_0, a) minus the discounted return obtained: (N,), (N,) -> value.

    Greedy episodes of all evaluations of a run count alike. Episodes whose prediction isn't finite are left out.
    What an episode cut by time may still have earned is not in it: see ``overestimation_tail``.
    """
    return finite_mean(predicted - discounted)


def overestimation_tail(tail_discount: Floats, bounds: Bounds) -> float:
    """By how much the cut tails may at most move the overestimation: mean of gamma^T max(|low|, |high|), (N,) -> value.

    With the bounds of r / (1 - gamma) this is gamma^T r_max / (1 - gamma), 0 for an episode that terminated.
    """
    return finite_mean(tail_discount * max(abs(bounds[0]), abs(bounds[1])))


def finite_mean(values: Floats) -> float:
    """Mean of the finite values, NaN where there is none: (R,) -> float."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def largest(values: Floats) -> float:
    """The largest value but NaN: (R,) -> float; infinity counts as ``LARGEST``."""
    known = values[~np.isnan(values)]
    return float(known.max().clip(-LARGEST, LARGEST)) if len(known) else np.nan


def evaluation_curve(steps: Floats, returns: Floats) -> tuple[Floats, Floats]:
    """Mean greedy return at each evaluation: (N,), (N,) -> environment steps (P,), returns (P,)."""
    at, place, count = np.unique(steps, return_inverse=True, return_counts=True)
    return at, np.bincount(place, weights=returns, minlength=len(at)) / count
