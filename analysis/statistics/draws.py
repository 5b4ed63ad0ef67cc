"""Resamples of seeds: drawn once from one seed, so that equal numbers of runs meet the same ones.

Variants share their seeds, so a seed that is easy is easy for all of them, and only what is resampled together stays
comparable. Several environments are strata: their seeds are drawn independently of each other. A resample is how often
it has each seed, which makes resampled means products of matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from analysis.metrics import Floats, Ints

LEVEL = 0.95
RESAMPLES = 9999
CURVE_RESAMPLES = 1000
SEED = 2015


def generator() -> np.random.Generator:
    """A fresh generator in the state from which all draws start."""
    return np.random.Generator(np.random.PCG64(SEED))


@lru_cache(maxsize=8)
def draws(sizes: tuple[int, ...], resamples: int) -> Floats:
    """How often each seed is in each resample, (S, R); the seeds of several strata one after the other."""
    rng, often = generator(), []
    for size in sizes:
        places = rng.integers(size, size=(resamples, size)) + size * np.arange(resamples)[:, None]
        often.append(np.bincount(places.ravel(), minlength=resamples * size).reshape(resamples, size).T)
    return np.ascontiguousarray(np.concatenate(often), dtype=np.float64)


def places(often: Floats) -> Ints:
    """The seeds of each resample one by one: (S, R) -> (R, S)."""
    seeds, resamples = often.shape
    every = np.tile(np.arange(seeds), resamples)
    return np.repeat(every, often.T.ravel().astype(np.int64)).reshape(resamples, seeds)


def resampled(
    statistic: Callable[[Floats], Floats], sizes: tuple[int, ...], resamples: int = RESAMPLES
) -> tuple[Floats, Floats, Floats]:
    """A statistic of how often each seed is drawn, (S, R) -> (..., R), and its 95 % percentile interval.

    NaN where a stratum has fewer than two seeds; where only one run stands, the caller must say that nothing is known.
    """
    point = statistic(np.ones((sum(sizes), 1)))[..., 0]
    if min(sizes, default=0) < 2:
        return point, np.full(point.shape, np.nan), np.full(point.shape, np.nan)
    return point, *ends(statistic(draws(sizes, resamples)))


def ends(drawn: Floats) -> tuple[Floats, Floats]:
    """The ends of the 95 % percentile interval of numbers of resamples: (..., R) -> (...), (...).

    A resample in which a number isn't defined (it met only missing runs) is left out of that number's interval.
    """
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.atleast_1d(*np.quantile(drawn, tails, axis=-1))
    torn = np.isnan(low) & ~np.isnan(drawn).all(axis=-1)
    if torn.any():
        low[torn], high[torn] = np.nanquantile(np.atleast_2d(drawn)[torn], tails, axis=-1)
    return low.reshape(drawn.shape[:-1]), high.reshape(drawn.shape[:-1])


def known_mean(values: Floats, often: Floats) -> Floats:
    """Mean of the values that are known in each resample, NaN where none is: (..., S), (S, R) -> (..., R)."""
    known = np.isfinite(values)
    sums = np.where(known, values, 0.0) @ often
    count = (
        np.broadcast_to(often.sum(axis=0), sums.shape) if known.all() else known.astype(np.float64) @ often
    )
    found: Floats = np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0)
    return found
