"""The Dask executor: cohorts as futures on a cluster that is there, or on one of this machine's own processes.

One thread per worker, and never more tasks at work than there are workers. A scheduler tries tasks again by itself
when their worker dies; here a second start of a task counts as the death of the first one, so that what follows from
it is decided where it is decided for every executor.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import distributed

from ablations import store
from ablations.runner.executors import ExecutorConfig, ExecutorLost, Note, Task, TaskResult, remote
from ablations.runner.executors.local import hidden_main, read_log

DASK: Any = distributed  # typed in part
CONNECT_SECONDS = 20
POLL_WORKERS_SECONDS = 2.0  # between questions for the workers
REPLY_SECONDS = 30.0  # a scheduler that does not answer for so long is gone
MAX_WORKERLESS_SECONDS = 120.0
FETCH_SECONDS = 60
STOP_SECONDS = 1.5
EXIT_SECONDS = 5.0
POLL_SECONDS = 0.2


def executor(executor_config: ExecutorConfig, folder: Path, note: Note) -> DaskExecutor:
    """The executor of ``--executor dask``. Raises ``ExecutorLost`` where no scheduler answers."""
    return DaskExecutor(executor_config, folder)


def _silence_dask() -> None:
    """Silence dask's loggers, which have levels of their own: what goes wrong is said in our own words."""
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


@dataclass
class _InFlight:
    """A task at work."""

    task: Task
    future: Any
    attempt: str | None = None  # None until a worker has begun
    worker: str | None = None
    log: str | None = None
    steps: int = 0
    last_progress: float = 0.0


class DaskExecutor:
    """Runs tasks on the workers of a scheduler."""

    def __init__(self, executor_config: ExecutorConfig, folder: Path) -> None:
        _silence_dask()
        self.executor_config, self.folder = executor_config, folder
        self.logs = folder / ".grid" / "logs"
        self.events: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.topic = f"ablations-{uuid.uuid4().hex}"
        self.resources = ExitStack()  # what is given back at the end
        self.cluster: Any = None  # of our own, if any
        self.in_flight: dict[str, _InFlight] = {}
        self.polled = self.last_worker_seen = time.monotonic()
        try:
            self._connect()
        except BaseException:
            self.stop()
            raise
        self.jobs = executor_config.jobs or max(1, len(self.workers))

    def _connect(self) -> None:
        address = self.executor_config.scheduler
        if address is None:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.resources.enter_context(hidden_main())
            self.cluster = DASK.LocalCluster(
                n_workers=self.executor_config.jobs or 1,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
            self.resources.callback(self.cluster.close, timeout=STOP_SECONDS)
            address = self.cluster.scheduler_address
        self.address = address
        try:
            self.client: Any = DASK.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, ImportError) as problem:
            raise ExecutorLost(f"no Dask scheduler answers at {address} ({problem})") from None
        self.resources.callback(self.client.close, timeout=STOP_SECONDS)
        self.client.subscribe_topic(self.topic, lambda event: self.events.put(("progress", event[1])))
        self.workers = self._list_workers()
        name, text = f".token-{uuid.uuid4().hex}.{os.getpid()}.part", uuid.uuid4().hex
        self.token = (name, text)
        path = self.folder / ".grid" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.resources.callback(path.unlink, missing_ok=True)

    def run(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[TaskResult]:
        """Carry out tasks, one per worker at a time. Raises ``ExecutorLost`` where the scheduler is gone."""
        waiting = deque(tasks)
        while waiting or self.in_flight:
            self._check_cluster()
            while waiting and len(self.in_flight) < (self.executor_config.jobs or max(1, len(self.workers))):
                self._start(waiting.popleft())
            try:
                kind, message = self.events.get(timeout=POLL_SECONDS)
            except Empty:
                yield from self._timed_out()
                continue
            task_result = (
                self._on_progress(message, advance) if kind == "progress" else self._on_done(message, advance)
            )
            if task_result is not None:
                yield task_result

    def stop(self) -> None:
        """Take back what is at work and leave; a cluster of our own ends."""
        closing = threading.Thread(
            target=self._close, daemon=True
        )  # a scheduler that is gone may not hold us up
        closing.start()
        closing.join(STOP_SECONDS)
        if self.cluster is not None:
            self._kill_own_workers()
        closing.join(0.3)

    def _kill_own_workers(self) -> None:
        """A worker that hangs has not left, and dask would wait for it when this process ends."""
        self.cluster.shutdown_on_close = False  # it would be closed once more at exit
        for nanny in list(self.cluster.workers.values()):
            if nanny.is_alive():
                for end in (os.killpg, os.kill):  # it has no group of its own before its first task
                    with suppress(ProcessLookupError):
                        end(nanny.pid, signal.SIGKILL)

    def _close(self) -> None:
        with suppress(Exception):
            if self.in_flight:
                self.client.cancel([flight.future for flight in self.in_flight.values()], asynchronous=False)
        with suppress(Exception):
            self.resources.close()

    # ---- tasks ----

    def _start(self, task: Task) -> None:
        key = f"ablations-{uuid.uuid4().hex}"
        envelope = {
            "task": task,
            "topic": self.topic,
            "token": self.token,
            "memory": self.executor_config.memory,
            "versions": remote.VERSIONS,
            "log": str(self.logs.resolve()) if self.executor_config.scheduler is None else None,
        }
        future = self.client.submit(remote.carry_out, json.dumps(envelope), key=key, pure=False)
        self.in_flight[key] = _InFlight(task, future)
        future.add_done_callback(lambda done: self.events.put(("ended", done.key)))

    def _on_progress(self, message: Any, advance: Callable[[int], None]) -> TaskResult | None:
        """Take note of a worker's progress. A second one that begins the same task follows a dead one."""
        key, attempt, worker, steps, log = message
        flight = self.in_flight.get(key)
        if flight is None:
            return None
        if flight.attempt not in (None, attempt):
            return self._worker_died(key, f"its worker {flight.worker} died")
        advance(steps - flight.steps)
        flight.attempt, flight.worker, flight.steps, flight.log = attempt, worker, steps, log
        flight.last_progress = time.monotonic()
        return None

    def _on_done(self, key: str, advance: Callable[[int], None]) -> TaskResult | None:
        flight = self.in_flight.get(key)
        if flight is None:
            return None
        status = flight.future.status
        if status == "error":
            problem = flight.future.exception(timeout=FETCH_SECONDS)
            if isinstance(problem, DASK.KilledWorker):
                return self._worker_died(key, f"its workers died, {flight.worker or 'one after the other'}")
            if isinstance(problem, ImportError):
                raise ExecutorLost(f"the workers of {self.address} lack what a task needs: {problem}")
            return self._worker_died(key, f"{type(problem).__name__}: {problem}")
        if status != "finished":
            self._check_cluster(now=True)
            return self._worker_died(key, f"the scheduler at {self.address} dropped it")
        try:
            answer = flight.future.result(timeout=FETCH_SECONDS)
        except Exception as problem:
            self._check_cluster(now=True)
            return self._worker_died(key, f"its result could not be fetched: {problem!r}")
        advance(answer["steps"] - flight.steps)
        flight.steps = answer["steps"]
        return self._answered(self.in_flight.pop(key), answer)

    def _answered(self, flight: _InFlight, answer: remote.Answer) -> TaskResult:
        status, value = answer["status"], answer["value"]
        flight.future.release()
        if status == "refused":
            raise ExecutorLost(f"{self.address}: {value}")
        if status == "done":
            try:
                self._commit(answer["files"] or {})
            except store.Unwritten as problem:
                status, value = "unwritten", str(problem)
        if status == "done":
            return TaskResult(flight.task, "done", value, flight.steps)
        return TaskResult(flight.task, status, None, flight.steps, cause=value, log=self._log(flight))

    def _commit(self, files: dict[str, dict[str, bytes]]) -> None:
        """Store what a worker sent back."""
        for path, contents in files.items():
            manifest = contents.pop(store.MANIFEST)
            store.commit(self.folder / path, contents, manifest)

    def _worker_died(self, key: str, cause: str) -> TaskResult:
        flight = self.in_flight.pop(key)
        with suppress(Exception):
            flight.future.cancel()
        return TaskResult(flight.task, "died", None, flight.steps, cause=cause, log=self._log(flight))

    def _timed_out(self) -> Iterator[TaskResult]:
        """Tasks without progress for too long; what hangs there can only be ended as a whole."""
        timeout = self.executor_config.timeout
        if timeout is None:
            return
        for key, flight in list(self.in_flight.items()):
            if flight.attempt and time.monotonic() - flight.last_progress >= timeout:
                del self.in_flight[key]
                with suppress(Exception):
                    flight.future.cancel()
                self._kill_worker(flight.worker)
                cause = f"no progress for {timeout:g} seconds"
                yield TaskResult(
                    flight.task, "timeout", None, flight.steps, cause=cause, log=self._log(flight)
                )

    def _kill_worker(self, worker: str | None) -> None:
        """End a worker's process, for nothing less ends what hangs in it; a nanny starts another one."""

        def ask() -> None:
            with suppress(Exception):  # it can't answer any more
                self.client.run(remote.exit_worker, workers=[worker])

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(EXIT_SECONDS)

    def _log(self, flight: _InFlight) -> str:
        return read_log(self.logs / flight.log) if flight.log else ""

    # ---- the cluster ----

    def _check_cluster(self, now: bool = False) -> None:
        """Raise ``ExecutorLost`` where the scheduler is gone, or where nobody has come to work for a long time."""
        if self.client.status != "running":
            raise ExecutorLost(f"the Dask scheduler at {self.address} is gone")
        if not now and time.monotonic() - self.polled < POLL_WORKERS_SECONDS:
            return
        self.workers = self._list_workers()
        self.polled = time.monotonic()
        if self.workers:
            self.last_worker_seen = self.polled
        elif self.polled - self.last_worker_seen >= MAX_WORKERLESS_SECONDS:
            raise ExecutorLost(
                f"no worker has been with the Dask scheduler at {self.address} for {MAX_WORKERLESS_SECONDS:g} s"
            )

    def _list_workers(self) -> dict[str, int]:
        """{address: threads} of the scheduler's workers."""
        try:
            workers: dict[str, int] = dict(
                self.client.sync(self.client.scheduler.ncores, callback_timeout=REPLY_SECONDS)
            )
        except Exception as problem:
            raise ExecutorLost(
                f"the Dask scheduler at {self.address} does not answer ({problem!r})"
            ) from None
        for address, threads in workers.items():
            if threads != 1:
                raise ExecutorLost(
                    f"the worker {address} has {threads} threads, and torch would share its own among them; "
                    "start workers with --nthreads 1 (as many as there are cores)"
                )
        return workers
