"""``run``: runs what is missing, with progress; says at the end what stands and where it lies."""

from __future__ import annotations

from argparse import Namespace

from ablations.cli import options
from ablations.cli.console import collect_problems, kept, reason_of, say, warn
from ablations.cli.options import Request
from ablations.cli.signals import TERMINATED, Terminated, ending_quickly
from ablations.errors import BadInput, Problem
from ablations.runner import executors, grid, lock, retry
from ablations.runner.progress import on_stderr
from ablations.runner.progress_file import ProgressFile
from ablations.store import Unwritten

ALL_STAND, SOME_DO_NOT, HELD, INTERRUPTED = 0, 1, 3, 130
KEPT = "what is finished is kept"


def main(arguments: Namespace) -> int:
    """Run, and give the exit code of the contract."""
    try:
        with ending_quickly():
            return _run(collect_problems(arguments.problems, lambda: options.from_arguments(arguments)))
    except KeyboardInterrupt:
        warn(f"interrupted: {KEPT}; the same command runs the rest")
        return INTERRUPTED
    except Terminated:
        warn(f"terminated: {KEPT}; the same command runs the rest")
        return TERMINATED


def _run(wanted: Request) -> int:
    options.refuse_unwritable(wanted.folder)
    try:
        outcome = grid.run(
            wanted.study,
            wanted.folder,
            executor_config=wanted.executor_config,
            chosen=wanted.chosen,
            progress=ProgressFile(on_stderr(), wanted.folder),
            strict=wanted.strict,
        )
    except lock.Held as held:
        warn(f"{wanted.folder}: the study is held by {held}; nothing was changed")
        return HELD
    except grid.CodeChanged as changed:
        message = (
            f"{wanted.folder}: {changed}; without --strict, `run` adds to them, and `status` tells of it"
        )
        raise BadInput([Problem("command line", "--strict", message)]) from None
    except (retry.NotWritten, OSError) as problem:
        told = str(problem)
        if isinstance(problem, OSError) and not isinstance(problem, Unwritten):
            told = f"{problem.filename}: {problem.strerror}" if problem.filename else told
        warn(f"{told}: results could not be stored; {KEPT}; once they can be, the same command runs the rest")
        return SOME_DO_NOT
    except executors.SubmittedByHand as problem:
        warn(f"{problem}; once it has ended, the same command runs what is missing still")
        return SOME_DO_NOT
    except executors.ExecutorLost as problem:
        warn(f"{problem}; {KEPT}; the same command runs the rest")
        return SOME_DO_NOT
    for line in report(wanted, outcome):
        say(line)
    return ALL_STAND if outcome.stand == outcome.asked else SOME_DO_NOT


def report(wanted: Request, outcome: grid.Outcome) -> list[str]:
    """What stands, what diverged, what failed and why, and where the results lie."""
    states = outcome.states
    diverged = sum(standing.state == "diverged" for standing in states.values())
    lines = [
        f"{outcome.stand} of {outcome.asked} runs stand ({outcome.new} trained now"
        + (f"; {diverged} diverged and count as results)" if diverged else ")")
    ]
    for path, standing in states.items():
        if not standing.is_valid:
            lines.append(f"  {standing.state}: {path}{reason_of(standing)}")
    if outcome.stand < outcome.asked:
        lines.append("what does not stand is tried again by the next run")
    others = grid.unlisted({run.path for run in wanted.study.runs()}, wanted.folder)
    if others:
        lines.append(kept(others))
    lines.append(f"results: {wanted.folder}")
    lines.append(f"figures: python -m analysis figures {wanted.folder}")
    return lines
