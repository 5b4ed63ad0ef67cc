"""Intervals: how sure a number is. Seeds are resampled as blocks, the same for all (``draws``)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.draws import CURVE_RESAMPLES, LEVEL, RESAMPLES, draws, ends, known_mean
from analysis.statistics.sequential import clopper_pearson


@dataclass(frozen=True)
class Interval:
    """A point and its 95 % interval; the ends are NaN where there is none."""

    point: float
    low: float
    high: float


NOTHING = Interval(np.nan, np.nan, np.nan)


def mean_interval(values: Floats) -> Interval:
    """Mean over seeds with the percentile bootstrap (scipy.stats.bootstrap); NaN values are left out.

    One value has no interval; equal values have the interval of no width.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return NOTHING
    mean = float(known.mean())
    if len(known) == 1:
        return Interval(mean, np.nan, np.nan)
    if (known == known[0]).all():
        return Interval(float(known[0]), float(known[0]), float(known[0]))
    low, high = ends(known_mean(known, draws((len(known),), RESAMPLES)))
    return Interval(mean, float(low), float(high))


def proportion_interval(count: int, of: int) -> Interval:
    """A share with the exact interval of Clopper and Pearson: 0 of 10 is [0, 0.31]."""
    if not of:
        return NOTHING
    return Interval(count / of, *clopper_pearson(count, of, 1 - LEVEL))


@dataclass(frozen=True)
class WaitingTime:
    """How long until something happens, in the middle of runs of which some were cut short."""

    median: Interval
    missed: int
    of: int


def waiting_time(times: Floats, reached: NDArray[np.bool_]) -> WaitingTime:
    """The median by Kaplan and Meier of right-censored times (scipy.stats.ecdf): (n,), (n,) -> Waiting.

    ``times`` holds the time of the event where ``reached``, otherwise the time at which looking stopped. The
    median is the first time at which the share still waiting is at most one half; NaN where it never falls so
    far. Its interval holds the times whose log-log interval of that share contains one half (Brookmeyer and
    Crowley); an upper end that lies beyond the budget is NaN.
    """
    count, missed = len(times), int((~reached).sum())
    if count == 0 or missed == count:
        return WaitingTime(NOTHING, missed, count)
    sample = stats.CensoredData(uncensored=times[reached], right=times[~reached])
    waiting = stats.ecdf(sample).sf
    median = _first_below(waiting.quantiles, waiting.probabilities)
    if count == 1:
        return WaitingTime(Interval(median, np.nan, np.nan), missed, count)
    with warnings.catch_warnings():  # no log-log form where all or none still wait, which is dealt with below
        warnings.simplefilter("ignore", RuntimeWarning)
        limits: Any = waiting.confidence_interval(LEVEL, method="log-log")
    lower, upper = limits.low.probabilities, limits.high.probabilities
    certain = np.where(waiting.probabilities > 0.5, 1.0, 0.0)
    low = _first_below(waiting.quantiles, np.where(np.isnan(lower), certain, lower))
    high = _first_below(waiting.quantiles, np.where(np.isnan(upper), 1.0, upper))
    return WaitingTime(Interval(median, low, high), missed, count)


def _first_below(times: Floats, shares: Floats) -> float:
    """The first time at which a falling share is at most one half, NaN if never."""
    half = 0.5 + 1e-12  # products of fractions may miss one half by a rounding error
    below = np.flatnonzero(shares <= half)
    return float(times[below[0]]) if len(below) else np.nan


def curve_interval(values: Floats, resamples: int = CURVE_RESAMPLES) -> tuple[Floats, Floats, Floats]:
    """Mean over seeds and its percentile bootstrap interval at each grid step: (n, G) -> three times (G,).

    The same resamples of seeds serve all grid steps, so the band moves with the seeds, not with the grid. At
    a step where some seeds are NaN the others count; where fewer than two are known there is no interval.
    """
    mean = known_mean(values.T, np.ones((len(values), 1)))[:, 0]
    low, high = np.full(mean.shape, np.nan), np.full(mean.shape, np.nan)
    wide = np.isfinite(values).sum(axis=0) > 1
    if wide.any():
        low[wide], high[wide] = ends(known_mean(values.T[wide], draws((len(values),), resamples)))
    return mean, low, high
