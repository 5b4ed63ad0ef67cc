"""Variance of the last w episode returns in three forms, by loops. ddof 0 in all of them.

Each returns one number per episode, NaN where the form has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)


def growing(returns: Sequence[float], window: int = 10) -> list[float]:
    """The lessons' form: the window grows from one episode, so the first value is 0."""
    return [_variance(returns[max(0, last - window + 1) : last + 1]) for last in range(len(returns))]


def full(returns: Sequence[float], window: int = 10) -> list[float]:
    """Full windows only: NaN before the w-th episode."""
    values = []
    for last in range(len(returns)):
        if last + 1 < window:
            values.append(math.nan)
        else:
            values.append(_variance(returns[last - window + 1 : last + 1]))
    return values


def around_trend(returns: Sequence[float], window: int = 10) -> list[float]:
    """Around the local trend: mean squared residual of the least-squares line, times w / (w - 2).

    Full windows only: NaN before the w-th episode.
    """
    if window < 3:
        raise ValueError("a line through two points leaves no residual: the window must be at least 3")
    values = []
    for last in range(len(returns)):
        if last + 1 < window:
            values.append(math.nan)
            continue
        ys = returns[last - window + 1 : last + 1]
        mean_x = sum(range(window)) / window
        mean_y = sum(ys) / window
        sxy = sum((x - mean_x) * (y - mean_y) for x, y in enumerate(ys))
        sxx = sum((x - mean_x) ** 2 for x in range(window))
        slope = sxy / sxx
        residuals = [y - mean_y - slope * (x - mean_x) for x, y in enumerate(ys)]
        values.append(sum(r * r for r in residuals) / window * window / (window - 2))
    return values
