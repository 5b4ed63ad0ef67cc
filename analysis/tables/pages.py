"""The one list of findings for people: the files of ``tables/`` and the sections of the report."""

from __future__ import annotations

from analysis.findings.evidence import Evidence
from analysis.tables import (
    aggregates,
    comparisons,
    factorial_effects,
    hard_vs_soft,
    select_evaluate,
    stability,
    summary,
    tuned,
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
    comparisons.page,
    select_evaluate.page,
    hard_vs_soft.page,
    tuned.page,
    stability.page,
    factorial_effects.page,
)
"""In the order of the report."""
VERDICTS = "verdicts.txt"


def pages(found: Evidence) -> list[Page]:
    """Every finding that the stored runs carry."""
    return [made for page in PAGES if (made := page(found)).records.rows]


def files(found: Evidence) -> dict[str, bytes]:
    """The table files of a study by name, and the verdicts for a terminal."""
    made = {name: data for page in pages(found) for name, data in page.files(found.name).items()}
    return {**made, VERDICTS: _verdicts(found).encode("utf-8")}


def _verdicts(found: Evidence) -> str:
    """Every row against the baseline in a word, for a terminal."""
    nothing = f"{found.name}: nothing to compare, as no row has a baseline beside it."
    notes = [*([] if found.comparisons or found.soft_minus_hard else [nothing]), *missing_evidence(found)]
    notes += [] if found.aggregates else aggregates.left_out_environments(found.scores)
    return comparisons.verdicts(found.name, found.comparisons, found.soft_compared, notes)
