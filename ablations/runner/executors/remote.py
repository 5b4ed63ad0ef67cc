"""A Dask worker's side: one task, which arrives as JSON. Light to import: torch comes with the first task.

The worker writes results itself where it sees the driver's folder: a token that lies there says so. Otherwise it works
in a folder of its own and sends the files back, for the driver to commit.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distributed import get_worker

from ablations import store

PROGRESS_SECONDS = 1.0
VERSIONS = {"algorithm": store.ALGORITHM_VERSION, "schema": store.SCHEMA_VERSION}

Answer = dict[str, Any]
"""``status`` (of ``TaskResult``, or ``refused``), ``value`` (a result or a reason), ``steps`` (lane-steps made), and
``files`` to commit, by path and name, where the worker could not."""


class Stopped(BaseException):
    """The driver wants no more of this task, or is gone. Not an Exception: no run failed."""


class TooLarge(BaseException):
    """This process holds more memory than it may; the text says how much."""


def carry_out(envelope: str) -> Answer:
    """Do a task: ``{"task", "topic", "token", "memory", "versions", "log"}``, a JSON text.

    Progress is sent as events of the topic: [key, attempt, worker's address, lane-steps, name of the log].
    """
    request = json.loads(envelope)
    if request["versions"] != VERSIONS:
        return _answer(
            "refused", f"the workers run other code ({VERSIONS}) than the driver ({request['versions']})"
        )
    reporter = _Reporter(request)
    with _children_allowed():
        answer = _run_here(request, reporter)
    return {**answer, "steps": reporter.steps}


def exit_worker() -> None:
    """End this worker's process and those it has started; its nanny, if it has one, starts another."""
    _end(_children())
    os._exit(1)


@contextmanager
def _children_allowed() -> Iterator[None]:
    """Let environments have processes, which a daemonic worker of Dask's may not; what they leave ends here."""
    worker = multiprocessing.current_process()
    before, daemonic = _children(), worker.daemon
    worker.daemon = False
    try:
        yield
    finally:
        _end(_children() - before)
        worker.daemon = daemonic


def _children() -> set[int]:
    """The processes that this one has started; where there is no /proc, those of ``multiprocessing``."""
    listed = list(Path("/proc/self/task").glob("*/children"))
    started = {process.pid or 0 for process in multiprocessing.active_children()}
    return {int(pid) for path in listed for pid in path.read_text().split()} or started


def _end(processes: set[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    multiprocessing.active_children()  # takes note of those that have gone


def _run_here(request: Mapping[str, Any], reporter: _Reporter) -> Answer:
    from ablations.runner.executors.worker import carry_out as run_task

    task = request["task"]
    try:
        if task["kind"] != "cohort":
            return _answer(*run_task(task, reporter))
        if _shares_folder(task["job"]["folder"], request["token"]):
            return _answer("done") if _already_committed(task["job"]) else _answer(*run_task(task, reporter))
        with TemporaryDirectory(prefix="ablations-") as place:
            lost = {
                "checkpoint_minutes": 0.0,
                "no_checkpoints_reason": "its worker does not see the results folder",
            }
            away = {**task, "job": {**task["job"], "folder": place, "events": False, **lost}}
            status, value = run_task(away, reporter)
            return {**_answer(status, value), "files": _files(Path(place), task["job"])}
    except TooLarge as problem:
        return _answer("memory", str(problem))


class _Reporter:
    """Reports lane-steps to the driver, and stops work that nobody wants any more or that takes too much memory."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.worker = get_worker()
        self.key = self.worker.get_current_task()
        self.attempt = uuid.uuid4().hex
        self.topic, self.memory = request["topic"], request["memory"]
        self.log = _redirected(request["log"])
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
        self.due = time.monotonic() + PROGRESS_SECONDS

    def _refuse_too_much_memory(self) -> None:
        if self.memory is None:
            return
        from ablations.runner.executors.local import over_limit, resident_bytes

        size = resident_bytes(os.getpid())
        if size > self.memory:
            raise TooLarge(over_limit(size, self.memory))


def _answer(status: str, value: Any = None) -> Answer:
    return {"status": status, "value": value, "steps": 0, "files": None}


def _shares_folder(folder: str, token: tuple[str, str]) -> bool:
    """True where the driver's folder lies here under the same name."""
    name, text = token
    try:
        return (Path(folder) / ".grid" / name).read_text() == text
    except OSError:
        return False


def _already_committed(job: Mapping[str, Any]) -> bool:
    """True where this very attempt has been made: a result that got lost on its way is asked for again."""
    statuses = (store.inspect(Path(job["folder"]) / lane["path"], lane["key"]) for lane in job["lanes"])
    attempts = [status.manifest.get("attempts") if status.manifest else None for status in statuses]
    return attempts == [lane["attempts"] for lane in job["lanes"]]


def _files(folder: Path, job: Mapping[str, Any]) -> dict[str, dict[str, bytes]]:
    """The files that were written for each run, by name."""
    return {
        lane["path"]: {path.name: path.read_bytes() for path in sorted((folder / lane["path"]).iterdir())}
        for lane in job["lanes"]
        if (folder / lane["path"]).is_dir()
    }


_redirected_to: str | None = None


def _redirected(folder: str | None) -> str | None:
    """Redirect the output of a process of the driver's own, from its first task on; gives the log's name in the folder.

    Then it ends with the driver, too, even where an environment keeps the interpreter to itself.
    """
    global _redirected_to
    if folder is None:
        return None
    if _redirected_to is None:
        from ablations.runner.executors import parent_death
        from ablations.runner.executors.worker import redirect_output

        os.setpgid(0, 0)  # what environments start belongs to this process's group and is ended with it
        parent_death.die_with_parent(None)
        _redirected_to = f"dask-{os.getpid()}.log"
        redirect_output(str(Path(folder) / _redirected_to))
    return _redirected_to
