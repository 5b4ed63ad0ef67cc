"""The sections of the page below the environments: tables of evidence with how to read them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.findings import (
    against_baseline,
    aggregates,
    factorial_effects,
    hard_vs_soft,
    select_evaluate,
    stability,
    tuned,
)
from analysis.findings.evidence import Evidence
from analysis.loading import key_text
from analysis.report import sentences
from analysis.report.page_figures import Figure
from analysis.tables.summary import number_text
from analysis.tables.table import Sheet


@dataclass(frozen=True)
class Section:
    """A heading, what is said first, figures, tables, and how to read them."""

    id: str
    title: str
    sheets: Sequence[Sheet] = ()
    notes: Sequence[str] = ()
    answers: Sequence[sentences.Answer] = ()
    figures: Sequence[Figure] = ()


def sections(found: Evidence, names: Mapping[str, str], figures: Mapping[str, Figure]) -> list[Section]:
    """The sections that the stored runs can fill, in the order of the page."""
    efficiency = [figure for name, figure in figures.items() if name == "sample-efficiency"]
    made = [
        Section(
            "growth",
            "Table against network",
            [sheet for figure in efficiency if (sheet := world_size_table(found.results.folder, figure))],
            figures=efficiency,
        ),
        Section(
            "aggregates",
            "Aggregates of normalised scores",
            aggregates.sheets(found.pooled),
            [*aggregates.notes(found.pooled), *aggregates.left_out(found.environment_scores)],
            figures=[figure for figure in figures.values() if figure not in efficiency],
        ),
        Section(
            "comparisons",
            "Each row against the baseline",
            against_baseline.sheets(found.compared),
            [*against_baseline.notes(), *against_baseline.left_out(found.compared)],
        ),
        Section(
            "who-selects",
            "Who selects and who evaluates",
            select_evaluate.sheets(found.quadrants),
            select_evaluate.notes(),
        ),
        Section(
            "lags",
            "Hard against soft target at the same lag",
            hard_vs_soft.sheets(found.soft_minus_hard, found.rows),
            [*hard_vs_soft.notes(), *against_baseline.left_out(found.soft_minus_hard)],
            sentences.answers(found.soft_minus_hard, names, "the hard target of the same lag"),
        ),
        Section(
            "best",
            f"Each variant at its best {best_of(found)}",
            tuned.sheets(found.chosen),
            tuned.notes(found.chosen),
        ),
        Section(
            "stability",
            "Stability",
            stability.sheets(found.environment_scores, lambda title: title != stability.DIAGNOSTICS),
            stability.notes(found.environment_scores) if found.environment_scores else [],
        ),
        Section(
            "effects",
            "Which trick does what",
            factorial_effects.sheets(found.effects),
            factorial_effects.notes(),
        ),
        Section(
            "diagnostics",
            "Diagnostics",
            stability.sheets(found.environment_scores, lambda title: title == stability.DIAGNOSTICS),
        ),
    ]
    return [section for section in made if section.sheets or section.figures]


def best_of(found: Evidence) -> str:
    """What was swept, for the heading: 'learning rate'."""
    return ", ".join(dict.fromkeys(key_text(key) for row in found.rows for key in row.swept))


def world_size_table(folder: Path, figure: Figure) -> Sheet | None:
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
    return Sheet(
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
