"""``where``: the folder of a study's results."""

from __future__ import annotations

from argparse import Namespace

from ablations.cli import options
from ablations.cli.console import collect_problems, say


def main(arguments: Namespace) -> int:
    """Print the folder, whether or not it exists yet."""
    _, folder = collect_problems(
        arguments.problems, lambda: options.locate(arguments.study, arguments.results or "results")
    )
    say(str(folder))
    return 0
