"""A run as a step function of environment steps, and the running statistics on which metrics rest.

``ends`` (E,) holds the environment step at which each finished episode ended, ascending, and ``returns`` (E,) its
return. ``steps`` is the number of environment steps the run made.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Form = Literal["growing", "full", "trend"]

WINDOW = 10
"""Episodes in the curve's and the running variance's window, as in the lessons."""

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


def value_at(ends: Ints, values: Floats, at: Ints, steps: int) -> Floats:
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
    return value_at(ends, running_mean(returns, window), at, steps)


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
