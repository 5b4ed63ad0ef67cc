"""What a Dask worker runs: one task, which arrives as JSON. Light to import: torch comes with the first task.

The worker writes results itself where it sees the driver's folder: a token that lies there says so. Otherwise it works
in a folder of its own and sends the files back, for the driver to commit.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distributed import get_worker

from ablations import store

TELL_SECONDS = 1.0
VERSIONS = {"algorithm": store.ALGORITHM_VERSION, "schema": store.SCHEMA_VERSION}

Answer = dict[str, Any]
"""``status`` (of ``Ended``, or ``refused``), ``value`` (a result or a reason), ``steps`` (lane-steps made), and
``files`` to commit, by path and name, where the worker could not."""


class Stopped(BaseException):
    """The driver wants no more of this task, or is gone. Not an Exception: no run failed."""


class TooLarge(BaseException):
    """This process holds more memory than it may; the text says how much."""


def carry_out(envelope: str) -> Answer:
    """Do a task: ``{"task", "topic", "token", "memory", "versions", "log"}``, a JSON text.

    What is done so far is told as events of the topic: [key, attempt, worker's address, lane-steps, name of the log].
    """
    asked = json.loads(envelope)
    if asked["versions"] != VERSIONS:
        return _answer(
            "refused", f"the workers run other code ({VERSIONS}) than the driver ({asked['versions']})"
        )
    teller = _Teller(asked)
    answer = _done_here(asked, teller)
    return {**answer, "steps": teller.steps}


def leave() -> None:
    """End this worker's process; its nanny, if it has one, starts another."""
    os._exit(1)


def _done_here(asked: Mapping[str, Any], teller: _Teller) -> Answer:
    from ablations.runner.executors.worker import carry_out as do

    task = asked["task"]
    try:
        if task["kind"] != "cohort":
            return _answer(*do(task, teller))
        if _sees(task["job"]["folder"], asked["token"]):
            return _answer("done") if _recorded(task["job"]) else _answer(*do(task, teller))
        with TemporaryDirectory(prefix="ablations-") as place:
            lost = {
                "checkpoint_minutes": 0.0,
                "why_no_checkpoints": "its worker does not see the results folder",
            }
            away = {**task, "job": {**task["job"], "folder": place, "events": False, **lost}}
            status, value = do(away, teller)
            return {**_answer(status, value), "files": _files(Path(place), task["job"])}
    except TooLarge as problem:
        return _answer("memory", str(problem))


class _Teller:
    """Tells the driver about lane-steps, and stops the work where nobody wants it any more or it takes too much."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.worker = get_worker()
        self.key = self.worker.get_current_task()
        self.attempt = uuid.uuid4().hex
        self.topic, self.memory = asked["topic"], asked["memory"]
        self.log = _redirected(asked["log"])
        self.steps, self.due = 0, 0.0
        self(0)

    def __call__(self, steps: int) -> None:
        self.steps += steps
        state = self.worker.state.tasks.get(self.key)
        if state is None or state.state == "cancelled":
            raise Stopped
        if time.monotonic() < self.due:
            return
        self._refuse_too_much_memory()
        message = [self.key, self.attempt, self.worker.address, self.steps, self.log]
        self.worker.log_event(self.topic, message)
        self.due = time.monotonic() + TELL_SECONDS

    def _refuse_too_much_memory(self) -> None:
        if self.memory is None:
            return
        from ablations.runner.executors.local import over_limit, resident_bytes

        size = resident_bytes(os.getpid())
        if size > self.memory:
            raise TooLarge(over_limit(size, self.memory))


def _answer(status: str, value: Any = None) -> Answer:
    return {"status": status, "value": value, "steps": 0, "files": None}


def _sees(folder: str, token: tuple[str, str]) -> bool:
    """Whether the driver's folder lies here under the same name."""
    name, text = token
    try:
        return (Path(folder) / ".grid" / name).read_text() == text
    except OSError:
        return False


def _recorded(job: Mapping[str, Any]) -> bool:
    """Whether this very attempt has been made: a result that got lost on its way is asked for again."""
    found = (store.inspect(Path(job["folder"]) / lane["path"], lane["key"]) for lane in job["lanes"])
    attempts = [standing.manifest.get("attempts") if standing.manifest else None for standing in found]
    return attempts == [lane["attempts"] for lane in job["lanes"]]


def _files(folder: Path, job: Mapping[str, Any]) -> dict[str, dict[str, bytes]]:
    """What was written for each run, by name."""
    return {
        lane["path"]: {path.name: path.read_bytes() for path in sorted((folder / lane["path"]).iterdir())}
        for lane in job["lanes"]
        if (folder / lane["path"]).is_dir()
    }


_redirected_to = ""


def _redirected(folder: str | None) -> str:
    """Where this process prints to, from its first task on, if it is the driver's own; the log's name in the folder.

    Then it ends with the driver, too, even where an environment keeps the interpreter to itself.
    """
    global _redirected_to
    if folder is None:
        return ""
    if not _redirected_to:
        from ablations.runner.executors import lifeline
        from ablations.runner.executors.worker import redirect_output

        lifeline.hold(None)
        _redirected_to = f"dask-{os.getpid()}.log"
        redirect_output(str(Path(folder) / _redirected_to))
    return _redirected_to
