"""Collapses after solving, and recoveries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.metrics.series import WINDOW, Floats, Ints, running_mean


@dataclass(frozen=True)
class Collapse:
    """When a solved run fell, and when it was back at the threshold; None: not by its end."""

    at: int
    recovered_at: int | None


def collapses(ends: Ints, returns: Floats, threshold: float, random: float) -> list[Collapse]:
    """Every collapse of a run, in environment steps.

    Once the mean of the last ten episodes has reached the threshold, a collapse is where it falls below half of the
    way from random to threshold; the recovery is where it reaches the threshold again. Only after a recovery can
    another collapse begin, so that wavering around the half counts once. Windows are full, as in solving.
    """
    half = random + (threshold - random) / 2
    means = running_mean(returns)
    found: list[Collapse] = []
    solved = False
    for place in range(WINDOW - 1, len(returns)):
        step = int(ends[place])
        if not solved and means[place] >= threshold:
            solved = True
            if found:
                found[-1] = Collapse(found[-1].at, step)
        elif solved and means[place] < half:
            solved = False
            found.append(Collapse(step, None))
    return found


def first_recovery(found: list[Collapse], steps: int) -> tuple[float, float]:
    """(steps from the first collapse to its recovery, steps for which it was looked for).

    The first is NaN where the run did not recover, both are NaN where it did not collapse.
    """
    if not found:
        return np.nan, np.nan
    first = found[0]
    return (np.nan if first.recovered_at is None else float(first.recovered_at - first.at)), float(
        steps - first.at
    )
