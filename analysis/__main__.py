"""``python -m analysis figures|tables|report DIR``: what the stored runs of ``results/<study>`` show.

Exit code: 0 drawn (or up to date), 1 nothing to draw, 2 DIR is no results folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ablations import store
from analysis import stamp
from analysis.results import BadFolder, Results, read, read_study, standing_text, strangers


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    asked = _parser().parse_args(arguments)
    try:
        made: int = asked.make(Path(asked.folder), asked.force)
    except BadFolder as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except OSError as problem:
        print(f"error: {problem.filename or asked.folder}: {problem.strerror or problem}", file=sys.stderr)
        return 2
    say.flush()
    return made


def figures(folder: Path, force: bool) -> int:
    """Draw every figure, unless nothing changed."""
    out, inputs = folder / "figures", _inputs(folder)
    if not force and stamp.is_current(out, inputs):
        say(f"figures: up to date ({out})")
        return 0
    results = read(folder)
    _say_what_stands(results)
    if not _anything(results):
        return 1
    from analysis.figures import draw  # matplotlib only where something is drawn

    files: dict[str, bytes] = {}
    for name, found in draw(results):
        files |= found
        say(f"figures: {name} ({', '.join(sorted(part.rpartition('.')[2] for part in found))})")
    stamp.write(out, inputs, files)
    say(f"figures: {len(files)} files in {out}")
    return 0


def tables(folder: Path, force: bool) -> int:
    """Write the summary table in three formats, unless nothing changed."""
    out, inputs = folder / "tables", _inputs(folder)
    if not force and stamp.is_current(out, inputs):
        say(f"tables: up to date ({out})")
        return 0
    results = read(folder)
    _say_what_stands(results)
    if not _anything(results):
        return 1
    from analysis.tables import render

    files = render(results)
    stamp.write(out, inputs, files)
    say(f"tables: {', '.join(sorted(files))} in {out}")
    return 0


def report(folder: Path, force: bool) -> int:
    """Write the self-contained report.html, drawing the figures first where they are not up to date."""
    out, inputs = folder / "report.html", _inputs(folder)
    drawn = figures(folder, force)
    if drawn:
        return drawn
    from analysis.report import made_from, render

    inputs = stamp.sha256(inputs.encode("ascii") + (folder / "figures" / stamp.STAMP).read_bytes())
    if not force and made_from(out) == inputs:
        say(f"report: up to date ({out})")
        return 0
    store.write_atomic(out, render(read(folder), inputs))
    say(f"report: {out}")
    return 0


class Say:
    """Print to standard output; when its reader has gone (``| head``), go on working in silence."""

    def __call__(self, text: str) -> None:
        self._quietly(lambda: print(text, flush=True))

    def flush(self) -> None:
        """Write out what is left, so that the interpreter has nothing to complain of at its end."""
        self._quietly(sys.stdout.flush)

    def _quietly(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


say = Say()


def _inputs(folder: Path) -> str:
    study = read_study(folder)
    return stamp.of_inputs(folder, study, strangers(folder, study))


def _anything(results: Results) -> bool:
    """Whether any run stands; otherwise say so."""
    if any(run.stands for run in results.runs):
        return True
    print(f"nothing to draw: {results.standing_text()} of {results.study['name']} stand", file=sys.stderr)
    return False


def _say_what_stands(results: Results) -> None:
    """Name what is missing, failed, diverged, damaged or not listed, before anything is made of the rest."""
    name = results.study["name"]
    for environment in results.environments:
        env_id = environment["env_id"]
        runs = [run for run in results.runs if run.env_id == env_id]
        nothing = "" if any(run.stands for run in runs) else "; nothing to draw"
        say(f"{name}, {env_id}: {standing_text(runs)}{nothing}")
    for run in results.runs:
        if run.state == "damaged":
            say(f"damaged, left out: {run.path} ({run.reason})")
    if results.strangers:
        count = len(results.strangers)
        say(f"not listed in study.json, left out: {count} run{'s' if count > 1 else ''}")
        for path in results.strangers[:10]:
            say(f"  {path}")
        if len(results.strangers) > 10:
            say(f"  and {len(results.strangers) - 10} more")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for make in (figures, tables, report):
        one = commands.add_parser(make.__name__, help=(make.__doc__ or "").rstrip("."))
        one.add_argument("folder", metavar="DIR", help="results/<study>")
        one.add_argument(
            "--force", action="store_true", help="make everything again, even if nothing changed"
        )
        one.set_defaults(make=make)
    return parser


if __name__ == "__main__":
    sys.exit(main())
