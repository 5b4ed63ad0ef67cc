"""Work spread over the cores: forked processes that inherit all that was read, and send back what they made of it."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, Protocol, TypeVar

from ablations import store

Made = TypeVar("Made")


class Spread(Protocol):
    """A way of calling ``work`` with 0, ..., count - 1; what it returns comes in this order."""

    def __call__(self, work: Callable[[int], Made], count: int) -> Iterator[Made]: ...


def in_turn(work: Callable[[int], Made], count: int) -> Iterator[Made]:
    """One after the other, here."""
    return map(work, range(count))


def over_cores(work: Callable[[int], Made], count: int) -> Iterator[Made]:
    """On as many cores as there are, each place whole on one of them; here where that can't be.

    Processes are forked, so that ``work`` may be any function and finds everything as it is here; only what it returns
    is sent. Forking is safe where nothing else runs beside it: not below another such process, and on Linux alone.
    """
    cores = min(store.usable_cores(), count)
    may_fork = cores >= 2 and sys.platform == "linux" and parent_process() is None
    pool = _pool(cores, work) if may_fork else None
    if pool is None:
        yield from in_turn(work, count)
        return
    done = 0
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            try:
                for made in pool.map(_call, range(count)):
                    yield made
                    done += 1
            finally:
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:  # killed for memory, say: one process needs less than several
        for place in range(done, count):
            yield work(place)


def _pool(cores: int, work: Callable[[int], Made]) -> ProcessPoolExecutor | None:
    """Processes for the work; None where the system has no semaphores for them, as on a full disk."""
    try:
        return ProcessPoolExecutor(cores, get_context("fork"), _begin, (work,))
    except OSError:
        return None


_work: list[Callable[[int], Any]] = []
"""What a forked process was made for."""


def _begin(work: Callable[[int], Any]) -> None:
    """The first thing in a forked process: an interruption is its parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work[:] = [work]


def _call(place: int) -> Any:
    return _work[0](place)
