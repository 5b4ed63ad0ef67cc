"""The learning curve and the scalars taken from it, by loops.

A run is given by its episodes in order (`ends`: the environment step at which each ended, 1-based;
`returns`) and by `steps`, the environment steps it really made: after its last episode a run goes on, and
so does its curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def curve(
    ends: Sequence[int], returns: Sequence[float], steps: int, grid: Sequence[int], window: int = 10
) -> list[float]:
    """At each grid step t the mean of the last `window` episodes finished at or before t: no look-ahead.

    NaN before the first finished episode and beyond the run's last environment step. While fewer than
    `window` episodes have finished, the mean of those there are.
    """
    values = []
    for t in grid:
        finished = []
        for end, value in zip(ends, returns, strict=True):
            if end <= t:
                finished.append(value)
        last = finished[-window:]
        if t > steps or not last:
            values.append(math.nan)
        else:
            values.append(sum(last) / len(last))
    return values


def final_return(ends: Sequence[int], returns: Sequence[float], steps: int) -> float:
    """Mean of the episodes ending in the last 10 % of steps (of 1000: 901 to 1000); NaN if none does."""
    late = []
    for end, value in zip(ends, returns, strict=True):
        if steps * 9 < end * 10 <= steps * 10:
            late.append(value)
    if not late:
        return math.nan
    return sum(late) / len(late)


def auc(values: Sequence[float]) -> float:
    """Time average of a curve on an even grid: the mean of its values where it has one; NaN if it has none.

    On the grid 1, 2, ..., steps this is the exact average over environment steps.
    """
    defined = [value for value in values if not math.isnan(value)]
    if not defined:
        return math.nan
    return sum(defined) / len(defined)


def solved_at(
    ends: Sequence[int], returns: Sequence[float], threshold: float, window: int = 10
) -> tuple[int, int] | None:
    """(environment steps, episodes) to threshold: where first the last `window` average at least it.

    It takes `window` finished episodes. None: not reached, censored at the budget. The lessons' window is
    100.
    """
    for last in range(window - 1, len(returns)):
        recent = returns[last - window + 1 : last + 1]
        if sum(recent) / window >= threshold:
            return ends[last], last + 1
    return None


def lessons_form_applies(budget: int, threshold: float) -> bool:
    """The form over 100 episodes is n/a where the budget cannot hold 100 episodes at the threshold."""
    return budget >= 100 * threshold
