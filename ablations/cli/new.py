"""``new``: a commented study to start from."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path
from string import Template

from ablations.cli.console import say
from ablations.errors import BadInput, Problem
from ablations.studies import catalog
from ablations.studies.pieces import NAME

TEMPLATE = Path(__file__).with_suffix(".toml")
"""The study, with a place for its name and one for its file's."""


def main(arguments: Namespace) -> int:
    """Write the study, unless something is already there."""
    problems = list(arguments.problems)
    path = Path(arguments.file)
    if not arguments.file:
        problems.append(Problem("command line", "FILE", "missing: the file to write"))
    elif os.path.lexists(path):
        problems.append(Problem(arguments.file, "FILE", "exists already and is left as it is"))
    elif not path.parent.is_dir():
        problems.append(Problem(arguments.file, "FILE", f"there is no folder '{path.parent}'"))
    if problems:
        raise BadInput(problems)
    argument = (
        arguments.file if path.suffix == ".toml" or os.sep in arguments.file else f".{os.sep}{arguments.file}"
    )
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(
                Template(TEMPLATE.read_text("utf-8")).substitute(name=study_name(path.stem), file=argument)
            )
    except OSError as error:
        raise BadInput([Problem(arguments.file, "FILE", f"cannot be written: {error.strerror}")]) from None
    say(f"wrote {arguments.file}; next: python -m ablations plan {argument}")
    return 0


def study_name(stem: str) -> str:
    """A valid name that is like a file's, and not a shipped study's."""
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("._-")[:60]
    if not NAME.fullmatch(name) or name in catalog.names():
        name = f"my-{name}".rstrip("-") if name else "my-study"
    return name
