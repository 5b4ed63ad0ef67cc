"""Tolerance intervals: where single runs lie, not their mean. Without assumptions they need many runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.draws import LEVEL

CONTENT = 0.9
"""The share of all possible runs that the interval must hold."""


@dataclass(frozen=True)
class Tolerance:
    """An interval that holds 90 % of runs with 95 % confidence; NaN where n is too small, which ``text`` says."""

    low: float
    high: float
    n: int

    @property
    def text(self) -> str:
        """'' where there is an interval, otherwise 'n too small (10 of 46)'."""
        return "" if np.isfinite(self.low) else f"n too small ({self.n} of {FEWEST})"


def confidence(n: int, rank: int) -> float:
    """Of the r-th smallest to the r-th largest of n: the chance that they hold 90 % of runs (Wilks 1941).

    What lies between order statistics r and n + 1 - r is Beta(n + 1 - 2 r, 2 r) distributed.
    """
    return float(stats.beta.sf(CONTENT, n + 1 - 2 * rank, 2 * rank)) if n + 1 > 2 * rank else 0.0


FEWEST = next(n for n in range(2, 1000) if confidence(n, 1) >= LEVEL)
"""Runs below which not even the least and the largest will do: 46."""


def tolerance(values: Floats) -> Tolerance:
    """The narrowest symmetric pair of order statistics that will do; values that aren't finite are left out."""
    ordered = np.sort(values[np.isfinite(values)])
    n = len(ordered)
    ranks = [rank for rank in range(1, n // 2 + 1) if confidence(n, rank) >= LEVEL]
    if not ranks:
        return Tolerance(np.nan, np.nan, n)
    return Tolerance(float(ordered[ranks[-1] - 1]), float(ordered[-ranks[-1]]), n)
