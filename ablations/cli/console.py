"""Output of commands: plain lines to standard output, mistakes to standard error. Nobody listening is no error."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ablations.errors import BadInput, Problem, few

if TYPE_CHECKING:
    from pathlib import Path

    from ablations.store import RunStatus


class OutputLost(Exception):
    """Output that somebody wants to keep could not be written."""


def say(text: str = "") -> bool:
    """A line to standard output; once a pipe's reader has gone, lines go nowhere, quietly. False when it goes."""
    return _write(sys.stdout, text)


def warn(text: str) -> None:
    """A line to standard error."""
    _write(sys.stderr, text)


def say_problems(bad: BadInput) -> None:
    """Every mistake on a line of its own."""
    for problem in bad.problems:
        warn(printable(" ".join(str(problem).split())))


def table(lines: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Left-aligned columns under their names."""
    texts = [list(columns), *([str(line[column]) for column in columns] for line in lines)]
    widths = [max(len(text[i]) for text in texts) for i in range(len(columns))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(text, widths, strict=True)) for text in texts
    )
    return "\n".join(line.rstrip() for line in padded)


def printable(text: str) -> str:
    """The text without control codes, which a file's keys and an environment's errors may hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def stored_study(folder: Path, never_run: str) -> dict[str, Any] | None:
    """The study as the last ``run`` stored it; None, and the reason is said, where there is none that can be read.

    Raises ``BadInput`` where the results are another release's.
    """
    from ablations import store

    try:
        return store.read_study(folder)
    except FileNotFoundError:
        say(f"{folder}: never run; {never_run}")
    except store.OtherVersion as refused:
        raise BadInput([Problem("command line", "--results", f"{folder / store.STUDY}: {refused}")]) from None
    except store.Damaged as damage:
        say(f"{folder / store.STUDY}: damaged: {damage}; the next run writes it anew")
    return None


def reason_of(status: RunStatus) -> str:
    """Why a run is not valid, in brackets behind its name, where there is a reason."""
    error = status.manifest.get("error") if status.manifest and status.reason is None else None
    reason = f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else status.reason
    return f" ({printable(' '.join(reason.split())[:200])})" if reason else ""


def unlisted_text(paths: Collection[str]) -> str:
    """A sentence on stored runs that the study as it is now does not list."""
    rows = Counter("/".join(path.split("/")[1:3]) for path in paths)
    names = few((f"{row} ({count})" for row, count in rows.items()), 8)
    return f"{len(paths)} other stored runs are kept; they are no part of the study as it is now: {names}"


def speak_any_locale() -> None:
    """Characters that a terminal's encoding lacks are written as escapes instead of raising.

    A standard stream that was closed before we started leads nowhere from here on: the next file to be opened would
    get its number, and whatever a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(nowhere, True)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _write(stream: TextIO | None, text: str) -> bool:
    """True while anybody is there to read it."""
    if stream is None:  # closed before we started
        return False
    try:
        print(text, file=stream, flush=True)
    except OSError as problem:  # the reader has gone, or the disk behind a redirection is full
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if not isinstance(problem, BrokenPipeError):
            raise OutputLost(f"output cannot be written: {problem.strerror}") from None
        return False
    return True
