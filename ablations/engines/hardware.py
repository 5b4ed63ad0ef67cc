"""Hardware that cohorts are placed on: how many runs an engine trains together, where, and by which instructions.

Asked by those who cut, record and describe cohorts, so that none of them names an engine. Imports no torch by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath

from ablations.engines import cuda

ON_DEVICE = ("cuda",)
"""Engines whose cohorts live on the machine's one device, environments and recorders too."""
MOST_LANES = 64
"""How many runs train together at most on a processor."""


def on_device(engine: str) -> bool:
    """True where one cohort has the machine's device for itself."""
    return engine in ON_DEVICE


def most_lanes(engine: str) -> int:
    """How many runs of a row train together at most."""
    return cuda.MOST_LANES if on_device(engine) else MOST_LANES


def usable_cores(root: Path = Path("/")) -> int:
    """How many cores this process may use: those it may run on, or as many as a container's quota is worth.

    ``root`` is where /proc and /sys lie.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    return max(1, min([cores, *map(ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Cores that control groups grant, this process's own and those above it: quota / period of each that has one.

    Version 2 has one tree, version 1 one per controller. In a container a tree may begin at the container's own group.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = ("cpu.max",) if not controllers else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        for tree in (controllers, "cpu") if controllers else ("", "unified"):
            below = PurePosixPath(group.lstrip("/"))
            for place in (below, *below.parents):
                try:
                    texts = [(root / "sys/fs/cgroup" / tree / place / name).read_text() for name in names]
                    quota, period = map(float, " ".join(texts).split())
                except (OSError, ValueError):  # no such group, or "max": no quota
                    continue
                if quota > 0 and period > 0:
                    yield quota / period


def instruction_set(engine: str) -> str:
    """The instructions that the arithmetic of an engine, or of a path, uses here, in words."""
    if on_device(engine):
        from ablations.engines.cuda import ops

        return ops.instruction_set()
    if engine.startswith("native"):
        from ablations.engines.native import library

        return library.instruction_set()
    import torch

    return torch.backends.cpu.get_cpu_capability()
