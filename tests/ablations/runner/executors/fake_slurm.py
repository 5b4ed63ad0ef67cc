"""A Slurm of one machine for tests: called as `sbatch`, `squeue`, `scancel` or `srun`, by the name it was linked to.

Arrays are carried out by a process of their own, as many tasks at a time as the script says. Its state is a folder
beside it: `<job>/<index>` is the process id of a task at work, `<job>/<index>.done` is there once it has ended.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
STATE = HERE / "state"


def sbatch(script: str) -> int:
    text = Path(script).read_text()
    found = re.search(r"^#SBATCH --array=0-(\d+)(?:%(\d+))?$", text, re.MULTILINE)
    output = re.search(r"^#SBATCH --output='?([^'\n]*)'?$", text, re.MULTILINE)
    if found is None or output is None or not text.startswith("#!/bin/bash\n"):
        print("sbatch: error: this is no batch script", file=sys.stderr)
        return 1
    if (HERE / "refuses").exists():
        print("sbatch: error: Batch job submission failed: Invalid account", file=sys.stderr)
        return 1
    job = STATE / str(4700 + len(list(STATE.glob("*"))))
    job.mkdir(parents=True)
    (job / "count").write_text(str(int(found[1]) + 1))
    print(f"Submitted batch job {job.name}", flush=True)
    if os.fork() == 0:
        os.setsid()
        for number in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        (job / "controller").write_text(str(os.getpid()))
        control(job, script, output[1], int(found[1]) + 1, int(found[2] or 100))
        os._exit(0)
    return 0


def control(job: Path, script: str, output: str, count: int, most: int) -> None:
    copy = job / "script"
    copy.write_bytes(Path(script).read_bytes())
    waiting = list(range(count))
    at_work: dict[int, subprocess.Popen[bytes]] = {}
    while waiting or at_work:
        while waiting and len(at_work) < most:
            index = waiting.pop(0)
            if (job / f"{index}.done").exists():
                continue
            with open(output.replace("%a", str(index)), "wb") as log:
                at_work[index] = subprocess.Popen(
                    ["bash", str(copy)],
                    env=os.environ | {"SLURM_ARRAY_TASK_ID": str(index)},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            (job / str(index)).write_text(str(at_work[index].pid))
        for index, process in list(at_work.items()):
            if process.poll() is not None:
                (job / f"{index}.done").touch()
                del at_work[index]
        time.sleep(0.05)


def squeue(*words: str) -> int:
    (name,) = (word.partition("=")[2] for word in words if word.startswith("--jobs="))
    job = STATE / name
    if not job.is_dir():
        print("slurm_load_jobs error: Invalid job id specified", file=sys.stderr)
        return 1
    for index in range(int((job / "count").read_text())):
        if not (job / f"{index}.done").exists():
            print(index)
    return 0


def scancel(name: str) -> int:
    number, _, index = name.partition("_")
    job = STATE / number
    (job / "cancelled").touch()
    for each in [index] if index else map(str, range(int((job / "count").read_text()))):
        (job / f"{each}.done").touch()
        if (job / each).exists():
            with suppress(ProcessLookupError):
                os.killpg(int((job / each).read_text()), signal.SIGKILL)
    return 0


if __name__ == "__main__":
    called = Path(sys.argv[0]).name
    commands: dict[str, Callable[..., int]] = {"sbatch": sbatch, "squeue": squeue, "scancel": scancel}
    sys.exit(commands[called](*sys.argv[1:]))
