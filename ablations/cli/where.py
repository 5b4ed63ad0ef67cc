"""``where``: the folder of a study's results."""

from __future__ import annotations

from argparse import Namespace

from ablations import asked
from ablations.cli.speech import say, together


def main(arguments: Namespace) -> int:
    """Print the folder, whether or not it exists yet."""
    _, folder = together(
        arguments.problems, lambda: asked.locate(arguments.study, arguments.results or "results")
    )
    say(str(folder))
    return 0
