"""The five reliability measures of Chan et al. (2020), "Measuring the Reliability of RL Algorithms", and the drawdown.

A curve is (P,): performance at equally spaced evaluation points, in their order. CVaR and differences are those of
the authors' own code; what the paper leaves open (window, filter) is fixed here and written in docs/metrics.md.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analysis.metrics.series import Floats

ALPHA = 0.05
"""The tail of CVaR."""
DIFFERENCES = 10
"""Differences in the window of dispersion across time."""
SMOOTHED = 5
"""Points in the moving mean that is the low-pass filter of dispersion across runs."""
MINIMUM_UP_TO = 20
"""With at most this many values, CVaR(0.05) is their minimum (maximum in the upper tail): label it so."""


def cvar(values: Floats, tail: Literal["lower", "upper"]) -> float:
    """Mean of the values at or beyond the 5 % quantile of the tail (linear between order statistics); NaN for none."""
    if not len(values):
        return np.nan
    if tail == "upper":
        return -cvar(-values, "lower")
    return float(values[values <= np.quantile(values, ALPHA)].mean())


def iqr(values: Floats, axis: int) -> Floats:
    """Interquartile range (scipy.stats.iqr), linear between order statistics."""
    low, high = np.quantile(values, (0.25, 0.75), axis=axis)
    return np.asarray(high - low)


def dispersion_across_time(curve: Floats) -> float:
    """Mean over sliding windows of the IQR of the curve's differences: (P,) -> return per evaluation interval.

    Windows hold ``DIFFERENCES`` differences; NaN where the curve has fewer.
    """
    differences = np.diff(curve)
    if len(differences) < DIFFERENCES:
        return np.nan
    return float(np.mean(iqr(sliding_window_view(differences, DIFFERENCES), axis=1)))


def short_term_risk(curve: Floats) -> float:
    """Lower CVaR(0.05) of the curve's differences: the expected change at one of the worst steps back."""
    return cvar(np.diff(curve), "lower")


def drawdown(curve: Floats) -> Floats:
    """D_t = max over s <= t of y_s, minus y_t: how far the curve lies below its best so far, (P,) -> (P,)."""
    return np.maximum.accumulate(curve) - curve


def long_term_risk(curve: Floats) -> float:
    """Upper CVaR(0.05) of the drawdown of the raw curve."""
    return cvar(drawdown(curve), "upper")


def largest_drawdown(curve: Floats) -> float:
    """The largest fall from a best so far; NaN for no point."""
    return float(drawdown(curve).max()) if len(curve) else np.nan


def low_pass(curve: Floats) -> Floats:
    """A centred moving mean over ``SMOOTHED`` points, the ends repeated: (P,) -> (P,)."""
    from scipy import ndimage  # only where it is asked for: judging a look takes none of it

    smooth: Floats = ndimage.uniform_filter1d(curve, SMOOTHED, mode="nearest")
    return smooth


def filtered(curves: Floats) -> Floats:
    """Low-pass filtered curves at the points that all of them have: (n, P) -> (n, Q), Q <= P."""
    shared = curves[:, np.isfinite(curves).all(axis=0)]
    return np.array([low_pass(curve) for curve in shared]).reshape(shared.shape)


def dispersion_across_runs(curves: Floats) -> Floats:
    """Mean over evaluation points of the IQR across runs of filtered curves: (..., n, P) -> (...), return.

    NaN for fewer than two runs or no point.
    """
    if curves.shape[-2] < 2 or curves.shape[-1] == 0:
        return np.full(curves.shape[:-2], np.nan)
    return np.asarray(np.mean(iqr(curves, axis=-2), axis=-1))


def risk_across_runs(ends: Floats) -> Floats:
    """Lower CVaR(0.05) of end performance over runs: (..., n, 1) -> (...). Up to 20 runs this is the worst run."""
    if ends.shape[-2] == 0:
        return np.full(ends.shape[:-2], np.nan)
    value_at_risk = np.quantile(ends, ALPHA, axis=-2, keepdims=True)
    return np.asarray(np.mean(ends[..., 0], axis=-1, where=(ends <= value_at_risk)[..., 0]))
