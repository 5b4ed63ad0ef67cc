"""Inside a worker process: one task, then the end. Tasks arrive as JSON and results go to files.

Imports no torch by itself: the driver names this module, too. The fork server has it all imported (``server``).
"""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import forkserver, parent_process
from multiprocessing.connection import Connection
from typing import Any

from ablations.runner.executors import parent_death
from ablations.runner.heartbeat import BEAT_SECONDS, at_most_every
from ablations.store import Unwritten

fork_server_pid: int | None = None
"""The process id of our fork server, which sets it; a worker inherits it."""


def main(task_json: str, connection: Connection, log: str) -> None:
    """Carry out a task: ``{"kind": "cohort" | "random_policy" | "self_test" | "self_test_elsewhere", ...}``.

    Messages to the driver are pairs: ("steps", lane-steps done), and finally ("done", result), ("unwritten", what
    could not be written) or ("memory", what was refused).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # for what environments start
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setpgid(0, 0)  # what environments start belongs to this process's group and is ended with it
    _end_with_driver()
    redirect_output(log)
    connection.send(carry_out(json.loads(task_json), _reporter(connection)))
    connection.close()


def carry_out(task: dict[str, Any], report: Callable[[int], None]) -> tuple[str, Any]:
    """Do a task here and now: ("done", result), ("unwritten", why) or ("memory", why).

    ``report`` gets lane-steps as they come.
    """
    import torch

    from ablations.envs import repeatability
    from ablations.runner.cohort import memory_was_refused, train
    from ablations.runner.random_policy import random_policy

    torch.set_num_threads(1)
    multiprocessing.set_start_method(
        None, force=True
    )  # what starts by default is as in a program of one's own
    heartbeat = at_most_every(BEAT_SECONDS, lambda: report(0))
    try:
        if task["kind"] == "random_policy":
            env_id, args, entropy = task["env_id"], task["env_args"], task["entropy"]
            return "done", random_policy(env_id, args, entropy, heartbeat, task.get("own_generators", False))
        if task["kind"] == "self_test":
            return "done", repeatability.tried_here(
                task["env_id"], task["env_args"], task["checkpoints"], heartbeat
            )
        if task["kind"] == "self_test_elsewhere":
            return "done", repeatability.tried_elsewhere(task["env_id"], task["env_args"], heartbeat)
        return "done", train(task["job"], report)
    except Unwritten as problem:
        return "unwritten", str(problem)
    except Exception as problem:
        if not memory_was_refused(problem):
            raise
        return (
            "memory",
            f"the system refused more ({' '.join(str(problem).split())[:200] or type(problem).__name__})",
        )


def _reporter(connection: Connection) -> Callable[[int], None]:
    """Report lane-steps to the driver. Without one there is nobody to work for; it must not look like a failed run."""

    def report(steps: int) -> None:
        try:
            connection.send(("steps", steps))
        except OSError:
            _end_group()

    return report


def _end_with_driver() -> None:
    """Workers never outlive the driver, however it ended.

    A thread sees the driver go. Where it can't run, because an environment keeps the interpreter to itself, Linux
    ends this process with the fork server, which ends when all whom it serves have gone: the driver, and each worker
    that has not let go of it.
    """
    threading.Thread(target=_wait_for_the_drivers_end, daemon=True).start()
    parent_death.die_with_parent(fork_server_pid)
    served = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_alive_fd", None)
    if served is not None:
        os.close(served)


def _wait_for_the_drivers_end() -> None:
    driver_pid = parent_process()
    if driver_pid is not None:
        driver_pid.join()
        _end_group()


def _end_group() -> None:
    """End this process and all that its environments have started."""
    os.killpg(0, signal.SIGKILL)


def redirect_output(log: str) -> None:
    """Send what environments and libraries print to the log, so that the terminal stays readable.

    A crash in compiled code leaves its traceback there, and SIGUSR1 asks where the process is.
    """
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed before the driver started
            stream.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    faulthandler.enable(2)
    faulthandler.register(signal.SIGUSR1, 2)
