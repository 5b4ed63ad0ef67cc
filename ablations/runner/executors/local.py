"""The local executor: one supervised process per task, a few at a time.

joblib's threads each supervise one process that a fork server starts, with torch already imported there. That gives
an exact exit code per process: one worker that dies, hangs or eats memory costs its own task and no other.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from joblib import Parallel, delayed

from ablations.runner.executors import (
    ExecutorConfig,
    ExecutorLost,
    Note,
    Status,
    Task,
    TaskResult,
    parent_death,
)
from ablations.runner.executors.worker import main
from ablations.store import env_folder, row_folder

PRELOAD = ["ablations.runner.executors.fork_server"]
POLL_SECONDS = 0.1
STOP_SECONDS = 3.0
EXIT_SECONDS = 2.0
"""How long a process may take to end that has said all it has to say, or that was told to end."""
LONGEST_TICK = 1.0
"""A longer pause between two polls of a worker is the driver's own (it was suspended), and not the worker's silence."""
LOG_BYTES = 8_000
LONGEST_TMPDIR = 70
"""Bytes of a folder below which multiprocessing can have a socket: the name of one may have some hundred."""
SHORT_FOLDERS = ("/tmp", "/var/tmp")


def executor(executor_config: ExecutorConfig, folder: Path, note: Note) -> LocalExecutor:
    """The executor of ``--executor local``."""
    return LocalExecutor(executor_config, folder / ".grid" / "logs")


class LocalExecutor:
    """Runs tasks on this machine, ``executor_config.jobs`` at a time."""

    def __init__(self, executor_config: ExecutorConfig, logs: Path) -> None:
        self.executor_config = executor_config
        self.jobs = executor_config.jobs
        self.logs = logs
        self.stopping = threading.Event()
        self.feeder: threading.Thread | None = None
        self.start_lock = threading.Lock()
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(PRELOAD)

    def run(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[TaskResult]:
        """Carry out tasks in their order of starting; yields each as it ends.

        ``advance`` is called from supervising threads with lane-steps as they are done.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        os.environ[parent_death.DRIVER] = str(os.getpid())
        resource_tracker.ensure_running()  # before, as it unblocks what is blocked
        with _sigint_blocked(), hidden_main(), _short_temporary_folder():
            forkserver.ensure_running()
        results: SimpleQueue[TaskResult | BaseException | None] = SimpleQueue()
        self.feeder = threading.Thread(target=self._feed, args=(tasks, advance, results), daemon=True)
        self.feeder.start()
        for _ in tasks:
            task_result = results.get()
            if isinstance(task_result, BaseException):
                raise task_result
            if task_result is not None:
                yield task_result
        self.feeder.join(STOP_SECONDS)  # no thread is at work when the process ends

    def _feed(
        self,
        tasks: Sequence[Task],
        advance: Callable[[int], None],
        results: SimpleQueue[TaskResult | BaseException | None],
    ) -> None:
        """Supervise all tasks, in a thread of its own: Ctrl-C must not meet joblib's own clean-up, which waits."""
        try:
            pool = Parallel(
                n_jobs=self.jobs,
                backend="threading",
                return_as="generator_unordered",
                pre_dispatch="n_jobs",
            )
            for task_result in pool(delayed(self._supervise)(task, advance) for task in tasks):
                results.put(task_result)
        except BaseException as problem:
            results.put(problem)

    def stop(self) -> None:
        """End all processes and start no more; waits a little for them to be gone."""
        self.stopping.set()
        if self.feeder is not None:
            self.feeder.join(STOP_SECONDS)

    def _supervise(self, task: Task, advance: Callable[[int], None]) -> TaskResult | None:
        """Start a process for one task and stay with it to its end. None if the executor was stopped."""
        if self.stopping.is_set():
            return None
        log = self.logs / log_name(task)
        log.unlink(missing_ok=True)
        receiver, sender = self.context.Pipe(duplex=False)
        # not daemonic: environments may have processes of their own
        process = self.context.Process(target=main, args=(json.dumps(task), sender, str(log)), daemon=False)
        try:
            with self.start_lock, hidden_main():
                process.start()
        except (
            OSError,
            EOFError,
        ) as problem:  # the fork server was killed, or there is no room for a process
            return TaskResult(task, "died", cause=f"no process could be started: {problem!r}")
        finally:
            sender.close()
        supervisor = _Supervisor(process, receiver, self.executor_config, advance)
        with receiver:
            while supervisor.poll():
                if self.stopping.is_set():
                    _kill(process)
                    return None
            return supervisor.task_result(task, log)


class _Supervisor:
    """Supervises one worker: its messages, and how long it has been silent."""

    def __init__(
        self,
        process: BaseProcess,
        receiver: Connection,
        executor_config: ExecutorConfig,
        advance: Callable[[int], None],
    ) -> None:
        self.process, self.receiver, self.executor_config, self.advance = (
            process,
            receiver,
            executor_config,
            advance,
        )
        self.status: Status = "died"
        self.result: Any = None
        self.cause: str | None = None
        self.steps = 0
        self.silent, self.seen = 0.0, time.monotonic()

    def poll(self) -> bool:
        """Wait for a message or a tick; False when the process has ended, or has been ended over a limit."""
        ready = wait([self.receiver, self.process.sentinel], POLL_SECONDS)
        now = time.monotonic()
        self.silent += min(now - self.seen, LONGEST_TICK)
        self.seen = now
        if self.receiver in ready:
            return self._receive()
        if ready:  # it is gone, and has left no message
            return False
        return self._within_limits()

    def _receive(self) -> bool:
        try:
            kind, value = self.receiver.recv()
        except (EOFError, OSError):
            return False  # the process closed its end: it is done, or dead
        self.silent = 0.0
        if kind == "steps":
            self.steps += value
            self.advance(value)
        elif kind == "done":
            self.status, self.result = "done", value
        else:
            self.status, self.cause = kind, value
        return bool(kind == "steps")

    def _within_limits(self) -> bool:
        timeout, memory = self.executor_config.timeout, self.executor_config.memory
        if timeout is not None and self.silent >= timeout:
            self.status, self.cause = "timeout", f"no progress for {timeout:g} seconds"
            _dump_traceback(self.process)
            return False
        size = resident_bytes(self.process.pid) if memory is not None else 0
        if memory is not None and size > memory:
            self.status = "memory"
            self.cause = over_limit(size, memory)
            return False
        return True

    def task_result(self, task: Task, log: Path) -> TaskResult:
        """Wait for the process to leave, or make it, and give the task's result."""
        if self.status not in ("timeout", "memory"):
            self.process.join(EXIT_SECONDS)
        stays = self.process.is_alive()
        if stays:
            _kill(self.process)
        end_group(self.process)
        if stays and self.status == "died":
            self.cause = "it closed its connection to the driver"
        code = self.process.exitcode or 0
        return TaskResult(
            task,
            self.status,
            self.result,
            self.steps,
            exit_code=code if code >= 0 else None,
            signal=signal_name(-code) if code < 0 else None,
            cause=self.cause,
            log=read_log(log),
        )


def signal_name(number: int) -> str:
    """SIGKILL for 9; a real-time signal has no name but its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def resident_bytes(pid: int | None) -> int:
    """Resident memory of a process; 0 where it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        pass
    if Path("/proc").is_dir():
        return 0
    output = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return int(output or 0) * 1024


def over_limit(size: int, limit: int) -> str:
    """A sentence on a worker that holds too many bytes."""
    return f"resident size {size / 2**20:,.0f} MiB, over the limit of {limit / 2**20:,.0f} MiB"


def log_name(task: Task) -> str:
    """A file's name for what a task's worker prints; of two tasks at work, each has its own."""
    if task["kind"] != "cohort":
        return f"{task['kind']}-{env_folder(task['env_id'])[:100]}.log"
    lanes = task["job"]["lanes"]
    env_id = env_folder(lanes[0]["config"]["env_id"])
    return f"{env_id[:60]}-{row_folder(task['job']['label'])[:100]}-{lanes[0]['key']}-{len(lanes)}.log"


def _dump_traceback(process: BaseProcess) -> None:
    """Have the worker print where each of its threads is, into its log."""
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGUSR1)
        process.join(POLL_SECONDS)


def _kill(process: BaseProcess) -> None:
    process.terminate()
    process.join(1.0)
    if process.is_alive():
        process.kill()
        process.join()
    end_group(process)


def end_group(worker: BaseProcess) -> None:
    """End what a worker's environments have started and left behind, and the worker."""
    if worker.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)


def read_log(log: Path) -> str:
    """The end of a log; an empty log is removed."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    if not size:
        log.unlink(missing_ok=True)
    return text


@contextmanager
def hidden_main() -> Iterator[None]:
    """Keep multiprocessing from running the caller's script again in each worker (``ablations.run`` in a script)."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _short_temporary_folder() -> Iterator[None]:
    """Let temporary files lie elsewhere where TMPDIR is too long for the name of a socket. Raises ``ExecutorLost``."""
    before, here = tempfile.tempdir, tempfile.gettempdir()
    if len(os.fsencode(here)) > LONGEST_TMPDIR:
        short = [folder for folder in SHORT_FOLDERS if os.access(folder, os.W_OK | os.X_OK)]
        if not short:
            raise ExecutorLost(
                f"TMPDIR is too long for a socket ({len(os.fsencode(here))} bytes; {LONGEST_TMPDIR} fit)"
            )
        tempfile.tempdir = short[0]
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT for what is started here: the fork server would answer Ctrl-C while it imports torch."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
