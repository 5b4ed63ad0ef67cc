"""The 2 x 2 of who selects and who evaluates the next action as text: tables/who-selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.findings.evidence import Evidence
from analysis.findings.select_evaluate import CROSSES, DIVERGES, QUADRANTS, VALUES, Quadrant
from analysis.loading import TARGET
from analysis.metrics import METRICS
from analysis.tables.spelling import (
    brief_text,
    interval_record,
    lowered,
    number_cell,
    number_text,
    swept_text,
    waiting_text,
)
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, recorded


def page(found: Evidence) -> Page:
    """A table per environment; on paper a part per 2 x 2."""
    ones = found.quadrants
    return Page(
        name="who-selects",
        title="who selects and who evaluates",
        heading="Who selects and who evaluates",
        records=recorded([_record(one, ones) for one in ones]),
        tables=tables(ones),
        notes=notes(),
        paper=_squares(ones),
        caption="who selects and who evaluates the next action. "
        f"{facts(found.summaries, found.results)} {' '.join(notes())}",
    )


def _record(one: Quadrant, found: Sequence[Quadrant]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "env_id": one.env_id,
        **{slot: _piece(one, slot, found) for slot in one.shared},
        "at": _at(one),
        "selects": one.networks[0],
        "evaluates": one.networks[1],
        "corner": QUADRANTS[one.networks],
        "variant": one.summary.row.label,
        "n": one.summary.n,
    }
    for name in (*VALUES, DIVERGES, CROSSES):
        record |= interval_record(name, one.summary.numbers[name])
        record[f"{name}_n"] = one.known(DIVERGES if name == CROSSES else name)
    record |= {"diverged_softly": one.diverged, "failed": one.summary.row.failed}
    record["steps_to_soft_divergence_note"] = waiting_text(one.summary.waits[CROSSES])
    return record


def tables(found: Sequence[Quadrant]) -> list[Table]:
    """A table per environment: a line per quadrant."""
    made = []
    slots = _shown(found)
    for env_id in dict.fromkeys(one.env_id for one in found):
        here = [one for one in found if one.env_id == env_id]
        metrics = _metrics(here)
        swept = any(one.at for one in here)
        rows = [
            [
                *(_piece(one, slot, here) for slot in slots),
                *([_at(one)] if swept else []),
                *map(str, one.networks),
                QUADRANTS[one.networks],
                str(one.summary.n),
                *(_cell(one, metric) for metric in metrics),
            ]
            for one in here
        ]
        words = [_slot_title(slot) for slot in slots] + ["at"] * swept + ["selects", "evaluates", "corner"]
        columns = [*words, "n", *map(_heading, metrics)]
        made.append(Table(f"{env_id}: who selects and who evaluates", columns, rows, set(words)))
    return made


def _squares(found: Sequence[Quadrant]) -> list[Table]:
    metrics, slots = _metrics(found), _shown(found)
    columns = ["Corner", "Selects", "Evaluates", *map(_heading, metrics)]

    def title(one: Quadrant) -> str:
        shared = ", ".join(f"{slot} {_piece(one, slot, found)}" for slot in slots)
        return f"{one.env_id}: {shared}" + (f", {_at(one)}" if one.at else "")

    squares: dict[tuple[str, str, str], list[Quadrant]] = {}
    for one in found:
        squares.setdefault((one.env_id, str(one.shared), str(one.at)), []).append(one)
    return [
        Table(
            title(here[0]),
            columns,
            [
                [
                    QUADRANTS[one.networks],
                    *map(str, one.networks),
                    *(_cell(one, metric) for metric in metrics),
                ]
                for one in here
            ],
            columns[:3],
        )
        for here in squares.values()
    ]


def _shown(found: Sequence[Quadrant]) -> list[str]:
    """The target, and the slots that vary among the rows or are not neutral."""
    rows = [one.summary.row for one in found]
    return [
        slot
        for slot in (found[0].shared if found else ())
        if slot == TARGET
        or len({str(row.slots[slot]) for row in rows}) > 1
        or not all("neutral" in row.facts[slot] for row in rows)
    ]


def _slot_title(slot: str) -> str:
    return "target network" if slot == TARGET else slot


def _piece(one: Quadrant, slot: str, found: Sequence[Quadrant]) -> str:
    """A piece in short, with the numbers in which those of its kind differ that are compared here."""
    return brief_text(one.shared[slot], [other.shared[slot] for other in found])


def _at(one: Quadrant) -> str:
    return ", ".join(swept_text(key, value) for key, value in one.at.items())


def _metrics(found: Sequence[Quadrant]) -> list[str]:
    """The metrics that any of the quadrants has."""
    values = [name for name in VALUES if any(one.known(name) for one in found)]
    return [*values, *([DIVERGES, CROSSES] if any(one.known(DIVERGES) for one in found) else [])]


def _heading(metric: str) -> str:
    return {DIVERGES: "diverged softly", CROSSES: "first crossing"}.get(
        metric, lowered(METRICS[metric].title)
    )


def _cell(one: Quadrant, metric: str) -> str:
    text = number_cell(one.summary, metric)
    if metric != DIVERGES or np.isnan(one.summary.numbers[metric].point):
        return text
    counted, failed = f"{one.diverged} of {one.known(metric)}: {text}", one.summary.row.failed
    if not failed:
        return counted
    of = one.known(metric) + failed
    least, most = (number_text(metric, count / of) for count in (one.diverged, one.diverged + failed))
    return f"{counted} ({most} to {least})"


def notes() -> list[str]:
    """Notes on how to read the table."""
    return [
        "y evaluates, with one network, the action that a network selects in the next state. Corners of a square share "
        "everything but this; the one without a target network stands in the square of each target network.",
        "overestimation: predicted minus obtained discounted return of greedy episodes, mean over runs with its 95 % "
        "bootstrap interval. overestimation of V*: mean over states of max Q - V*, where V* is known.",
        "diverged softly: runs with a value more than 5 % of the bounds' width beyond them, as a share with the exact "
        "95 % interval of Clopper and Pearson. first crossing: environment step of the first probe with such a value, "
        "Kaplan-Meier median with its log-log interval. Round brackets: if every failed run had diverged, or none.",
    ]
