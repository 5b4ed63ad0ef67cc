"""Each variant at its best as text: tables/selection."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings.against_baseline import on_metric
from analysis.findings.tuned import TunedComparison, seeds_text
from analysis.tables.comparisons import metric_table
from analysis.tables.spelling import lowered, metric_heading
from analysis.tables.table import Table, latex, markdown_page


def as_markdown(name: str, found: Sequence[TunedComparison]) -> str:
    """A table per environment and metric."""
    return markdown_page(f"{name}: each variant at its best", tables(found), notes(found))


def as_latex(name: str, found: Sequence[TunedComparison], facts: str) -> str:
    """The same for a paper."""
    return latex(f"Study {name}: each variant at its best. {facts} {' '.join(notes(found))}", tables(found))


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
    sides = dict.fromkeys((one.choosing, one.judging) for one in found)
    return [
        *(
            f"Each variant's point was chosen by its mean over {seeds_text(choosing)}, for each metric by that "
            f"metric; all numbers are of {seeds_text(judging)} alone."
            for choosing, judging in sides
        ),
        "Differences with 95 % intervals, p values and verdicts as in the comparisons with the baseline; Holm over the "
        "variants.",
    ]
