"""``run``: runs what is missing, with progress; says at the end what is valid and where it lies."""

from __future__ import annotations

from argparse import Namespace

from ablations.cli import compose, options
from ablations.cli.compose import Request
from ablations.cli.console import reason_of, say, unlisted_text, warn
from ablations.cli.signals import TERMINATED, Terminated, ending_quickly
from ablations.errors import BadInput, Problem
from ablations.runner import executors, grid, lock, looks, statuses
from ablations.store import Unwritten

ALL_VALID, SOME_INVALID, HELD, INTERRUPTED = 0, 1, 3, 130
KEPT = "what is finished is kept"


def main(arguments: Namespace) -> int:
    """Run, and give the exit code of the contract."""
    try:
        with ending_quickly():
            return _run(compose.resolve(*options.from_arguments(arguments)))
    except KeyboardInterrupt:
        warn(f"interrupted: {KEPT}; the same command runs the rest")
        return INTERRUPTED
    except Terminated:
        warn(f"terminated: {KEPT}; the same command runs the rest")
        return TERMINATED


def _run(request: Request) -> int:
    try:
        outcome = compose.run_study(request)
    except lock.Held as held:
        warn(f"{request.folder}: the study is held by {held}; nothing was changed")
        return HELD
    except grid.CodeChanged as changed:
        message = f"{request.folder}: {changed}; without --strict, `run` adds to them, and `status` says so"
        raise BadInput([Problem(options.WHERE, "--strict", message)]) from None
    except OSError as problem:
        plain = problem.filename and not isinstance(problem, Unwritten)
        reason = f"{problem.filename}: {problem.strerror}" if plain else str(problem)
        warn(
            f"{reason}: results could not be stored; {KEPT}; once they can be, the same command runs the rest"
        )
        return SOME_INVALID
    except executors.SubmittedByHand as problem:
        warn(f"{problem}; once it has ended, the same command runs what is missing still")
        return SOME_INVALID
    except executors.ExecutorLost as problem:
        warn(f"{problem}; {KEPT}; the same command runs the rest")
        return SOME_INVALID
    for line in report(request, outcome):
        say(line)
    return ALL_VALID if outcome.valid == outcome.chosen else SOME_INVALID


def report(request: Request, outcome: grid.Outcome) -> list[str]:
    """Lines on what is valid, what diverged, what failed and why, and where the results lie."""
    diverged = sum(status.state == "diverged" for status in outcome.statuses.values())
    lines = [
        f"{outcome.valid} of {outcome.chosen} runs are valid ({outcome.new} trained now"
        + (f"; {diverged} diverged and count as results)" if diverged else ")")
    ]
    for path, status in outcome.statuses.items():
        if not status.is_valid:
            lines.append(f"  {status.state}: {path}{reason_of(status)}")
    if outcome.valid < outcome.chosen:
        lines.append("what is not valid is tried again by the next run")
    study = looks.at_stored(request.study, request.folder)
    others = statuses.unlisted({run.path for run in study.runs()}, request.folder)
    if others:
        lines.append(unlisted_text(others))
    lines += looks.waiting(study, outcome.statuses, request.folder)
    lines += looks.state_lines(study, request.folder)
    lines.append(f"results: {request.folder}")
    lines.append(f"figures: python -m analysis figures {request.folder}")
    return lines
