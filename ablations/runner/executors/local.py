"""The local engine: one supervised process per task, a few at a time.

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

from ablations.runner.executors import ExecutorConfig, Note, Status, Task, TaskResult, lifeline
from ablations.runner.executors.worker import main
from ablations.store import env_folder

PRELOAD = ["ablations.runner.executors.fork_server"]
POLL_SECONDS = 0.1
STOP_SECONDS = 3.0
LEAVE_SECONDS = 2.0
"""How long a process may take to end that has said all it has to say, or that was told to end."""
LONGEST_TICK = 1.0
"""A longer pause between two looks at a worker is the driver's own (it was suspended), and not the worker's silence."""
LOG_BYTES = 8_000


def engine(executor_config: ExecutorConfig, folder: Path, note: Note) -> LocalExecutor:
    """The engine that ``--engine local`` asks for."""
    return LocalExecutor(executor_config, folder / ".grid" / "logs")


class LocalExecutor:
    """Runs tasks on this machine, ``means.jobs`` at a time."""

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
        os.environ[lifeline.DRIVER] = str(os.getpid())
        resource_tracker.ensure_running()  # before, as it unblocks what is blocked
        with _deaf_to_ctrl_c(), hidden_main():
            forkserver.ensure_running()
        results: SimpleQueue[TaskResult | BaseException | None] = SimpleQueue()
        self.feeder = threading.Thread(target=self._feed, args=(tasks, advance, results), daemon=True)
        self.feeder.start()
        for _ in tasks:
            ended = results.get()
            if isinstance(ended, BaseException):
                raise ended
            if ended is not None:
                yield ended

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
            for ended in pool(delayed(self._supervise)(task, advance) for task in tasks):
                results.put(ended)
        except BaseException as problem:
            results.put(problem)

    def stop(self) -> None:
        """End all processes and start no more; waits a little for them to be gone."""
        self.stopping.set()
        if self.feeder is not None:
            self.feeder.join(STOP_SECONDS)

    def _supervise(self, task: Task, advance: Callable[[int], None]) -> TaskResult | None:
        """Start a process for one task and stay with it to its end. None if the engine was stopped."""
        if self.stopping.is_set():
            return None
        log = self.logs / log_name(task)
        log.unlink(missing_ok=True)
        receiver, sender = self.context.Pipe(duplex=False)
        process = self.context.Process(target=main, args=(json.dumps(task), sender, str(log)), daemon=True)
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
        watch = _Watch(process, receiver, self.executor_config, advance)
        with receiver:
            while watch.look():
                if self.stopping.is_set():
                    _end(process)
                    return None
            return watch.ended(task, log)


class _Watch:
    """What one worker said and how long it has been silent."""

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
        self.cause = ""
        self.steps = 0
        self.silent, self.seen = 0.0, time.monotonic()

    def look(self) -> bool:
        """Wait for a message or a tick; False when the process has ended, or has been ended over a limit."""
        ready = wait([self.receiver, self.process.sentinel], POLL_SECONDS)
        now = time.monotonic()
        self.silent += min(now - self.seen, LONGEST_TICK)
        self.seen = now
        if self.receiver in ready:
            return self._listen()
        if ready:  # it is gone, and has left no message
            return False
        return self._within_limits()

    def _listen(self) -> bool:
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
            self.status, self.cause = "unwritten", value
        return bool(kind == "steps")

    def _within_limits(self) -> bool:
        timeout, memory = self.executor_config.timeout, self.executor_config.memory
        if timeout is not None and self.silent >= timeout:
            self.status, self.cause = "timeout", f"no progress for {timeout:g} seconds"
            _ask_where_it_hangs(self.process)
            return False
        size = resident_bytes(self.process.pid) if memory is not None else 0
        if memory is not None and size > memory:
            self.status = "memory"
            self.cause = over_limit(size, memory)
            return False
        return True

    def ended(self, task: Task, log: Path) -> TaskResult:
        """Wait for the process to leave, or make it, and say how it ended."""
        if self.status not in ("timeout", "memory"):
            self.process.join(LEAVE_SECONDS)
        stays = self.process.is_alive()
        if stays:
            _end(self.process)
        if stays and self.status == "died":
            self.cause = "it closed its connection to the driver"
        code = self.process.exitcode or 0
        return TaskResult(
            task,
            self.status,
            self.result,
            self.steps,
            exit_code=code if code >= 0 else None,
            signal=signal_name(-code) if code < 0 else "",
            cause=self.cause,
            log=take_log(log),
        )


def signal_name(number: int) -> str:
    """SIGKILL for 9; a real-time signal has no name but its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def resident_bytes(pid: int | None) -> int:
    """How much memory a process holds resident; 0 where it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        pass
    if Path("/proc").is_dir():
        return 0
    said = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return int(said or 0) * 1024


def over_limit(size: int, limit: int) -> str:
    """How a worker that holds too many bytes is told of."""
    return f"resident size {size / 2**20:,.0f} MiB, over the limit of {limit / 2**20:,.0f} MiB"


def log_name(task: Task) -> str:
    """A file's name for what a task's worker prints; of two tasks at work, each has its own."""
    if task["kind"] != "cohort":
        return f"{task['kind']}-{env_folder(task['env_id'])[:100]}.log"
    lanes = task["job"]["lanes"]
    env_id = env_folder(lanes[0]["config"]["env_id"])
    return f"{env_id[:60]}-{task['job']['label'][:100]}-{lanes[0]['key']}-{len(lanes)}.log"


def _ask_where_it_hangs(process: BaseProcess) -> None:
    """Have the worker print where each of its threads is, into its log."""
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGUSR1)
        process.join(POLL_SECONDS)


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(1.0)
    if process.is_alive():
        process.kill()
        process.join()


def take_log(log: Path) -> str:
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
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started here inherits a blocked SIGINT: the fork server would answer Ctrl-C while it imports torch."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
