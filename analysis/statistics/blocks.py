"""Bootstrap over seeds as blocks: each resample draws seeds, and every variant takes the same ones.

Variants share their seeds, so a seed that is easy is easy for all of them, and only what is resampled together stays
comparable. Several environments are strata: their seeds are drawn independently of each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.intervals import LEVEL, RESAMPLES

Places = NDArray[np.intp]


def block_interval(
    statistic: Callable[..., Floats],
    sizes: Sequence[int],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """The 95 % percentile interval of a statistic of seeds (scipy.stats.bootstrap): two arrays of its shape.

    ``statistic`` takes one array (..., n_e) of places of seeds per stratum and returns (S..., ...): first what it is
    a statistic of (variants, grid steps), then what it was given. ``sizes`` holds the number of seeds per stratum. A
    resample in which a number isn't defined (it met only missing runs) is left out of that number's interval. NaN
    where a stratum has fewer than two seeds; where only one run stands, the caller must say that nothing is known.
    """
    whole = statistic(*(np.arange(size) for size in sizes))
    if min(sizes, default=0) < 2:
        return np.full(np.shape(whole), np.nan), np.full(np.shape(whole), np.nan)
    with warnings.catch_warnings():  # scipy's of a number that some resample doesn't define, dealt with below
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(
            tuple(np.arange(size) for size in sizes),
            lambda *places, axis: statistic(*places),
            n_resamples=resamples,
            confidence_level=LEVEL,
            method="percentile",
            vectorized=True,
            rng=rng,
        )
    low, high = (np.array(end) for end in drawn.confidence_interval)
    torn = np.isnan(low) & np.isfinite(whole)
    if torn.any():
        tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        low[torn], high[torn] = np.nanquantile(drawn.bootstrap_distribution[torn], tails, axis=-1)
    return low, high


def over_finite(scores: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """Apply a function of the last axis to its finite values alone: (..., m) -> (...); NaN where there is none.

    Lines with equally many known values go through together, so that the function sees plain arrays.
    """
    count = np.isfinite(scores).sum(axis=-1)
    ordered = np.sort(np.where(np.isfinite(scores), scores, np.inf), axis=-1)  # what isn't known comes last
    found = np.full(count.shape, np.nan)
    for known in np.unique(count[count > 0]).tolist():
        found[count == known] = function(ordered[count == known][:, :known])
    return found
