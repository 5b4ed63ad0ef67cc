"""What of the machine this process may use: cores and memory, of which containers and shells may grant a part."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path, PurePosixPath


def too_little_memory(need: int, problem: BaseException | None = None) -> str | None:
    """A sentence where the shell limits the address space below ``need`` bytes, or at all once a ``problem`` arose.

    Libraries that don't get the memory they load into end in any error, hang, or abort the process.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY or (problem is None and limit >= need):
        return None
    why = f"; {str(problem) or type(problem).__name__}" if problem is not None else ""
    return f"the address space is limited to {limit // 2**20:,} MB, and at least {need // 2**20:,} MB are needed{why}"


def usable_cores(root: Path = Path("/")) -> int:
    """How many cores this process may use: those it may run on, or as many as a container's quota is worth.

    ``root`` is where /proc and /sys lie.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    quotas = _granted(root, "cpu", ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
    worth = [pair[0] / pair[1] for pair in quotas if len(pair) == 2 and min(pair) > 0]
    return max(1, min([cores, *map(ceil, worth)]))


def usable_memory(root: Path = Path("/")) -> int:
    """The bytes of this machine's memory, or of the container's that this process is in."""
    granted = _granted(root, "memory", ("memory.max",), ("memory.limit_in_bytes",))
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(int(limits[0]) for limits in granted if limits)])


def _granted(
    root: Path, controller: str, names: tuple[str, ...], old_names: tuple[str, ...]
) -> Iterator[list[float]]:
    """What control groups grant, this process's own and those above it: the numbers of each that has them.

    Version 2 has one tree, version 1 (``old_names``) one per controller. In a container a tree may begin at the
    container's own group.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for tree in (controllers, controller) if controllers else ("", "unified"):
            below = PurePosixPath(group.lstrip("/"))
            for place in (below, *below.parents):
                with suppress(OSError, ValueError):  # no such group, or "max": no limit
                    folder = root / "sys/fs/cgroup" / tree / place
                    texts = [(folder / name).read_text() for name in (old_names if controllers else names)]
                    yield [float(text) for text in " ".join(texts).split()]
