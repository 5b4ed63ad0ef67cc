"""``where``: the folder of a study's results."""

from __future__ import annotations

from argparse import Namespace

from ablations.cli import compose
from ablations.cli.console import say


def main(arguments: Namespace) -> int:
    """Print the folder; it need not exist yet."""
    _, folder = compose.locate(arguments.study, arguments.results, arguments.problems)
    say(str(folder))
    return 0
