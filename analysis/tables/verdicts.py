"""What was decided, as text: tables/verdicts, the primary metric for people and every metric for programs."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings.against_baseline import RowComparison
from analysis.findings.evidence import Evidence
from analysis.findings.scores import EnvironmentScores
from analysis.tables.comparisons import metric_table, notes, tables, too_few_seeds, verdict_record
from analysis.tables.missing import missing_evidence
from analysis.tables.spelling import lowered, metric_heading
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, by_environment, recorded


def page(found: Evidence) -> Page:
    """A table per environment on the primary metric."""
    ones = found.comparisons
    primary = by_environment([one for one in ones if one.is_primary], lambda one: one.env_id)
    shown = [
        metric_table(f"{env_id}: {lowered(metric_heading(here[0].metric.name))}", here)
        for env_id, here in primary.items()
    ] or tables(ones)
    how = [*looks_text(found.scores), *notes(ones)]
    return Page(
        name="verdicts",
        title="verdicts",
        heading="Verdicts",
        records=verdict_records(ones),
        tables=shown,
        notes=how,
        missing=[*too_few_seeds(ones), *missing_evidence(found)],
        paper=shown,
        caption=f"verdicts on the primary metric. {facts(found.summaries, found.results)} {' '.join(how)}",
    )


def verdict_records(found: Sequence[RowComparison]) -> Table:
    """A line per row and metric, for programs."""
    return recorded([{"env_id": one.env_id, "variant": one.label, **verdict_record(one)} for one in found])


def looks_text(found: Sequence[EnvironmentScores]) -> list[str]:
    """How far the looks of each environment have come, and which rows they leave open."""
    texts = []
    for scores in found:
        looks = scores.looks
        if not looks.planned:
            continue
        judged = max(looks.last.values(), default=0)
        open_rows = [label for label, row in looks.decided.items() if row["verdict"] == "undecided"]
        text = f"{scores.env_id}: {judged} of {len(looks.planned)} looks judged"
        if judged:
            text += f", the last at {looks.planned[judged - 1]} seeds"
            text += f"; undecided: {', '.join(open_rows)}" if open_rows else "; every row is decided"
        texts.append(f"{text}.")
    return texts
