"""Ctrl-C and SIGTERM: the first ends the workers and keeps what is finished, a second one leaves at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ablations.runner.executors.local import end_group

TERMINATED = 143
PATIENCE_SECONDS = 4.0
"""After so long the first signal counts as a second one: an end is promised within five seconds."""


class Terminated(BaseException):
    """SIGTERM, raised so that workers are ended and what is finished is kept."""


@contextmanager
def ending_quickly() -> Iterator[None]:
    """Within this, SIGINT raises KeyboardInterrupt and SIGTERM ``Terminated``, once."""
    raised: list[int] = []

    def end(signum: int, frame: FrameType | None) -> None:
        if raised:
            leave_at_once(signum)
        raised.append(signum)
        timer = threading.Timer(PATIENCE_SECONDS, leave_at_once, (signum,))
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt if signum == signal.SIGINT else Terminated

    previous = {signum: signal.signal(signum, end) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if not raised:
            for signum, handler in previous.items():
                signal.signal(signum, handler)


def leave_at_once(signum: int) -> None:
    """Kill the workers and leave, whatever else is going on. What was half-written is not read and is run again."""
    for worker in multiprocessing.active_children():
        worker.kill()
        end_group(worker)
    os._exit(128 + signum)
