"""The live side of a study that is being run: who runs it and how far it is, for other terminals.

All of it lies below ``.grid``, beside the results, and is never read as one.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations import store
from ablations.runner.grid import Progress

FILE = "progress.json"
WRITE_SECONDS = 1.0
SILENT_SECONDS = 120.0
"""A runner of another machine that has said nothing for so long is taken for gone."""


class ProgressFile:
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
    """The runner that holds a study now, and how far it says it is."""

    pid: int
    host: str
    since: str
    total: int = 0  # lane-steps that it has to do
    done: int = 0
    started: float = 0.0
    at: float = 0.0  # when it said so

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since}"


def runner(folder: Path) -> Runner | None:
    """Who runs a study, by its own words; None where nobody does, or where it was killed."""
    holder, told = (_read(folder / ".grid" / name) for name in ("holder.json", FILE))
    try:
        found = Runner(int(holder["pid"]), str(holder["host"]), str(holder["since"]))
    except (KeyError, TypeError, ValueError):
        return None
    with suppress(KeyError, TypeError, ValueError):  # it may not have begun to train
        found = replace(
            found,
            total=int(told["total"]),
            done=int(told["done"]),
            started=float(told["started"]),
            at=float(told["at"]),
        )
    return found if _lives(found, folder) else None


def _lives(found: Runner, folder: Path) -> bool:
    if found.host == socket.gethostname():
        with suppress(PermissionError):  # somebody else's, so it is there
            try:
                os.kill(found.pid, 0)
            except ProcessLookupError:
                return False
        return not _is_zombie(found.pid)
    with suppress(OSError):
        heard = max(found.at, (folder / ".grid" / "holder.json").stat().st_mtime)
        return time.time() - heard < SILENT_SECONDS
    return False


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and only its parent has not asked how; unknown without /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return False


def _read(path: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
