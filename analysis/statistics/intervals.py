"""Intervals: how sure a number is. Every generator is explicit, so the same data gives the same interval.

Seeds are blocks: variants share seeds, so each call starts from the same generator and equal numbers of seeds
meet the same resamples.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.metrics import Floats

LEVEL = 0.95
RESAMPLES = 9999
CURVE_RESAMPLES = 1000
SEED = 2015


def generator() -> np.random.Generator:
    """A fresh generator in the state from which every interval starts."""
    return np.random.Generator(np.random.PCG64(SEED))


@dataclass(frozen=True)
class Interval:
    """A point and its 95 % interval; the ends are NaN where there is none."""

    point: float
    low: float
    high: float


NOTHING = Interval(np.nan, np.nan, np.nan)


def mean_interval(values: Floats, rng: np.random.Generator) -> Interval:
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
    ends = stats.bootstrap(
        (known,), np.mean, confidence_level=LEVEL, n_resamples=RESAMPLES, method="percentile", rng=rng
    ).confidence_interval
    return Interval(mean, float(ends.low), float(ends.high))


def proportion_interval(count: int, of: int) -> Interval:
    """A share with the exact interval of Clopper and Pearson: 0 of 10 is [0, 0.31]."""
    if not of:
        return NOTHING
    ends = stats.binomtest(count, of).proportion_ci(LEVEL, method="exact")
    return Interval(count / of, float(ends.low), float(ends.high))


@dataclass(frozen=True)
class WaitingTime:
    """How long until something happens, in the middle of runs of which some were cut short."""

    median: Interval
    missed: int
    of: int

    @property
    def text(self) -> str:
        """'' where every run got there, otherwise 'not reached by 7 of 10'."""
        return f"not reached by {self.missed} of {self.of}" if self.missed else ""


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
        ends: Any = waiting.confidence_interval(LEVEL, method="log-log")
    lower, upper = ends.low.probabilities, ends.high.probabilities
    certain = np.where(waiting.probabilities > 0.5, 1.0, 0.0)
    low = _first_below(waiting.quantiles, np.where(np.isnan(lower), certain, lower))
    high = _first_below(waiting.quantiles, np.where(np.isnan(upper), 1.0, upper))
    return WaitingTime(Interval(median, low, high), missed, count)


def _first_below(times: Floats, shares: Floats) -> float:
    """The first time at which a falling share is at most one half, NaN if never."""
    half = 0.5 + 1e-12  # products of fractions may miss one half by a rounding error
    below = np.flatnonzero(shares <= half)
    return float(times[below[0]]) if len(below) else np.nan


def curve_interval(
    values: Floats, rng: np.random.Generator, resamples: int = CURVE_RESAMPLES
) -> tuple[Floats, Floats, Floats]:
    """Mean over seeds and its percentile bootstrap interval at each grid step: (n, G) -> three times (G,).

    The same resamples of seeds serve all grid steps, so the band moves with the seeds, not with the grid. At
    a step where some seeds are NaN the others count; where fewer than two are known there is no interval.
    """
    known = np.isfinite(values)  # (n, G)
    alive = known.sum(axis=0)  # (G,)
    mean = np.full(values.shape[1], np.nan)
    low, high = mean.copy(), mean.copy()
    filled = np.where(known, values, 0.0)
    some = alive > 0
    mean[some] = filled[:, some].sum(axis=0) / alive[some]
    wide = alive > 1
    if not wide.any():
        return mean, low, high
    seeds = len(values)
    draws = rng.integers(seeds, size=(resamples, seeds)) + seeds * np.arange(resamples)[:, None]
    often = np.bincount(draws.ravel(), minlength=resamples * seeds)
    weights = often.reshape(resamples, seeds).astype(
        np.float64
    )  # (R, n): how often each seed is in each resample
    whole = alive == seeds
    for columns, complete in ((wide & whole, True), (wide & ~whole, False)):
        if not columns.any():
            continue
        sums = filled[:, columns].T @ weights.T  # (g, R): resamples last, where sorting them is fast
        if complete:
            low[columns], high[columns] = np.quantile(sums / seeds, _tails(), axis=1)
        else:
            counts = known[:, columns].T @ weights.T
            means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
            low[columns], high[columns] = np.nanquantile(means, _tails(), axis=1)
    return mean, low, high


def _tails() -> list[float]:
    return [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
