"""Turns: what is compared is timed in turns, so that whatever else the machine does meets all of it alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

Turn = Callable[[], float]
"""One turn of a configuration: lane-steps per second."""


def take_turns(turns: dict[str, Turn], repeats: int) -> dict[str, list[float]]:
    """Lane-steps per second of each configuration in each turn; every other turn goes backwards."""
    speeds: dict[str, list[float]] = {name: [] for name in turns}
    for repeat in range(repeats):
        for name in list(turns)[:: 1 if repeat % 2 == 0 else -1]:
            speeds[name].append(turns[name]())
    return speeds


def ratio(speeds: dict[str, list[float]], above: str, below: str) -> float:
    """The median over turns of one configuration's speed over another's."""
    return statistics.median(a / b for a, b in zip(speeds[above], speeds[below], strict=True))


def timed(advance: Callable[[], int], seconds: float) -> float:
    """Steps per second of ``advance``, which says how many steps a call took, called until ``seconds`` are over.

    Seconds are the process's processor time, of all its threads: those of the clock on a core that is idle otherwise,
    and on one that is not, what others take is not charged to it.
    """
    start, steps, elapsed = time.process_time(), 0, 0.0
    while elapsed < seconds:
        steps += advance()
        elapsed = time.process_time() - start
    return steps / elapsed
