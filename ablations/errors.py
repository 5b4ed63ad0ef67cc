"""Mistakes in what a user wrote: collected and shown all at once, with place and nearest valid name.

And the one kind of error that is nobody's mistake: the system has no more to give.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

REFUSED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Of an OSError: too many files are open, or there is no room for another process."""


@dataclass(frozen=True)
class Problem:
    """One mistake: the file as the user gave it (or "command line"), the dotted key, and a sentence."""

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.message}"


class BadInput(Exception):
    """What a user asked for cannot be done as written. Carries every mistake found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)  # what it is made of again where it crosses to another process

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Findings:
    """Collects the mistakes of one source while it is read."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []

    def add(self, key: str, message: str) -> None:
        """Note a mistake, once."""
        problem = Problem(self.where, key, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def below(self, *sections: str) -> bool:
        """Is there a mistake in one of these sections ("settings" covers "settings.gamma" and "settings")?"""
        return any(p.key.split(".")[0] in sections for p in self.problems)

    def in_order_of(self, document: Iterable[str]) -> None:
        """Sort the mistakes by the sections of a document, those of keys that are missing first."""
        places = {section: place for place, section in enumerate(document, 1)}
        self.problems.sort(key=lambda problem: places.get(problem.key.split(".")[0], 0))

    def stop(self) -> None:
        """Raise what was collected, if anything was."""
        if self.problems:
            raise BadInput(self.problems)


def is_refusal(problem: BaseException) -> bool:
    """True where more was asked for than the system gives: memory, open files, processes."""
    return isinstance(problem, MemoryError) or (isinstance(problem, OSError) and problem.errno in REFUSED)


def nearest(name: str, valid: Collection[str]) -> str | None:
    """The valid name that looks most like ``name``, if any comes close."""
    by_lower = {
        v.lower().lstrip("-"): v for v in reversed(list(valid))
    }  # options are not alike by their dashes
    found = get_close_matches(name.lower().lstrip("-")[:200], list(by_lower), n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def hint(name: str, valid: Collection[str]) -> str:
    """How a sentence about a wrong name ends: the nearest valid one, else all of them where they are few."""
    near = nearest(name, valid)
    if near is not None:
        return f"; did you mean '{near}'?"
    if valid and len(valid) <= 24:
        return f"; valid: {', '.join(valid)}"
    return ""


def shown(value: Any) -> str:
    """A value as its TOML file spells it, cut to what fits into a sentence."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=True)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def few(names: Iterable[str], most: int = 4) -> str:
    """Distinct names in a sentence, cut where they are many."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) <= most:
        return ", ".join(distinct)
    return f"{', '.join(distinct[: most - 1])} and {len(distinct) - most + 1} more"


def counted(number: int, thing: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
