"""Metrics: pure functions from arrays to arrays. Nothing here reads a file, draws, or knows of variants.

A run is seen as a step function of environment steps: ``ends`` (E,) holds the environment step at which each
finished episode ended, ascending, and ``returns`` (E,) its return. ``steps`` is the number of environment
steps the run made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Form = Literal["growing", "full", "trend"]

WINDOW = 10
"""Episodes in the curve's and the running variance's window, as in the lessons."""
LESSONS_WINDOW = 100
"""Episodes over which the lessons call CartPole solved."""
FINAL_PARTS = 10
"""The episodes that end in the last one of this many equal parts of the run make the final return."""


@dataclass(frozen=True)
class Metric:
    """What a number means: its unit, and whether a bigger one is better (None: neither)."""

    name: str
    title: str
    unit: str
    bigger_is_better: bool | None


METRICS = {
    metric.name: metric
    for metric in (
        Metric("curve", "Return", "return per episode", True),
        Metric("final_return", "Final return", "return per episode", True),
        Metric("auc", "Mean of the curve", "return per episode", True),
        Metric("solved", "Solved", "share of runs", True),
        Metric("solved_100", "Solved over 100 episodes", "share of runs", True),
        Metric("steps_to_threshold", "Steps to threshold", "environment steps", False),
        Metric("episodes_to_threshold", "Episodes to threshold", "episodes", False),
        Metric("running_variance", "Running variance", "squared return", False),
        Metric("running_variance_growing", "Running variance, growing window", "squared return", False),
        Metric("running_variance_trend", "Running variance around the trend", "squared return", False),
    )
}


# ---- running statistics over episodes ----------------------------------------------------------------------


def running_mean(returns: Floats, window: int = WINDOW) -> Floats:
    """Mean of the last ``window`` episodes at each episode, at first of those there are: (E,) -> (E,)."""
    means = np.empty(len(returns))
    few = min(window - 1, len(returns))
    means[:few] = np.cumsum(returns[:few]) / np.arange(1, few + 1)
    if len(returns) >= window:
        means[few:] = sliding_window_view(returns, window).mean(axis=1)
    return means


def running_variance(returns: Floats, window: int = WINDOW, form: Form = "full") -> Floats:
    """Variance (ddof 0) of the last ``window`` episode returns at each episode: (E,) -> (E,), squared return.

    * ``growing``: the lessons' form; the first windows hold fewer episodes, so it starts at 0.
    * ``full``: full windows only, NaN before.
    * ``trend``: around the window's least-squares line, mean squared residual times w / (w - 2), which is
      unbiased
      for noise around a straight line; full windows only. A climbing curve alone doesn't raise it.
    """
    if form == "trend" and window < 3:
        raise ValueError(
            "a line through fewer than three episodes leaves no variance: window must be 3 or more"
        )
    variances = np.full(len(returns), np.nan)
    if form == "growing":
        for count in range(1, min(window, len(returns) + 1)):
            variances[count - 1] = returns[:count].var()
    if len(returns) >= window:
        windows = sliding_window_view(returns, window)  # (E - w + 1, w)
        variances[window - 1 :] = _around_line(windows) if form == "trend" else windows.var(axis=1)
    return variances


def _around_line(windows: Floats) -> Floats:
    """Mean squared residual of each row's least-squares line, times w / (w - 2): (N, w) -> (N,)."""
    width = windows.shape[1]
    place = np.arange(width) - (width - 1) / 2  # (w,), its mean is 0
    level = windows - windows.mean(axis=1, keepdims=True)
    slope = level @ place / (place @ place)  # (N,)
    residual = level - slope[:, None] * place  # (N, w)
    return np.asarray((residual**2).mean(axis=1) * width / (width - 2))


# ---- from episodes to environment steps --------------------------------------------------------------------


def grid(steps: int, points: int = 200) -> Ints:
    """The common grid of environment steps: at most ``points`` equal parts of the budget, without 0."""
    return np.unique(np.linspace(steps / points, steps, points).round().astype(np.int64).clip(min(1, steps)))


def held(ends: Ints, values: Floats, at: Ints, steps: int) -> Floats:
    """The value of the last episode finished at or before each grid step: (E,), (G,) -> (G,).

    No look-ahead. NaN before the first episode; held to the run's last environment step (not its last
    episode), NaN after it, so that nothing is said where nothing was run.
    """
    last = np.searchsorted(ends, at, side="right") - 1  # (G,), -1 where no episode has finished
    found = np.full(len(at), np.nan)
    known = (last >= 0) & (at <= steps)
    found[known] = values[last[known]]
    return found


def curve(ends: Ints, returns: Floats, at: Ints, steps: int, window: int = WINDOW) -> Floats:
    """The learning curve at grid steps: mean of the last ``window`` episodes finished at or before each."""
    return held(ends, running_mean(returns, window), at, steps)


def time_average(ends: Ints, values: Floats, steps: int) -> float:
    """The time average over environment steps of the step function that takes ``values`` at ``ends``.

    Exact: the mean over the steps from the first defined value to the run's last; NaN where none is defined.
    """
    known = np.isfinite(values)
    ends, values = ends[known], values[known]
    if not len(ends):
        return np.nan
    spans = np.diff(np.append(ends, steps + 1))  # (E,), environment steps at which each value holds
    return float(values @ spans / spans.sum())


# ---- scores of one run -------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class Scores:
    """The scores of one run. NaN: not defined for it. ``solved`` is NaN where there is no threshold."""

    final_return: float
    auc: float
    running_variance: float
    running_variance_growing: float
    running_variance_trend: float
    solved: float
    solved_100: float
    steps_to_threshold: float
    """NaN where the threshold was not reached: right-censored at ``steps``."""
    episodes_to_threshold: float
    steps: int
    episodes: int


def scores(ends: Ints, returns: Floats, steps: int, threshold: float | None) -> Scores:
    """All scores of one run; the running variance's are time averages over environment steps."""
    variance: Callable[[Form], float] = lambda form: time_average(  # noqa: E731
        ends, running_variance(returns, WINDOW, form), steps
    )
    solved = solved_100 = at_step = at_episode = np.nan
    if threshold is not None:
        first = first_solved(returns, threshold)
        solved = float(first is not None)
        solved_100 = solved_over_100(returns, threshold, steps)
        if first is not None:
            at_step, at_episode = float(ends[first]), float(first + 1)
    return Scores(
        final_return=final_return(ends, returns, steps),
        auc=auc(ends, returns, steps),
        running_variance=variance("full"),
        running_variance_growing=variance("growing"),
        running_variance_trend=variance("trend"),
        solved=solved,
        solved_100=solved_100,
        steps_to_threshold=at_step,
        episodes_to_threshold=at_episode,
        steps=steps,
        episodes=len(returns),
    )
