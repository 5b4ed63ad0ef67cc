"""Learning: final return, area under the curve, when it solves its environment."""

from __future__ import annotations

import numpy as np

from analysis.metrics.series import WINDOW, Floats, Ints, running_mean, time_average

LESSONS_WINDOW = 100
"""Episodes over which the lessons call CartPole solved."""
FINAL_PARTS = 10
"""What ends in the last one of this many equal parts of the run makes the final return."""


def final_return(ends: Ints, returns: Floats, steps: int) -> float:
    """Mean return of the episodes that end in the last tenth of the run's steps; NaN where none does."""
    late = returns[ends * FINAL_PARTS > steps * (FINAL_PARTS - 1)]
    return float(late.mean()) if len(late) else np.nan


def auc(ends: Ints, returns: Floats, steps: int, window: int = WINDOW) -> float:
    """Time average of the learning curve."""
    return time_average(ends, running_mean(returns, window), steps)


def first_solved(returns: Floats, threshold: float, window: int = WINDOW) -> int | None:
    """The first episode (from 0) at which the mean of the last ``window`` reaches the threshold.

    The window must be full: one lucky first episode solves nothing.
    """
    if len(returns) < window:
        return None
    reached = np.flatnonzero(running_mean(returns, window)[window - 1 :] >= threshold)
    return int(reached[0]) + window - 1 if len(reached) else None


def solved_over_100(returns: Floats, threshold: float, steps: int) -> float:
    """The lessons' form of solved: the mean over 100 episodes reaches the threshold: 1 or 0.

    NaN (not applicable) where the budget is below 100 x threshold: an agent that earns one point per step
    could not fit a hundred such episodes into it.
    """
    if steps < LESSONS_WINDOW * threshold:
        return np.nan
    return float(first_solved(returns, threshold, LESSONS_WINDOW) is not None)
