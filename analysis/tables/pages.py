"""The one list of findings for people: the files of ``tables/`` and the sections of the report."""

from __future__ import annotations

from dataclasses import replace

from analysis.findings.evidence import Evidence
from analysis.tables import (
    aggregates,
    comparisons,
    factorial_effects,
    hard_vs_soft,
    select_evaluate,
    stability,
    summary,
    terminal,
    tuned,
    verdicts,
    world_sizes,
)
from analysis.tables.missing import missing_evidence
from analysis.tables.table import Page

PAGES = (
    summary.page,
    world_sizes.page,
    aggregates.page,
    aggregates.profiles_page,
    aggregates.efficiency_page,
    verdicts.page,
    comparisons.page,
    select_evaluate.page,
    hard_vs_soft.page,
    tuned.page,
    stability.page,
    factorial_effects.page,
)
"""In the order of the report."""
VERDICTS = "verdicts.txt"
REPLANNED = (
    "This study was replanned after its first look: rows, looks, level, margin or metric were chosen in "
    "sight of results, and its guarantee of error is void."
)


def pages(found: Evidence) -> list[Page]:
    """Every finding that the stored runs carry; all say so where the study was replanned."""
    made = [one for page in PAGES if (one := page(found)).records.rows]
    if not found.is_replanned:
        return made
    return [replace(one, notes=[REPLANNED, *one.notes], caption=f"{REPLANNED} {one.caption}") for one in made]


def files(found: Evidence) -> dict[str, bytes]:
    """The table files of a study by name, and the verdicts for a terminal."""
    made = {name: data for page in pages(found) for name, data in page.files(found.name).items()}
    return {**made, VERDICTS: _verdicts(found).encode("utf-8")}


def _verdicts(found: Evidence) -> str:
    """Every row against the baseline in a word, for a terminal."""
    nothing = f"{found.name}: nothing to compare, as no row has a baseline beside it."
    notes = [*([] if found.comparisons or found.soft_minus_hard else [nothing]), *missing_evidence(found)]
    notes = [*verdicts.looks_text(found.scores), *notes]
    notes = [REPLANNED, *notes] if found.is_replanned else notes
    notes += [] if found.aggregates else aggregates.left_out_environments(found.scores)
    return terminal.verdicts(found.name, found.comparisons, found.soft_compared, notes)
