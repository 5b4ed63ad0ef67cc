"""Engines: how cohorts are carried out, on this machine or on others. Every engine passes the same contract test.

The word ``engine`` of a study file is another thing: the family of numerical code that a run's bits come from. What
stands here never changes a bit, only where and how fast the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

EXECUTORS = {name: f"ablations.runner.executors.{name}" for name in ("local", "dask", "slurm")}
"""Name -> the module whose ``engine(means, folder, note)`` makes it; imported only when it is asked for."""

Status = Literal["done", "died", "timeout", "memory", "unwritten"]

Note = Callable[[str], None]
Task = dict[str, Any]
"""Plain JSON: ``{"kind": "cohort", "job": CohortJob}`` or ``{"kind": "random_policy" | "self_test", ...}``."""


@dataclass(frozen=True)
class ExecutorConfig:
    """How cohorts are carried out: what the command line's options of that kind say."""

    jobs: int = 1  # tasks at a time; 0: as many as the engine can
    engine: str = "local"
    timeout: float | None = None  # seconds that a task may go without progress; None: for ever
    memory: int | None = None  # bytes that a worker may hold resident; None: no limit
    tensorboard: bool = False  # whether workers also write event files
    scheduler: str | None = (
        None  # the address of a Dask scheduler; None: a cluster of this machine's own processes
    )
    lanes: int | None = None  # runs that may train together as one cohort; None: as many as is quick


@dataclass(frozen=True)
class TaskResult:
    """How one attempt at a task ended.

    ``done``: the worker said so; the results of a cohort then lie in the results folder. ``died``: it ended without
    saying so, with whatever exit code. ``timeout`` and ``memory``: the engine ended it over a limit. ``unwritten``: its
    results could not be written, and ``cause`` names the file and the need.
    """

    task: Task
    status: Status
    result: Any = None  # what the task gives besides files, as plain JSON
    steps: int = (
        0  # lane-steps that this attempt told ``advance``; the grid takes them back before another one
    )
    exit_code: int | None = None  # None: killed by a signal, or not known
    signal: str = ""  # the name of the signal that killed it, such as SIGKILL
    cause: str = ""  # in words, for people; empty: the exit code or the signal says it all
    log: str = ""  # the end of what the worker printed

    @property
    def done(self) -> bool:
        """Whether the task was carried out."""
        return self.status == "done"

    @property
    def why(self) -> str:
        """The cause of an end that was none of ``done``, in words."""
        if self.exit_code == 0:
            return self.cause or "exit code 0 without a result"
        return self.cause or (f"signal {self.signal}" if self.signal else f"exit code {self.exit_code}")


class Executor(Protocol):
    """Carries out tasks. It doesn't try again and doesn't split: the grid does, for all engines."""

    jobs: int
    """How many tasks it carries out at a time: what cohorts are cut for."""

    def run(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[TaskResult]:
        """Start tasks in this order, a few at a time, and yield each when it has ended, in any order.

        ``advance`` is called with lane-steps as they are done, from any thread. ``run`` is called again for what has
        to be tried again. Raises ``Lost`` where the engine itself is gone.
        """
        ...

    def stop(self) -> None:
        """End all workers within two seconds and start no more; called last, in any case, also from a signal."""
        ...


class SubmittedByHand(Exception):
    """The work was prepared and is left to the user to start. The text says how."""


class ExecutorLost(Exception):
    """The engine itself is gone (its scheduler, say), not one of its workers. The text is for people."""


def make(executor_config: ExecutorConfig, folder: Path, note: Note = lambda text: None) -> Executor:
    """The engine that is asked for, for a study whose results lie in ``folder``. ``note`` tells people."""
    made: Executor = import_module(EXECUTORS[executor_config.engine]).engine(executor_config, folder, note)
    return made
