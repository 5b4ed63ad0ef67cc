"""An executor's own processes end with the one that started them, even where no line of theirs is being run.

Linux alone can do that. Elsewhere they see it as soon as they poll. Imports little, so that it can come first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

DRIVER = "ABLATIONS_DRIVER"
"""Of the environment: the process id of the driver, for the fork server that it starts."""
PR_SET_PDEATHSIG = 1


def driver_pid() -> int | None:
    """The driver's process id; None in a fork server that something else has started."""
    pid = os.environ.get(DRIVER)
    return int(pid) if pid else None


def die_with_parent(parent: int | None) -> None:
    """Be killed when the parent ends, whatever this process is doing then; at once where this one has ended already.

    The system takes the thread for the parent that started this process.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Outlive the thread that started this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 0)
