"""Aggregates of normalised scores over runs and environments (Agarwal et al. 2021), with stratified bootstrap.

Scores are (V, E, S): variants, environments, seeds; 0 is the random policy, 1 the threshold, NaN no valid run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.metrics import Floats
from analysis.statistics.draws import CURVE_RESAMPLES, RESAMPLES, known_mean, resampled
from analysis.statistics.intervals import Interval

TRIM = 0.25
GOAL = 1.0
"""The normalised score beyond which the optimality gap asks for nothing more: the threshold."""

Aggregated = Callable[[Floats, Floats], Floats]
"""(n,) scores and how often each is drawn, (n, R), to a number of each resample, (R,); NaN scores are left out."""


def common(scores: Floats) -> Floats:
    """Scores at the seeds that all rows have, NaN elsewhere: (V, S, ...); rows without any don't count.

    A row that got more seeds than another is compared with it on those that both have.
    """
    there = np.asarray(
        np.isfinite(scores.reshape(len(scores), scores.shape[1], -1)).sum(axis=2) > 0
    )  # (V, S)
    found = scores.copy()
    found[:, ~there[there.any(axis=1)].all(axis=0)] = np.nan
    return found


def normalized(scores: Floats, random: float, threshold: float) -> Floats:
    """(x - random) / (threshold - random)."""
    return (scores - random) / (threshold - random)


def trimmed(scores: Floats, often: Floats, cut: Callable[[Floats], Floats]) -> Floats:
    """Mean of what is left of the known scores in each resample when ``cut`` of so many go at either end: (R,)."""
    order = np.argsort(scores)[: int(np.isfinite(scores).sum())]  # NaN comes last
    if not len(order):
        return np.full(often.shape[1], np.nan)
    until = np.cumsum(often[order], axis=0)  # scores up to each one
    count = until[-1]
    gone = cut(count)
    left = np.diff(np.clip(until, gone, count - gone), axis=0, prepend=gone[None])
    found: Floats = np.divide(
        scores[order] @ left, count - 2 * gone, out=np.full(count.shape, np.nan), where=count > 0
    )
    return found


def iqm(scores: Floats, often: Floats) -> Floats:
    """Interquartile mean: the 25 % trimmed mean (scipy.stats.trim_mean). Ten keep the middle six."""
    return trimmed(scores, often, lambda count: np.floor(TRIM * count))


def median(scores: Floats, often: Floats) -> Floats:
    """The score in the middle, or the mean of the two there."""
    return trimmed(scores, often, lambda count: np.maximum((count - 1) // 2, 0))


def optimality_gap(scores: Floats, often: Floats) -> Floats:
    """g - mean(min(x, g)), g = 1: how far the runs fall short of the threshold."""
    return GOAL - known_mean(np.minimum(scores, GOAL), often)


AGGREGATES: dict[str, Aggregated] = {
    "iqm": iqm,
    "mean": known_mean,
    "median": median,
    "optimality_gap": optimality_gap,
}
"""By name; all are taken over the runs of all environments together."""


def pooled(scores: Floats, function: Aggregated) -> Floats:
    """An aggregate of every variant over all its runs in all environments: (V, E, S) -> (V,).

    NaN where an environment has no run of it: over other environments than the others' it would compare nothing.
    """
    everywhere = np.all(np.isfinite(scores).any(axis=2), axis=1)
    once = np.ones((scores[0].size, 1))
    return np.where(everywhere, [function(one.ravel(), once)[0] for one in scores], np.nan)


def aggregate(scores: Floats, function: Aggregated, resamples: int = RESAMPLES) -> list[Interval]:
    """An aggregate of every variant with its interval: (V, E, S) -> V intervals.

    Seeds are resampled within each environment, the same for all variants. A variant with fewer than two runs in some
    environment has no interval.
    """
    _, low, high = resampled(
        lambda often: np.stack([function(one.ravel(), often) for one in scores]), _strata(scores), resamples
    )
    too_few = (np.isfinite(scores).sum(axis=2) < 2).any(axis=1)
    low[too_few] = high[too_few] = np.nan
    return [Interval(*map(float, ends)) for ends in zip(pooled(scores, function), low, high, strict=True)]


def _strata(scores: Floats) -> tuple[int, ...]:
    """The number of seeds of each environment: (V, E, S, ...)."""
    return (int(scores.shape[2]),) * int(scores.shape[1])


# ---- performance profiles and sample efficiency --------------------------------------------------------------------


def profile(scores: Floats, at: Floats, resamples: int = CURVE_RESAMPLES) -> tuple[Floats, Floats, Floats]:
    """Performance profiles: the share of runs above each score, (V, E, S), (T,) -> point, low, high (V, T) each.

    Mean over environments of the share of their valid runs; NaN where an environment has none.
    """
    above = np.where(
        np.isfinite(scores)[:, :, None], scores[:, :, None] > at[:, None], np.nan
    )  # (V, E, T, S)

    def shares(often: Floats) -> Floats:
        strata = np.split(often, scores.shape[1])
        return np.asarray(np.mean([known_mean(above[:, e], drawn) for e, drawn in enumerate(strata)], axis=0))

    return resampled(shares, _strata(scores), resamples)


def sample_efficiency(curves: Floats, resamples: int = CURVE_RESAMPLES) -> tuple[Floats, Floats, Floats]:
    """IQM of normalised curves at each point: (V, E, S, G) -> point, low, high (V, G) each.

    The same resamples serve all points. NaN values (no episode has finished yet) are left out of their point.
    """
    points = np.moveaxis(curves, -1, 1).reshape(len(curves), curves.shape[-1], -1)  # (V, G, E S)
    return resampled(
        lambda often: np.stack([[iqm(one, often) for one in variant] for variant in points]),
        _strata(curves),
        resamples,
    )


# ---- probability of improvement ------------------------------------------------------------------------------------


def wins(x: Floats, y: Floats) -> Floats:
    """1 where x beats y, one half where they tie, NaN where one doesn't stand: (n,), (m,) -> (n, m)."""
    both = np.isfinite(x)[:, None] & np.isfinite(y)
    return np.where(both, (x[:, None] > y) + 0.5 * (x[:, None] == y), np.nan)


def probability(x: Floats, y: Floats, often: Floats) -> Floats:
    """Mean over environments of U / (n m), the share of pairs in which x wins: (E, S), (E, S), (E S, R) -> (R,).

    U is Mann and Whitney's (scipy.stats.mannwhitneyu), ties counting one half.
    """
    strata = zip(x, y, np.split(often, len(x)), strict=True)
    return np.asarray(np.mean([_pairs(wins(a, b), drawn) for a, b, drawn in strata], axis=0))


def improvement(x: Floats, y: Floats, resamples: int = RESAMPLES) -> Interval:
    """The probability that a run of x beats one of y, with its interval; both meet the same resampled seeds."""
    number = resampled(lambda often: probability(x, y, often), (x.shape[1],) * len(x), resamples)
    point, low, high = map(float, number)
    few = min(np.isfinite(x).sum(axis=1).min(), np.isfinite(y).sum(axis=1).min()) < 2
    return Interval(point, np.nan, np.nan) if few else Interval(point, low, high)


def _pairs(table: Floats, often: Floats) -> Floats:
    """Mean of a table of pairs (S, S) over the pairs of drawn seeds: (S, R) -> (R,); NaN where none is known.

    A pair counts as often as its seeds were drawn. No resample's pairs are laid out: with 2,000 seeds those of all take
    300 GB. The sums are of halves and exact, so they are those of the pairs one by one.
    """
    known = np.isfinite(table)
    sums = ((np.where(known, table, 0.0) @ often) * often).sum(axis=0)
    count = ((known.astype(np.float64) @ often) * often).sum(axis=0)
    found: Floats = np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0)
    return found
