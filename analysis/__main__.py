"""``python -m analysis figures|tables|report|all|export DIR``: what the stored runs of ``results/<study>`` show.

Exit code: 0 drawn (or up to date), 1 nothing to draw or no room for it, 2 DIR is no results folder, or another mistake.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ablations import store
from analysis import fingerprint
from analysis.loading import BadFolder, Results, read, read_study, runs_text, unlisted
from analysis.spread import over_cores

if TYPE_CHECKING:
    from analysis.findings.evidence import Evidence

NEEDED = 750 * 2**20
"""Bytes of address space without which the libraries that draw can't be loaded."""
MOST_NAMED = 10
"""Of the runs that are left out for one reason, so many are named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, call, print."""
    options = _parser().parse_args(arguments)
    limited = store.too_little_memory(NEEDED)
    if limited is not None:
        print(f"error: ulimit -v: {limited}", file=sys.stderr)
        return 2
    try:
        made: int = options.make(options)
    except (ImportError, MemoryError) as problem:
        limited = store.too_little_memory(NEEDED, problem)
        if limited is None:
            raise
        print(f"error: ulimit -v: {limited}", file=sys.stderr)
        return 2
    except BadFolder as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except store.Unwritten as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"error: {problem.filename or options.folder}: {problem.strerror or problem}", file=sys.stderr)
        return 2
    say.flush()
    return made


class Folder:
    """A results folder, read and understood once for all that is made of it, and only where something is made."""

    def __init__(self, path: Path, force: bool):
        self.path, self.force = path, force

    @cached_property
    def inputs(self) -> str:
        """The digest of everything that is made of it."""
        study = read_study(self.path)
        return fingerprint.of_inputs(self.path, study, unlisted(self.path, study))

    @cached_property
    def found(self) -> Evidence | None:
        """All findings; None where no run stands, which is said."""
        results = read(self.path)
        _say_states(results)
        if not _has_valid_run(results):
            return None
        from analysis.findings.evidence import collect  # scipy only where something is computed

        return collect(results, over_cores)

    def is_current(self, out: Path, what: str) -> bool:
        """True, and said, if what lies there was made of the folder as it is."""
        current = not self.force and fingerprint.is_current(out, self.inputs)
        if current:
            say(f"{what}: up to date ({out})")
        return current


def everything(folder: Folder) -> int:
    """Draw every figure, write every table and the report, computing what they show once."""
    return figures(folder) or tables(folder) or report(folder)


def figures(folder: Folder) -> int:
    """Draw every figure, unless nothing changed."""
    out = folder.path / "figures"
    if folder.is_current(out, "figures"):
        return 0
    if folder.found is None:
        return 1
    from analysis.figures import draw, fonts  # matplotlib only where something is drawn

    for line in fonts(folder.found)[1]:
        say(f"note: {line}")
    files: dict[str, bytes] = {}
    for name, found in draw(folder.found):
        files |= found
        say(f"figures: {name} ({', '.join(sorted(part.rpartition('.')[2] for part in found))})")
    fingerprint.write(out, folder.inputs, files)
    say(f"figures: {len(files)} files in {out}")
    return 0


def tables(folder: Folder) -> int:
    """Write every finding as CSV, Markdown and LaTeX, unless nothing changed; print the verdicts."""
    out = folder.path / "tables"
    if not folder.is_current(out, "tables"):
        if folder.found is None:
            return 1
        from analysis.tables.pages import files

        made = files(folder.found)
        fingerprint.write(out, folder.inputs, made)
        say(f"tables: {', '.join(sorted(made))} in {out}")
    say("\n" + (out / "verdicts.txt").read_text(encoding="utf-8").rstrip("\n"))
    return 0


def report(folder: Folder) -> int:
    """Write the self-contained report.html, drawing the figures first where they are not up to date."""
    out, drawn = folder.path / "report.html", folder.path / "figures" / fingerprint.FINGERPRINT
    if not fingerprint.is_current(drawn.parent, folder.inputs) and figures(folder):
        return 1
    from analysis.report import made_from, render

    inputs = fingerprint.sha256(folder.inputs.encode("ascii") + drawn.read_bytes())
    if not folder.force and made_from(out) == inputs:
        say(f"report: up to date ({out})")
    elif folder.found is None:
        return 1
    else:
        store.write_atomic(out, render(folder.found, inputs))
        say(f"report: {out}")
    return 0


def export(folder: Path, kind: str, out: Path | None) -> int:
    """Write the valid runs in another tool's format: csv, parquet, cleanrl, sb3 or rliable."""
    from analysis.export import FORMATS, write

    mistakes = [f"--format: {mistake}" for mistake in _format_mistakes(kind, FORMATS)]
    mistakes += [f"--out: {mistake}" for mistake in _out_mistakes(folder, out)]
    try:
        read_study(folder)
    except BadFolder as problem:
        mistakes.append(str(problem))
    if mistakes:
        for mistake in mistakes:
            print(f"error: {mistake}", file=sys.stderr)
        return 2
    results = read(folder)
    _say_states(results, "export", name_all=True)
    if not _has_valid_run(results, "export"):
        return 1
    out = out or folder / "export" / kind
    exported = write(results, kind, out)
    for note in exported.notes:
        say(f"note: {note}")
    count = len(exported.files)
    say(f"export: {count} file{'s' if count > 1 else ''} in {out}, listed in export-{kind}.json")
    return 0


class Printer:
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


say = Printer()


def _format_mistakes(kind: str, formats: Collection[str]) -> list[str]:
    """Mistakes in the name of a format."""
    if kind in formats:
        return []
    near = get_close_matches(kind.lower()[:200], formats, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"valid: {', '.join(formats)}"
    return [f"unknown format {kind!r}; {hint}"]


def _out_mistakes(folder: Path, out: Path | None) -> list[str]:
    """Reasons why nothing can be written to a folder: it or a part of it is a file, or it belongs to the results."""
    if out is None:
        return []
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        return [f"'{nearest}' is not a folder"]
    kept = next((name for name in ("runs", ".grid") if _is_below(out, folder / name)), None)
    return [f"'{out}' is part of the results ({kept}), where nothing else is written"] if kept else []


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _has_valid_run(results: Results, act: str = "draw") -> bool:
    """True if any run stands; otherwise say so."""
    if any(run.is_valid for run in results.runs):
        return True
    print(f"nothing to {act}: {results.runs_text()} of {results.study['name']} stand", file=sys.stderr)
    return False


def _say_states(results: Results, act: str = "draw", name_all: bool = False) -> None:
    """Say what is missing, failed, diverged, damaged or not listed, before anything is made of the rest.

    Damaged runs are named, with ``name_all`` all that do not stand.
    """
    name = results.study["name"]
    for environment in results.environments:
        env_id = environment["env_id"]
        runs = [run for run in results.runs if run.env_id == env_id]
        nothing = "" if any(run.is_valid for run in runs) else f"; nothing to {act}"
        say(f"{name}, {env_id}: {runs_text(runs)}{nothing}")
    for run in results.runs:
        if run.state == "damaged":
            say(f"damaged, left out: {run.path} ({run.reason})")
    if name_all:
        for state in sorted({run.state for run in results.runs if not run.is_valid} - {"damaged"}):
            _say_left_out(state, [run.path for run in results.runs if run.state == state])
    _say_left_out("not listed in study.json", results.unlisted)


def _say_left_out(why: str, paths: Sequence[str]) -> None:
    """Count and name runs that nothing is made of."""
    count = len(paths)
    if count:
        say(f"{why}, left out: {count} run{'s' if count > 1 else ''}")
    for path in paths[:MOST_NAMED]:
        say(f"  {path}")
    if count > MOST_NAMED:
        say(f"  and {count - MOST_NAMED} more")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, make in (("figures", figures), ("tables", tables), ("report", report), ("all", everything)):
        one = commands.add_parser(name, help=(make.__doc__ or "").rstrip("."))
        one.add_argument("folder", metavar="DIR", help="results/<study>")
        one.add_argument(
            "--force", action="store_true", help="make everything again, even if nothing changed"
        )
        one.set_defaults(make=lambda options, make=make: make(Folder(Path(options.folder), options.force)))
    one = commands.add_parser("export", help=(export.__doc__ or "").rstrip("."))
    one.add_argument("folder", metavar="DIR", help="results/<study>")
    one.add_argument(
        "--format", metavar="NAME", default="csv", help="csv (default), parquet, cleanrl, sb3 or rliable"
    )
    one.add_argument("--out", metavar="FOLDER", type=Path, help="where to (default: DIR/export/NAME)")
    one.set_defaults(make=lambda options: export(Path(options.folder), options.format, options.out))
    return parser


if __name__ == "__main__":
    sys.exit(main())
