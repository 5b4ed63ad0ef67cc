"""One runner at a time: the lock of a study's results."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ablations import store

HOLDER_SECONDS = 0.5
"""How long a runner may take to write who it is, once it has the lock."""


class Held(Exception):
    """Another runner holds the study; the text says who and since when."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the study for this process. The operating system frees the lock of a killed runner. Raises ``Held``."""
    grid = folder / ".grid"
    grid.mkdir(parents=True, exist_ok=True)
    lock = FileLock(grid / "lock", timeout=0)
    holder = grid / "holder.json"
    try:
        lock.acquire()
    except Timeout:
        raise Held(_holder(holder)) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        store.write_atomic(holder, json.dumps(facts).encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    """The holder of the lock by its own record, which it may be about to write."""
    until = time.monotonic() + HOLDER_SECONDS
    while True:
        facts = store.json_or_empty(path)
        if facts.keys() >= {"pid", "host", "since"}:
            return f"pid {facts['pid']} on {facts['host']} since {facts['since']}"
        if time.monotonic() >= until:
            return "another runner"
        time.sleep(HOLDER_SECONDS / 10)
