"""Faults from inside of a process: a ``sitecustomize`` beside the study, imported before anything of ours.

The command line is called from the study's folder with that folder in PYTHONPATH, and so are the processes it starts.
"""

from __future__ import annotations

from pathlib import Path

# Of each process the first DISK_LEFT files reach the disk, further ones find it full.
FULL_DISK = """
import errno, os

left, sync = int(os.environ.get("DISK_LEFT", 10**9)), os.fsync

def fsync(handle):
    global left
    left -= 1
    if left < 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    sync(handle)

os.fsync = fsync
"""

# CLOCK_AFTER seconds after a process was started, its clock is set back by CLOCK_BACK seconds. Compiled modules hold on
# to the class datetime, so that one can't be exchanged: it keeps to the true time, and the two disagree.
CLOCK = """
import os, time

back, after = float(os.environ.get("CLOCK_BACK", 0)), float(os.environ.get("CLOCK_AFTER", 0))
started, true = time.monotonic(), time.time
time.time = lambda: true() - (back if time.monotonic() - started >= after else 0)
time.time_ns = lambda: int(time.time() * 1e9)
"""


def inject(folder: Path, fault: str) -> None:
    """Have every process that is started for the study in ``folder`` suffer this, as the environment says."""
    (folder / "sitecustomize.py").write_text(fault, encoding="utf-8")
