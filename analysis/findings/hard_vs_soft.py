"""Hard against soft target networks of the same lag.

A copy every C updates is on average (C - 1) / 2 updates old; so is a blend of tau = 2 / (C + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings.against_baseline import RowComparison, compare_pairs
from analysis.findings.scores import EnvironmentScores
from analysis.loading import TARGET, Facts, Row

CLOSE = 0.01
"""Lags that differ by less than this share are the same: studies write tau with a few digits."""


@dataclass(frozen=True)
class SoftMinusHard:
    """A soft target against the hard one of the same lag, on one metric."""

    compared: RowComparison
    period: float
    """Updates between two copies that are as old on average as the hard target's parameters."""
    tau: float
    """Share of a blend that is as old on average as the soft target's parameters."""


def compare_hard_soft(scores: EnvironmentScores) -> list[SoftMinusHard]:
    """Every soft row against the hard row of its lag, metric by metric; Holm over the pairs."""
    rows = [summary.row for summary in scores.summaries]
    lags = {row.label: float(row.facts[TARGET].get("lag", 0.0)) for row in rows}
    found = compare_pairs(scores, [(soft, hard) for hard, soft in equal_lag_pairs(rows)])
    return [SoftMinusHard(one, 2 * lags[one.against] + 1, 1 / (1 + lags[one.label])) for one in found]


def equal_lag_pairs(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Places (hard, soft) of rows that differ in nothing but how their target network follows, at the same mean lag.

    A target that is copied at every update lags by nothing, hard or soft, and is no pair.
    """
    return [
        (a, b)
        for a, hard in enumerate(rows)
        for b, soft in enumerate(rows)
        if have_equal_lag(hard.facts[TARGET], soft.facts[TARGET])
        and all(hard.slots[slot] == soft.slots[slot] for slot in hard.slots if slot != TARGET)
        and hard.swept_settings == soft.swept_settings
    ]


def have_equal_lag(hard: Facts, soft: Facts) -> bool:
    """True if a target that copies and one that blends are equally old."""
    if (hard.get("moves"), soft.get("moves")) != ("copies", "blends"):
        return False
    return bool(abs((hard["lag"] + 1) / (soft["lag"] + 1) - 1) <= CLOSE)
