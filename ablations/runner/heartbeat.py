"""Signs of life of what takes long without counting steps."""

from __future__ import annotations

import time
from collections.abc import Callable

BEAT_SECONDS = 0.3


def at_most_every(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """``act``, at most once in so many seconds however often it is called."""
    due = time.monotonic() + seconds

    def maybe() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            act()

    return maybe
