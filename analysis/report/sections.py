"""The sections of the page below the environments: tables of evidence with how to read them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.findings.evidence import Evidence
from analysis.report import sentences
from analysis.report.page_figures import Figure
from analysis.tables import (
    aggregates,
    comparisons,
    factorial_effects,
    hard_vs_soft,
    select_evaluate,
    stability,
    tuned,
)
from analysis.tables.spelling import key_text, number_text
from analysis.tables.table import Table


@dataclass(frozen=True)
class Section:
    """A heading, what is said first, figures, tables, and how to read them."""

    id: str
    title: str
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    answers: Sequence[sentences.Answer] = ()
    figures: Sequence[Figure] = ()


def sections(found: Evidence, names: Mapping[str, str], figures: Mapping[str, Figure]) -> list[Section]:
    """The sections that the stored runs can fill, in the order of the page."""
    made = [
        *_over_environments(found, figures),
        *_compared(found, names),
        Section(
            "stability",
            "Stability",
            stability.tables(found.scores, lambda title: title != stability.DIAGNOSTICS),
            stability.notes(found.scores) if found.scores else [],
        ),
        Section(
            "effects",
            "Which trick does what",
            factorial_effects.tables(found.effects),
            factorial_effects.notes(),
        ),
        Section(
            "diagnostics",
            "Diagnostics",
            stability.tables(found.scores, lambda title: title == stability.DIAGNOSTICS),
        ),
    ]
    return [section for section in made if section.tables or section.figures]


def _over_environments(found: Evidence, figures: Mapping[str, Figure]) -> list[Section]:
    """Worlds that grow, and what is taken over all environments."""
    growing = [figure for name, figure in figures.items() if name == "sample-efficiency"]
    return [
        Section(
            "table-against-network",
            "Table against network",
            [table for figure in growing if (table := world_size_table(found.results.folder, figure))],
            figures=growing,
        ),
        Section(
            "aggregates",
            "Aggregates of normalised scores",
            aggregates.tables(found.aggregates),
            [*aggregates.notes(found.aggregates), *aggregates.left_out_environments(found.scores)],
            figures=[figure for figure in figures.values() if figure not in growing],
        ),
    ]


def _compared(found: Evidence, names: Mapping[str, str]) -> list[Section]:
    """Comparisons of rows with each other."""
    return [
        Section(
            "comparisons",
            "Each row against the baseline",
            comparisons.tables(found.comparisons),
            [*comparisons.notes(), *comparisons.left_out_metrics(found.comparisons)],
        ),
        Section(
            "who-selects",
            "Who selects and who evaluates",
            select_evaluate.tables(found.quadrants),
            select_evaluate.notes(),
        ),
        Section(
            "hard-against-soft",
            "Hard against soft target at the same lag",
            hard_vs_soft.tables(found.soft_minus_hard),
            [*hard_vs_soft.notes(), *comparisons.left_out_metrics(found.soft_compared)],
            sentences.answers(found.soft_compared, names, "the hard target of the same lag"),
        ),
        Section(
            "selection",
            f"Each variant at its best {swept_keys_text(found)}",
            tuned.tables(found.tuned),
            tuned.notes(found.tuned),
        ),
    ]


def swept_keys_text(found: Evidence) -> str:
    """The swept keys, for the heading: 'learning rate'."""
    return ", ".join(dict.fromkeys(key_text(key) for row in found.rows for key in row.swept))


def world_size_table(folder: Path, figure: Figure) -> Table | None:
    """The numbers of the figure of sample efficiency, from its CSV."""
    with open(folder / "figures" / f"{figure.id}.csv", encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    if not records:
        return None
    head = ["function", "variant", "environment", "states", "n", f"steps to regret {records[0]['level']}"]
    body = [
        [*(one[key] for key in ("function", "variant", "env_id", "states", "n")), _waited(one)]
        for one in records
    ]
    return Table(
        "Steps to a good policy, by size of the world", head, body, {"function", "variant", "environment"}
    )


def _waited(one: Mapping[str, str]) -> str:
    """'700 [600, 900]', 'not reached by 3 of 3'."""
    missed = f"not reached by {one['missed']} of {one['n']}" if int(one["missed"]) else ""
    if not one["median"]:
        return missed
    low, high = (
        number_text("steps_to_threshold", float(one[end])) if one[end] else "…" for end in ("low", "high")
    )
    median = number_text("steps_to_threshold", float(one["median"]))
    text = median if one["n"] == "1" else f"{median} [{low}, {high}]"
    return f"{text}; {missed}" if missed else text
