"""The progress of a study that is being run, as a file: who runs it and how far it is.

All of it lies below ``.grid``, beside the results, and is never read as one.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ablations import store
from ablations.runner.progress import Progress

FILE = "progress.json"
WRITE_SECONDS = 1.0
SILENT_SECONDS = 120.0
"""A runner of another machine that has said nothing for so long is taken for gone."""


class ProgressFile(Progress):
    """A progress that also writes how far it is into the study's folder."""

    def __init__(self, inner: Progress, folder: Path) -> None:
        self.inner, self.path = inner, folder / ".grid" / FILE
        self.lock = threading.Lock()
        self.total = self.done = 0
        self.started = 0.0
        self.due = 0.0  # by a clock that nobody sets

    def start(self, total_steps: int, text: str) -> None:
        with self.lock:
            self.total, self.done, self.started, self.due = total_steps, 0, time.time(), 0.0
        self.inner.start(total_steps, text)
        self._write()

    def advance(self, steps: int) -> None:
        with self.lock:
            self.done += steps
        self.inner.advance(steps)
        self._write()

    def note(self, text: str) -> None:
        self.inner.note(text)

    def finish(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        self.inner.finish()

    def _write(self) -> None:
        """Now and then; whoever calls meanwhile goes on."""
        with self.lock:
            now = time.monotonic()
            if now < self.due:
                return
            self.due = now + WRITE_SECONDS
            facts = {"total": self.total, "done": self.done, "started": self.started, "at": time.time()}
        with suppress(OSError):  # it is for looking only
            store.write_atomic(self.path, json.dumps(facts).encode("ascii"))


@dataclass(frozen=True)
class Runner:
    """The runner that holds a study now, and its own record of how far it is."""

    pid: int
    host: str
    since: str
    total: int = 0  # lane-steps that it has to do
    done: int = 0
    started: float = 0.0
    at: float = 0.0  # when it wrote so

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since}"


def runner(folder: Path) -> Runner | None:
    """The runner of a study, by its own record; None where there is none, or where it was killed."""
    holder, progress = (store.json_or_empty(folder / ".grid" / name) for name in ("holder.json", FILE))
    try:
        live = Runner(int(holder["pid"]), str(holder["host"]), str(holder["since"]))
    except (KeyError, TypeError, ValueError):
        return None
    with suppress(KeyError, TypeError, ValueError):  # it may not have begun to train
        live = replace(
            live,
            total=int(progress["total"]),
            done=int(progress["done"]),
            started=float(progress["started"]),
            at=float(progress["at"]),
        )
    return live if _is_alive(live, folder) else None


def _is_alive(live: Runner, folder: Path) -> bool:
    if live.host == socket.gethostname():
        with suppress(PermissionError):  # somebody else's, so it is there
            try:
                os.kill(live.pid, 0)
            except ProcessLookupError:
                return False
        return not _is_zombie(live.pid)
    with suppress(OSError):
        last_sign = max(live.at, (folder / ".grid" / "holder.json").stat().st_mtime)
        return time.time() - last_sign < SILENT_SECONDS
    return False


def _is_zombie(pid: int) -> bool:
    """True where a process has ended and only its parent has not waited for it; unknown without /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return False
