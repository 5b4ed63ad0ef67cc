"""Each variant at its best as text: tables/selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.findings.against_baseline import on_metric
from analysis.findings.evidence import Evidence
from analysis.findings.tuned import TunedComparison
from analysis.tables.comparisons import comparison_record, how_decided, level_text, metric_table
from analysis.tables.spelling import key_text, lowered, metric_heading, seeds_text
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, recorded


def page(found: Evidence) -> Page:
    """A table per environment and metric."""
    swept = dict.fromkeys(key_text(key) for row in found.rows for key in row.swept)
    how = notes(found.tuned)
    return Page(
        name="selection",
        title="each variant at its best",
        heading=f"Each variant at its best {', '.join(swept)}",
        records=recorded([_record(one) for one in found.tuned]),
        tables=tables(found.tuned),
        notes=how,
        paper=tables(found.tuned),
        caption=f"each variant at its best. {facts(found.summaries, found.results)} {' '.join(how)}",
    )


def _record(one: TunedComparison) -> dict[str, Any]:
    sides = {"choosing": seeds_text(one.choosing), "judging": seeds_text(one.judging)}
    return {**comparison_record(one.compared), **sides}


def tables(found: Sequence[TunedComparison]) -> list[Table]:
    """A table per environment and metric."""
    compared, made = [one.compared for one in found], []
    for env_id, metric in dict.fromkeys((one.env_id, one.metric.name) for one in compared):
        here = on_metric(compared, env_id, metric)
        made.append(
            metric_table(f"{env_id}: {lowered(metric_heading(metric))}, against {here[0].against}", here)
        )
    return made


def notes(found: Sequence[TunedComparison]) -> list[str]:
    """Notes on which seeds chose and which judged, and how to read the table."""
    compared = [one.compared for one in found]
    sides = dict.fromkeys((one.choosing, one.judging) for one in found)
    return [
        *(
            f"Each variant's point was chosen by its mean over {seeds_text(choosing)}, for each metric by "
            f"that metric; all numbers are of {seeds_text(judging)} alone."
            for choosing, judging in sides
        ),
        f"Differences with {level_text(compared)} intervals, p values and verdicts as in the comparisons with the "
        "baseline; Holm over the variants.",
        *how_decided(compared),
    ]
