"""Simulated studies, judged as real ones are: how often verdicts are wrong, and what an effect takes to be found.

``python -m tests.analysis.statistics.simulated`` prints the tables of docs/metrics.md. Scores of a seed are what the
seed brings to all rows (skewed, as returns are) and what each row adds to it (skewed too), so that rows share a
baseline whose luck is theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.metrics import Floats
from analysis.statistics.sequential import Design, Judged, judge

LOOKS = (12, 24, 32, 48, 64)
STUDIES = 2_000
FLIPS = 4_000
"""Fewer than a study draws: p stays valid with any number, and 2,000 studies take seconds."""

Law = Callable[[np.random.Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True)
class Coarse(Design):
    """A design with few flips."""

    def flips(self, k: int) -> int:
        """B at look k."""
        return FLIPS


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Log-normal, mean 0, variance 1: skewness 6.2."""
    scaled: Floats = (rng.lognormal(0.0, 1.0, shape) - np.exp(0.5)) / np.sqrt((np.exp(1.0) - 1) * np.exp(1.0))
    return scaled


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Mean 0, variance 1."""
    drawn: Floats = rng.standard_normal(shape)
    return drawn


def skewed_to_the_left(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """As ``skewed``, mirrored."""
    return -skewed(rng, shape)


@dataclass(frozen=True)
class Found:
    """What a number of simulated studies came to."""

    wrong: Floats
    """(K,): share of studies with a verdict "differs" by look k, of any row."""
    same: Floats
    """(K,): likewise for "same"."""
    decided: float
    """Share of rows that are decided at the stop."""
    seeds: float
    """Mean seeds of a row at the stop."""
    covered: float
    """Share of rows whose printed interval holds the true difference."""


def studies(
    rows: int,
    effect: float,
    law: Law,
    of_rows: Law,
    margin: float = np.nan,
    count: int = STUDIES,
    seed: int = 1,
) -> Found:
    """Studies of so many rows, each ``effect`` above a baseline that they share."""
    design = Coarse(LOOKS, rows, margin)
    rng, stops = np.random.default_rng(seed), LOOKS[-1]
    differs, same = np.zeros((count, len(LOOKS))), np.zeros((count, len(LOOKS)))
    decided, seeds, covered = np.zeros(count), np.zeros(count), np.zeros(count)
    for study in range(count):
        ours, baseline = of_rows(rng, (rows, stops)), law(rng, (stops,))
        last: list[Judged] = []
        for k, last in enumerate(judge(ours - baseline + effect, design)):
            differs[study, k:] = any(one.differs for one in last)
            same[study, k:] = any(one.same for one in last)
        decided[study] = np.mean([one.is_decided for one in last])
        seeds[study] = np.mean([LOOKS[one.look - 1] for one in last])
        covered[study] = np.mean([not (one.low > effect or one.high < effect) for one in last])
    return Found(differs.mean(axis=0), same.mean(axis=0), decided.mean(), seeds.mean(), covered.mean())


def main() -> None:
    """Print the tables of docs/metrics.md."""
    print("wrong verdicts in 2,000 studies by each look: nothing differs")
    for rows in (2, 12):
        found = studies(rows, 0.0, skewed, skewed)
        print(f"  V = {rows}: differs {found.wrong}, covered {found.covered:.3f}")
    print("'same' at the border: the baseline's law plus the margin")
    for rows in (2, 12):
        found = studies(rows, 1.0, skewed, skewed, margin=1.0)
        print(f"  V = {rows}: same {found.same}, covered {found.covered:.3f}")
    print("power and seeds, V = 12, effects in standard deviations of the difference")
    for law in (normal, skewed):
        for size in (0.5, 0.75, 1.0, 1.5):
            found = studies(12, size * np.sqrt(2), law, law, margin=0.05, count=200)
            print(f"  {law.__name__} {size}: decided {found.decided:.2f}, seeds {found.seeds:.1f}")
    print("equal means, unequal skew: not what the test's null says")
    for rows in (2, 12):
        found = studies(rows, 0.0, normal, skewed)
        print(f"  V = {rows}, rows skewed, baseline not: differs {found.wrong}, covered {found.covered:.3f}")
        found = studies(rows, 0.0, skewed_to_the_left, skewed)
        print(f"  V = {rows}, skewed to opposite sides: differs {found.wrong}, covered {found.covered:.3f}")


if __name__ == "__main__":
    main()
