"""``run``: runs what is missing, with progress; says at the end what stands and where it lies."""

from __future__ import annotations

import signal
from argparse import Namespace
from types import FrameType

from ablations import asked, grid
from ablations.asked import Asked
from ablations.cli.speech import reason_of, say, together, warn
from ablations.progress import on_stderr

ALL_STAND, SOME_DO_NOT, HELD, INTERRUPTED, TERMINATED = 0, 1, 3, 130, 143


class _Terminated(BaseException):
    """SIGTERM, raised so that workers are ended and what is finished is kept."""


def main(arguments: Namespace) -> int:
    """Run, and give the exit code of the contract."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    again = "what is finished is kept; the same command runs the rest"
    try:
        return _run(together(arguments.problems, lambda: asked.from_arguments(arguments)))
    except KeyboardInterrupt:
        warn(f"interrupted: {again}")
        return INTERRUPTED
    except _Terminated:
        warn(f"terminated: {again}")
        return TERMINATED
    finally:
        signal.signal(signal.SIGTERM, previous)


def _run(wanted: Asked) -> int:
    try:
        outcome = grid.run(
            wanted.study, wanted.folder, means=wanted.means, chosen=wanted.chosen, progress=on_stderr()
        )
    except grid.Held as held:
        warn(f"{wanted.folder}: the study is held by {held}; nothing was changed")
        return HELD
    for line in report(wanted, outcome):
        say(line)
    return ALL_STAND if outcome.stand == outcome.asked else SOME_DO_NOT


def report(wanted: Asked, outcome: grid.Outcome) -> list[str]:
    """What stands, what diverged, what failed and why, and where the results lie."""
    states = outcome.states
    diverged = sum(standing.state == "diverged" for standing in states.values())
    lines = [
        f"{outcome.stand} of {outcome.asked} runs stand ({outcome.new} trained now"
        + (f"; {diverged} diverged and count as results)" if diverged else ")")
    ]
    for path, standing in states.items():
        if not standing.stands:
            lines.append(f"  {standing.state}: {path}{reason_of(standing)}")
    if outcome.stand < outcome.asked:
        lines.append("what does not stand is tried again by the next run")
    lines.append(f"results: {wanted.folder}")
    lines.append(f"figures: python -m analysis figures {wanted.folder}")
    return lines


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise _Terminated
