"""Verdicts: what may be said of a difference, from its interval, its corrected p and the metric's scale."""

from __future__ import annotations

from typing import Literal

from analysis.statistics.intervals import Interval

SIGNIFICANT = 0.05
"""Holm's p below which two variants may be called different."""
SMALL = 0.05
"""An effect inside this share of the scale on both sides is called none."""

Verdict = Literal["differs", "no effect larger than 5 %", "undecided"]


def verdict(difference: Interval, p_holm: float, scale: float) -> Verdict:
    """The verdict on a difference (docs/metrics.md).

    "differs": the 95 % interval excludes 0 and Holm's p is below .05. "no effect larger than 5 %": the interval lies
    inside 5 % of the scale on both sides. Otherwise, and whenever there is no interval, "undecided".
    """
    low, high = difference.low, difference.high
    if (low > 0 or high < 0) and p_holm < SIGNIFICANT:
        return "differs"
    if -SMALL * scale < low and high < SMALL * scale:
        return "no effect larger than 5 %"
    return "undecided"
