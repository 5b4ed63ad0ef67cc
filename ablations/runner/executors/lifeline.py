"""How an engine's own processes end with the one that started them, where no line of theirs is being run.

Linux alone can do that. Elsewhere they see it as soon as they look. Imports little, so that it can come first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

DRIVER = "ABLATIONS_DRIVER"
"""Of the environment: the process id of the driver, for the fork server that it starts."""
PR_SET_PDEATHSIG = 1


def driver() -> int | None:
    """The driver by its own words; None in a fork server that something else has started."""
    told = os.environ.get(DRIVER)
    return int(told) if told else None


def hold(parent: int | None) -> None:
    """Be killed when the parent ends, whatever this process is doing then; at once where this one has ended already.

    The system takes the thread for the parent that started this process.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def let_go() -> None:
    """Outlive the thread that started this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 0)
