"""What runs inside a worker process: one task, then the end. Tasks arrive as JSON and results go to files.

Kept light at import, because the fork server preloads this module and everything it names.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import torch

from ablations.cohort import train
from ablations.random_policy import random_policy


def main(task_json: str, connection: Connection, log: str) -> None:
    """Carry out a task: ``{"kind": "cohort" | "random_policy", ...}``.

    Messages to the driver are pairs: ("steps", lane-steps done) and finally ("done", result).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    _redirect_output(log)
    torch.set_num_threads(1)
    task = json.loads(task_json)
    connection.send(("done", _carry_out(task, connection)))
    connection.close()


def _carry_out(task: dict[str, Any], connection: Connection) -> Any:
    if task["kind"] == "random_policy":
        return random_policy(task["env_id"], task["env_args"], task["entropy"])
    train(task["job"], lambda steps: connection.send(("steps", steps)))
    return None


def _end_with_driver() -> None:
    """Workers never outlive the driver, however it ended."""
    driver = parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)


def _redirect_output(log: str) -> None:
    """Whatever environments and libraries print goes to the log, so that the terminal stays readable."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
