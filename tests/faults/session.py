"""The processes of a driver's session, as /proc shows them, and how one of them is struck."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
ORPHAN_SECONDS = 2.0
"""What outlives a driver has so long to be gone."""
STOP_SECONDS = 5.0
"""How long a process may take to be stopped on a machine that is busy."""


@dataclass(frozen=True)
class Member:
    """A living process of a session."""

    pid: int
    parent: int
    state: str


def members(session: int) -> list[Member]:
    """The living processes of a session, zombies left out; a driver that was started for it leads it."""
    found = (_read(int(entry)) for entry in os.listdir(PROC) if entry.isdigit())
    return sorted(
        (member for of, member in filter(None, found) if of == session and member.state != "Z"),
        key=lambda member: member.pid,
    )


def lives(pid: int, session: int) -> bool:
    """Whether a process of this session has this number, and has not ended."""
    found = _read(pid)
    return found is not None and found[0] == session and found[1].state not in "ZX"


def _read(pid: int) -> tuple[int, Member] | None:
    """A process and the session it belongs to; None where it is gone."""
    try:
        # The name stands in brackets and may hold anything; state, parent, group and session follow it.
        state, parent, _, session = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()[:4]
    except OSError:
        return None
    return int(session), Member(pid, int(parent), state)


def server_of(driver: int) -> int | None:
    """The fork server that a driver has started, if it has."""
    return _server_among(members(driver), driver)


def _server_among(living: Sequence[Member], driver: int) -> int | None:
    served = (each.pid for each in living if each.parent == driver and b"forkserver" in _command(each.pid))
    return next(served, None)


def workers_of(driver: int) -> list[int]:
    """The workers that a driver's fork server has started."""
    living = members(driver)
    server = _server_among(living, driver)
    return [] if server is None else [member.pid for member in living if member.parent == server]


def _command(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def strike(pid: int, session: int) -> tuple[str, ...] | None:
    """Kill -9 a process that lives; the files it had open for writing. None: it was gone already, nothing was struck.

    It is stopped first and seen to stand still: what is killed then has not ended by itself.
    """
    if not lives(pid, session):
        return None
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        if _stands_still(pid):
            writing = tuple(sorted(filter(lambda name: name.endswith(".part"), _open_files(pid))))
            os.kill(pid, signal.SIGKILL)
            return writing
    return None


def _stands_still(pid: int) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        found = _read(pid)
        if found is None or found[1].state in "ZX":
            return False
        if found[1].state == "T":
            return True
        time.sleep(0.0005)
    return False


def _open_files(pid: int) -> list[str]:
    names = []
    with suppress(OSError):
        for entry in os.listdir(PROC / str(pid) / "fd"):
            with suppress(OSError):
                names.append(os.readlink(PROC / str(pid) / "fd" / entry))
    return names


def promised(seconds: float) -> float:
    """A promised time, as many times longer as the machine has more at work than it has processors."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def assert_none_left(driver: int) -> float:
    """All of an ended driver's session is gone within two seconds; how long that took."""
    limit = promised(ORPHAN_SECONDS)
    took = seconds_until(lambda: not members(driver), limit)
    left = [_command(member.pid) for member in members(driver)]
    assert not left, f"alive {limit:.1f} s after their driver: {left}"
    return took


def seconds_until(holds: Callable[[], bool], limit: float) -> float:
    """How long it took until something held; ``limit`` and more where it did not hold by then."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started >= limit:
            break
        time.sleep(0.01)
    return time.monotonic() - started
