"""The 2 x 2 of who selects and who evaluates the next action (van Hasselt et al. 2018): tables/who-selects.

Without a target network the online network does both; the plain target leaves both to the target network; Double
selects with the online network, inverse double evaluates with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ablations import store
from analysis.findings.components import behaving, brief_text, elsewhere, piece_text, who
from analysis.findings.scores import Board
from analysis.findings.summary import Line
from analysis.loading import swept_text
from analysis.metrics import METRICS
from analysis.tables.summary import interval_text, lowered, number_text
from analysis.tables.table import Sheet, booktabs, csv_text, document

Who = tuple[str, str]
"""Which network selects the action and which evaluates it."""

CORNERS: dict[Who, str] = {
    ("online", "online"): "no target network",
    ("target", "target"): "target network",
    ("online", "target"): "Double",
    ("target", "online"): "inverse double",
}
"""Their names, in the order of the table."""
FEWEST = 2
"""Corners that make a comparison."""
VALUES = ("overestimation", "exact_overestimation")
"""Whichever of them the runs have."""
DIVERGES, CROSSES = "soft_divergence", "steps_to_soft_divergence"


@dataclass(frozen=True)
class Corner:
    """A row as a corner of a 2 x 2."""

    env_id: str
    square: tuple[str, ...]
    """What the corners share, in words: replay, target network, head, and the point of a sweep."""
    who: Who
    line: Line

    def known(self, name: str) -> int:
        """Runs that have such a score."""
        return int(np.isfinite([run[name] for run in self.line.of_runs]).sum())

    @property
    def diverged(self) -> int:
        """Runs that diverged softly."""
        return int(np.nansum([run[DIVERGES] for run in self.line.of_runs]))

    @property
    def failed(self) -> int:
        """Runs that were tried and don't stand."""
        return sum(self.line.row.counts[state] for state in store.ATTEMPTS)

    def record(self) -> dict[str, Any]:
        """The corner as a line of the CSV."""
        record: dict[str, Any] = {
            "env_id": self.env_id,
            **dict(zip(("replay", "target", "head", "at"), self.square, strict=True)),
            "selects": self.who[0],
            "evaluates": self.who[1],
            "corner": CORNERS[self.who],
            "variant": self.line.row.label,
            "n": self.line.n,
        }
        for name in (*VALUES, DIVERGES, CROSSES):
            number = self.line.numbers[name]
            record |= {name: number.point, f"{name}_low": number.low, f"{name}_high": number.high}
            record[f"{name}_n"] = self.known(DIVERGES if name == CROSSES else name)
        record |= {"diverged_softly": self.diverged, "failed": self.failed}
        record["steps_to_soft_divergence_note"] = self.line.waits_text[CROSSES]
        return record

    def cells(self, names: Sequence[str]) -> list[str]:
        """What people read of it, the columns that ``names`` asks for."""
        return [_cell(self, name) for name in names]


def corners(board: Board) -> list[Corner]:
    """The squares of an environment of which at least two corners were run, each in the order of ``CORNERS``.

    A target network's period or tau is shared by the corners that have one; the corner without stands in each square.
    """
    if not any(board.has(name) for name in (*VALUES, DIVERGES)):
        return []
    squares: dict[tuple[str, str], dict[Who, Line]] = {}
    alone: dict[str, Line] = {}
    for line in board.lines:
        slots = behaving(line.row.slots)
        shared = str([slots["replay"], slots["head"], sorted(elsewhere(line.row).items())])
        if not line.n:
            continue
        if slots["target"]["kind"] == "none":
            alone.setdefault(shared, line)
            continue
        square = squares.setdefault((shared, str(slots["target"])), {})
        square.setdefault(who(slots["target"], slots["bootstrap"]), line)
    made = []
    for (shared, _), found in squares.items():
        words = _words(next(iter(found.values())), board.lines)
        if shared in alone:
            found[("online", "online")] = alone[shared]
        here = [Corner(board.env_id, words, corner, found[corner]) for corner in CORNERS if corner in found]
        made += here if len(here) >= FEWEST else []
    return made


def _words(line: Line, lines: Sequence[Line]) -> tuple[str, ...]:
    """A square in words: pieces in short, but with all their numbers where the study has several of their kind."""
    words = []
    for slot in ("replay", "target", "head"):
        piece = line.row.slots[slot]
        same = {
            str(other.row.slots[slot]) for other in lines if other.row.slots[slot]["kind"] == piece["kind"]
        }
        words.append(brief_text(piece) if len(same) == 1 or slot == "target" else piece_text(piece))
    at = ", ".join(swept_text(key, value) for key, value in elsewhere(line.row).items())
    return (*words, at)


# ---- as text -------------------------------------------------------------------------------------------------------


def as_csv(found: Sequence[Corner]) -> str:
    """Every corner of every square."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[Corner]) -> str:
    """A table per environment."""
    return document(f"{name}: who selects and who evaluates", sheets(found), notes())


def sheets(found: Sequence[Corner]) -> list[Sheet]:
    """A sheet per environment: a line per corner."""
    made = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        here = [one for one in found if one.env_id == env_id]
        names = _names(here)
        swept = any(one.square[-1] for one in here)
        body = [
            [*one.square[: 4 if swept else 3], *one.who, CORNERS[one.who], str(one.line.n), *one.cells(names)]
            for one in here
        ]
        words = [
            "replay",
            "target network",
            "head",
            *(["at"] if swept else []),
            "selects",
            "evaluates",
            "corner",
        ]
        head = [*words, "n", *map(_heading, names)]
        made.append(Sheet(f"{env_id}: who selects and who evaluates", head, body, set(words)))
    return made


def as_latex(name: str, found: Sequence[Corner], facts: str) -> str:
    """A part per square."""
    names = _names(found)
    caption = f"Study {name}: who selects and who evaluates the next action. {facts} {' '.join(notes())}"
    parts = []
    for env_id, square in dict.fromkeys((one.env_id, one.square) for one in found):
        here = [one for one in found if (one.env_id, one.square) == (env_id, square)]
        replay, target, head, at = square
        title = f"{env_id}: replay {replay}, target {target}, head {head}" + (f", {at}" if at else "")
        parts.append((title, [[CORNERS[one.who], *one.who, *one.cells(names)] for one in here]))
    columns = ["Corner", "Selects", "Evaluates", *map(_heading, names)]
    return booktabs(caption, columns, parts, columns[:3])


def _names(found: Sequence[Corner]) -> list[str]:
    """The metrics that any of the corners has."""
    values = [name for name in VALUES if any(one.known(name) for one in found)]
    watched = any(one.known(DIVERGES) for one in found)
    return [*values, *([DIVERGES, CROSSES] if watched else [])]


def _heading(name: str) -> str:
    return {DIVERGES: "diverged softly", CROSSES: "first crossing"}.get(name, lowered(METRICS[name].title))


def _cell(one: Corner, name: str) -> str:
    number = one.line.numbers[name]
    if np.isnan(number.point):
        return one.line.waits_text.get(name) or "n/a"
    text = interval_text(name, number)
    if name != DIVERGES:
        return text
    told = f"{one.diverged} of {one.known(name)}: {text}"
    if not one.failed:
        return told
    all_runs = one.known(name) + one.failed
    least, most = (number_text(name, count / all_runs) for count in (one.diverged, one.diverged + one.failed))
    return f"{told} ({most} to {least})"


def notes() -> list[str]:
    """How to read the table."""
    return [
        "y evaluates, with one network, the action that a network selects in the next state. Corners of a square share "
        "everything but this; the one without a target network stands in the square of each target network.",
        "overestimation: predicted minus obtained discounted return of greedy episodes, mean over runs with its 95 % "
        "bootstrap interval. overestimation of V*: mean over states of max Q - V*, where V* is known.",
        "diverged softly: runs with a value more than 5 % of the bounds' width beyond them, as a share with the exact "
        "95 % interval of Clopper and Pearson. first crossing: environment step of the first probe with such a value, "
        "Kaplan-Meier median with its log-log interval. Round brackets: if every failed run had diverged, or none.",
    ]
