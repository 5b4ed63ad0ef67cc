"""Seeds that would be needed, if the true difference were the observed one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.statistics.sequential import ALPHA

POWER = 0.8
MOST = 100
"""Beyond so many seeds no number is given."""
LARGEST_EFFECT = 5.0
"""Larger standardised effects need no more seeds than the test's resolution; scipy's noncentral t stays exact."""


@dataclass(frozen=True)
class SeedsNeeded:
    """Seeds for 80 % power at the observed difference, and at the ends of its interval; None: more than 100."""

    about: int | None
    fewest: int | None
    most: int | None


def seeds_needed(effect: float, level: float = ALPHA) -> int | None:
    """The fewest paired seeds with 80 % power for a standardised effect: a number, None for more than 100.

    Power of the two-sided paired t-test (noncentral t, scipy.stats.nct) at a level, Holm's strictest; and never
    fewer than the exact sign-flip test can call different at it.
    """
    n = np.arange(2, MOST + 1)
    beyond = stats.t.isf(level / 2, n - 1)
    shift = min(abs(effect), LARGEST_EFFECT) * np.sqrt(n)
    power = stats.nct.sf(beyond, n - 1, shift)  # the other tail adds nothing that matters at 80 %
    enough = np.flatnonzero((power >= POWER) & (2.0 ** (1 - n) <= level))
    return int(n[enough[0]]) if len(enough) else None


def seeds_needed_over(
    mean: float, low: float, high: float, spread: float, level: float = ALPHA
) -> SeedsNeeded | None:
    """Seeds needed at a mean difference and over its interval; None where differences don't vary or aren't known."""
    if not np.isfinite([mean, low, high, spread]).all() or spread <= 0:
        return None
    sizes = sorted((abs(low), abs(high)))
    least = 0.0 if low <= 0 <= high else sizes[0]
    return SeedsNeeded(
        about=seeds_needed(mean / spread, level),
        fewest=seeds_needed(sizes[1] / spread, level),
        most=seeds_needed(least / spread, level),
    )
