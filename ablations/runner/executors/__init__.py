"""Executors: they carry out cohorts, on this machine or on others. Every executor passes the same contract test.

An engine is another thing: the numerical code that a run's bits come from. An executor never changes a bit, only where
and how fast the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

EXECUTORS = {name: f"ablations.runner.executors.{name}" for name in ("local", "dask", "slurm")}
"""Name -> the module whose ``executor(executor_config, folder, note)`` makes it; imported only when it is used."""

Status = Literal["done", "died", "timeout", "memory", "unwritten"]

Note = Callable[[str], None]
Task = dict[str, Any]
"""Plain JSON: ``{"kind": "cohort", "job": CohortJob}`` or ``{"kind": "random_policy" | "self_test" | ..., ...}``."""


@dataclass(frozen=True)
class ExecutorConfig:
    """Configuration of an executor: what the command line's options of that kind say."""

    jobs: int = 1  # tasks at a time; 0: as many as the executor can
    executor: str = "local"
    timeout: float | None = None  # seconds that a task may go without progress; None: for ever
    memory: int | None = None  # bytes that a worker may hold resident; None: no limit
    tensorboard: bool = False  # workers also write event files
    scheduler: str | None = (
        None  # the address of a Dask scheduler; None: a cluster of this machine's own processes
    )
    lanes: int | None = None  # runs that may train together as one cohort; None: as many as is quick


@dataclass(frozen=True)
class TaskResult:
    """Outcome of one attempt at a task.

    ``done``: the worker said so; the results of a cohort then lie in the results folder. ``died``: it ended without
    saying so, with whatever exit code. ``timeout`` and ``memory``: it was ended over a limit, or was refused memory.
    ``unwritten``: its results could not be written, and ``cause`` names the file and the need.
    """

    task: Task
    status: Status
    result: Any = None  # what the task gives besides files, as plain JSON
    steps: int = 0  # lane-steps that this attempt reported; they are taken back before another one
    exit_code: int | None = None  # None: killed by a signal, or not known
    signal: str | None = None  # the name of the signal that killed it, such as SIGKILL
    cause: str | None = None  # in words, for people; None: the exit code or the signal says it all
    log: str = ""  # the end of what the worker printed

    @property
    def done(self) -> bool:
        """True where the task was carried out."""
        return self.status == "done"

    @property
    def reason(self) -> str:
        """Why the task was not done, in words."""
        if self.exit_code == 0:
            return self.cause or "exit code 0 without a result"
        return self.cause or (f"signal {self.signal}" if self.signal else f"exit code {self.exit_code}")


class Executor(Protocol):
    """Carries out tasks. It doesn't try again and doesn't split: ``retry`` does, for all executors."""

    jobs: int
    """How many tasks it carries out at a time: what cohorts are cut for."""

    def run(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[TaskResult]:
        """Start tasks in this order, a few at a time, and yield each when it has ended, in any order.

        ``advance`` is called with lane-steps as they are done, from any thread. ``run`` is called again for what has
        to be tried again. Raises ``ExecutorLost`` where the executor itself is gone.
        """
        ...

    def stop(self) -> None:
        """End all workers within two seconds and start no more; called last, in any case, also from a signal."""
        ...


class SubmittedByHand(Exception):
    """The work was prepared and is left to the user to start. The text says how."""


class ExecutorLost(Exception):
    """The executor itself is gone (its scheduler, say), not one of its workers. The text is for people."""


def make(executor_config: ExecutorConfig, folder: Path, note: Note = lambda text: None) -> Executor:
    """The configured executor, for a study whose results lie in ``folder``. ``note`` tells people."""
    executor: Executor = import_module(EXECUTORS[executor_config.executor]).executor(
        executor_config, folder, note
    )
    return executor
