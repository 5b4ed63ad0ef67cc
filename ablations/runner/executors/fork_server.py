"""Imports of the local executor's fork server before it starts workers: all that they need, torch above all."""

from __future__ import annotations

import atexit
import gc
import os
import signal
from contextlib import suppress
from pathlib import Path

from ablations.runner.executors import parent_death

# Until all is imported, which takes seconds, the server does not look whether its driver lives. The thread that has
# started it waits for it meanwhile, and may end later.
parent_death.die_with_parent(parent_death.driver_pid())

import pandas  # noqa: E402, F401  (pyarrow imports it when it makes its first table)

import ablations.runner.cohort  # noqa: E402
import ablations.runner.executors.worker  # noqa: E402
import ablations.runner.random_policy  # noqa: E402


def _end() -> None:
    """End workers and what their environments have started, and then this process."""
    for children in Path("/proc/self/task").glob("*/children"):
        for worker in map(int, children.read_text().split()):
            with suppress(OSError):  # it has gone, or has no group of its own yet
                os.killpg(worker, signal.SIGKILL)
    os._exit(0)


# The server ends when the driver has gone, and its workers end with it: no time may be lost in taking torch apart.
atexit.register(_end)

# What is imported stays: the workers' garbage collectors need not look through it again and again.
gc.collect()
gc.freeze()
ablations.runner.executors.worker.fork_server_pid = os.getpid()
parent_death.outlive_parent()
