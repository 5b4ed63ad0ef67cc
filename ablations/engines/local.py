"""The local engine: one supervised process per task, a few at a time.

joblib's threads each supervise one process that a fork server starts, with torch already imported there. That gives
an exact exit code per process: one dead worker costs its own task and no other.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from joblib import Parallel, delayed

from ablations.engines import Ended, Means

PRELOAD = ["ablations.engines.worker"]
POLL_SECONDS = 0.1
STOP_SECONDS = 3.0


def engine(means: Means, folder: Path) -> LocalEngine:
    """The engine that ``--engine local`` asks for."""
    return LocalEngine(means, folder / ".grid" / "logs")


class LocalEngine:
    """Runs tasks on this machine, ``means.jobs`` at a time."""

    def __init__(self, means: Means, logs: Path) -> None:
        self.means = means
        self.logs = logs
        self.stopping = threading.Event()
        self.feeder: threading.Thread | None = None
        self.start_lock = threading.Lock()
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(PRELOAD)

    def run(self, tasks: Sequence[dict[str, Any]], advance: Callable[[int], None]) -> Iterator[Ended]:
        """Carry out tasks in their order of starting; yields each as it ends.

        ``advance`` is called from supervising threads with lane-steps as they are done.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        results: SimpleQueue[Ended | BaseException | None] = SimpleQueue()
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
        tasks: Sequence[dict[str, Any]],
        advance: Callable[[int], None],
        results: SimpleQueue[Ended | BaseException | None],
    ) -> None:
        """Supervise all tasks, in a thread of its own: Ctrl-C must not meet joblib's own clean-up, which waits."""
        try:
            pool = Parallel(
                n_jobs=self.means.jobs,
                backend="threading",
                return_as="generator_unordered",
                pre_dispatch="n_jobs",
            )
            for ended in pool(delayed(self._supervise)(i, task, advance) for i, task in enumerate(tasks)):
                results.put(ended)
        except BaseException as problem:
            results.put(problem)

    def stop(self) -> None:
        """End all processes and start no more; waits a little for them to be gone."""
        self.stopping.set()
        if self.feeder is not None:
            self.feeder.join(STOP_SECONDS)

    def _supervise(self, number: int, task: dict[str, Any], advance: Callable[[int], None]) -> Ended | None:
        """Start a process for one task and stay with it to its end. None if the engine was stopped."""
        if self.stopping.is_set():
            return None
        log = self.logs / f"task-{number:04d}.log"
        receiver, sender = self.context.Pipe(duplex=False)
        from ablations.engines.worker import main

        process = self.context.Process(target=main, args=(json.dumps(task), sender, str(log)), daemon=True)
        with self.start_lock, _hidden_main():
            process.start()
        sender.close()
        done, result, steps = False, None, 0
        try:
            while True:
                if self.stopping.is_set():
                    _end(process)
                    return None
                if not receiver.poll(POLL_SECONDS):
                    continue
                kind, value = receiver.recv()
                if kind == "done":
                    done, result = True, value
                else:
                    steps += value
                    advance(value)
        except (EOFError, OSError):
            pass  # the process closed its end: it is done, or dead
        process.join()
        receiver.close()
        code = process.exitcode or 0
        return Ended(
            task,
            "done" if done else "died",
            result,
            steps,
            exit_code=code if code >= 0 else None,
            signal=signal.Signals(-code).name if code < 0 else "",
            log=_take_log(log),
        )


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(1.0)
    if process.is_alive():
        process.kill()
        process.join()


def _take_log(log: Path) -> str:
    """The end of a log; an empty log is removed."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    if not text:
        log.unlink(missing_ok=True)
    return text[-2000:]


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Keep multiprocessing from running the caller's script again in each worker (``ablations.run`` in a script)."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
