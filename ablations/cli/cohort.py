"""``cohort``: one task of a Slurm array. Not for people: ``run --executor slurm`` writes the file that it takes."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from ablations.cli.console import say, warn
from ablations.cli.options import WHERE, whole_option
from ablations.errors import BadInput, Problem

DONE, NOT_DONE = 0, 1


def main(arguments: Namespace) -> int:
    """Carry out the task; results go where the file says."""
    tasks, index = _read(arguments)
    from ablations.runner.executors.slurm import carry_out

    status, cause = carry_out(tasks, index)
    if status != "done":
        warn(f"{tasks}: task {index}: {cause}")
        return NOT_DONE
    say(f"{tasks}: task {index}: done")
    return DONE


def _read(arguments: Namespace) -> tuple[Path, int]:
    problems = list(arguments.problems)
    count = None
    try:
        count = len(json.loads(Path(arguments.file).read_bytes()))
    except (OSError, ValueError, TypeError) as problem:
        problems.append(Problem(arguments.file or WHERE, "FILE", f"holds no tasks ({problem})"))
    if arguments.index is None:
        problems.append(Problem(WHERE, "--index", "missing: which of the file's tasks, from 0"))
    index = whole_option(arguments, "index", problems, 0, None if count is None else count - 1)
    if problems or index is None:
        raise BadInput(problems)
    return Path(arguments.file).resolve(), index
