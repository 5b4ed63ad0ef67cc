"""Aggregates of normalised scores over runs and environments (Agarwal et al. 2021), with stratified bootstrap.

Scores are (V, E, S): variants, environments, seeds; 0 is the random policy, 1 the threshold, NaN no valid run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.blocks import Places, block_interval, over_finite
from analysis.statistics.intervals import CURVE_RESAMPLES, RESAMPLES, Interval

TRIM = 0.25
GOAL = 1.0
"""The normalised score beyond which the optimality gap asks for nothing more: the threshold."""


def normalized(scores: Floats, random: float, threshold: float) -> Floats:
    """(x - random) / (threshold - random)."""
    return (scores - random) / (threshold - random)


def iqm(scores: Floats) -> Floats:
    """Interquartile mean over the last axis: the 25 % trimmed mean (scipy.stats.trim_mean). Ten keep the middle six."""
    return np.asarray(stats.trim_mean(scores, TRIM, axis=-1))


def optimality_gap(scores: Floats) -> Floats:
    """g - mean(min(x, g)) over the last axis, g = 1: how far the runs fall short of the threshold."""
    return np.asarray(GOAL - np.minimum(scores, GOAL).mean(axis=-1))


AGGREGATES: dict[str, Callable[[Floats], Floats]] = {
    "iqm": iqm,
    "mean": lambda scores: np.asarray(scores.mean(axis=-1)),
    "median": lambda scores: np.asarray(np.median(scores, axis=-1)),
    "optimality_gap": optimality_gap,
}
"""By name; all are taken over the runs of all environments together."""


def flat(scores: Floats, places: tuple[Places, ...]) -> Floats:
    """The scores at places of seeds of each environment, all in one line: (V, E, S) -> (V, ..., sum of n_e)."""
    return np.concatenate([scores[:, stratum, chosen] for stratum, chosen in enumerate(places)], axis=-1)


def pooled(scores: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """An aggregate of every variant over all its runs in all environments: (V, E, S) -> (V,).

    NaN where an environment has no run of it: over other environments than the others' it would compare nothing.
    """
    everywhere = np.all(np.isfinite(scores).any(axis=2), axis=1)
    return np.where(everywhere, over_finite(scores.reshape(len(scores), -1), function), np.nan)


def aggregate(
    scores: Floats, function: Callable[[Floats], Floats], rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[Interval]:
    """An aggregate of every variant with its interval: (V, E, S) -> V intervals.

    Seeds are resampled within each environment, the same for all variants. A variant with fewer than two runs in some
    environment has no interval.
    """
    points = pooled(scores, function)
    seeds = [scores.shape[2]] * scores.shape[1]
    low, high = block_interval(
        lambda *places: over_finite(flat(scores, places), function), seeds, rng, resamples
    )
    too_few = (np.isfinite(scores).sum(axis=2) < 2).any(axis=1)
    low[too_few] = high[too_few] = np.nan
    return [Interval(*map(float, ends)) for ends in zip(points, low, high, strict=True)]


# ---- performance profiles and sample efficiency --------------------------------------------------------------------


def profile(
    scores: Floats, at: Floats, rng: np.random.Generator, resamples: int = CURVE_RESAMPLES
) -> tuple[Floats, Floats, Floats]:
    """Performance profiles: the share of runs above each score, (V, E, S), (T,) -> point, low, high (V, T) each.

    Mean over environments of the share of their valid runs; NaN where an environment has none.
    """
    above = np.where(np.isfinite(scores)[..., None], scores[..., None] > at, np.nan)  # (V, E, S, T)

    def shares(*places: Places) -> Floats:
        return np.stack([_of_variant(variant, places) for variant in above])

    def _of_variant(variant: Floats, places: tuple[Places, ...]) -> Floats:
        found = [_mean(variant[e, chosen], axis=-2) for e, chosen in enumerate(places)]  # (..., T)
        return np.moveaxis(np.mean(found, axis=0), -1, 0)  # (T, ...)

    return _with_band(shares, scores.shape[1:3], rng, resamples)


def sample_efficiency(
    curves: Floats, rng: np.random.Generator, resamples: int = CURVE_RESAMPLES
) -> tuple[Floats, Floats, Floats]:
    """IQM of normalised curves at each point: (V, E, S, G) -> point, low, high (V, G) each.

    The same resamples serve all points. NaN values (no episode has finished yet) are left out of their point.
    """

    def middle(*places: Places) -> Floats:
        return np.stack([_of_variant(variant, places) for variant in curves])

    def _of_variant(variant: Floats, places: tuple[Places, ...]) -> Floats:
        together = np.concatenate([variant[e, chosen] for e, chosen in enumerate(places)], axis=-2)
        return np.moveaxis(over_finite(np.swapaxes(together, -1, -2), iqm), -1, 0)  # (G, ...)

    return _with_band(middle, curves.shape[1:3], rng, resamples)


def _with_band(
    statistic: Callable[..., Floats], shape: tuple[int, ...], rng: np.random.Generator, resamples: int
) -> tuple[Floats, Floats, Floats]:
    environments, seeds = shape
    point = statistic(*[np.arange(seeds)] * environments)
    low, high = block_interval(statistic, [seeds] * environments, rng, resamples)
    return point, low, high


def _mean(values: Floats, axis: int | tuple[int, int]) -> Floats:
    """Mean of the values that are known; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    found: Floats = np.divide(sums, count, out=np.full(np.shape(sums), np.nan), where=count > 0)
    return found


# ---- probability of improvement ------------------------------------------------------------------------------------


def wins(x: Floats, y: Floats) -> Floats:
    """1 where x beats y, one half where they tie, NaN where one doesn't stand: (n,), (m,) -> (n, m)."""
    both = np.isfinite(x)[:, None] & np.isfinite(y)
    return np.where(both, (x[:, None] > y) + 0.5 * (x[:, None] == y), np.nan)


def probability(x: Floats, y: Floats) -> float:
    """Mean over environments of U / (n m), the share of pairs in which x wins: (E, S), (E, S) -> share.

    U is Mann and Whitney's (scipy.stats.mannwhitneyu), ties counting one half.
    """
    return float(np.mean([_mean(wins(*pair), axis=(-2, -1)) for pair in zip(x, y, strict=True)]))


def improvement(x: Floats, y: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> Interval:
    """The probability that a run of x beats one of y, with its interval; both meet the same resampled seeds."""
    tables = [wins(*pair) for pair in zip(x, y, strict=True)]

    def share(*places: Places) -> Floats:
        found = [_drawn_mean(table, _often(p)) for table, p in zip(tables, places, strict=True)]
        return np.asarray(np.mean(found, axis=0))

    low, high = block_interval(share, [x.shape[1]] * len(x), rng, resamples)
    few = min(np.isfinite(x).sum(axis=1).min(), np.isfinite(y).sum(axis=1).min()) < 2
    point = probability(x, y)
    return Interval(point, np.nan, np.nan) if few else Interval(point, float(low), float(high))


def _often(places: Places) -> Floats:
    """How often each seed is drawn: (..., S) places -> (..., S) counts."""
    seeds = places.shape[-1]
    lines = places.reshape(-1, seeds)
    offset = lines + seeds * np.arange(len(lines))[:, None]
    return np.bincount(offset.ravel(), minlength=lines.size).reshape(places.shape).astype(np.float64)


def _drawn_mean(table: Floats, often: Floats) -> Floats:
    """Mean of a table of pairs (S, S) over the pairs of drawn seeds: (..., S) counts -> (...); NaN where none is known.

    A pair counts as often as its seeds were drawn. No resample's pairs are laid out: with 2,000 seeds those of all take
    300 GB. The sums are of halves and exact, so they are those of the pairs one by one.
    """
    known = np.isfinite(table)
    sums = ((often @ np.where(known, table, 0.0)) * often).sum(axis=-1)
    count = ((often @ known.astype(np.float64)) * often).sum(axis=-1)
    found: Floats = np.divide(sums, count, out=np.full(np.shape(sums), np.nan), where=count > 0)
    return found
