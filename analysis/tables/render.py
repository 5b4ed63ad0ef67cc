"""Every table file of a study."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings.against_baseline import RowComparison
from analysis.findings.aggregates import Aggregate
from analysis.findings.evidence import Evidence, collect
from analysis.findings.factorial_effects import EstimatedEffect
from analysis.findings.hard_vs_soft import SoftMinusHard
from analysis.findings.normalized import efficiency, normalized_scores, profiles
from analysis.findings.tuned import TunedComparison
from analysis.loading import Results
from analysis.tables import (
    aggregates,
    comparisons,
    factorial_effects,
    hard_vs_soft,
    select_evaluate,
    stability,
    summary,
    tuned,
)
from analysis.tables.missing import missing_evidence
from analysis.tables.table import csv_text

VERDICTS = "verdicts.txt"

Record = RowComparison | SoftMinusHard | TunedComparison | EstimatedEffect | Aggregate
"""A finding that is a line of a CSV."""


def render(results: Results) -> dict[str, bytes]:
    """The table files of a study by name, as far as the stored runs carry them."""
    found = collect(results)
    name, missing, facts = found.name, missing_evidence(found), summary.facts(found.summaries, results)
    texts = {
        "summary.csv": summary.as_csv(found.summaries),
        "summary.md": summary.as_markdown(found.summaries, results),
        "summary.tex": summary.as_latex(found.summaries, results),
        "stability.csv": stability.as_csv(found.scores),
        "stability.md": stability.as_markdown(name, found.scores, missing),
        "stability.tex": stability.as_latex(name, found.scores, facts),
        **_comparisons(found, missing, facts),
        **_aggregates(found, facts),
        VERDICTS: _verdicts(found, missing),
    }
    return {file: text.encode("utf-8") for file, text in texts.items()}


def _csv(found: Sequence[Record]) -> str:
    """Every finding as a line."""
    return csv_text([one.record() for one in found])


def _comparisons(found: Evidence, missing: Sequence[str], facts: str) -> dict[str, str]:
    """Comparisons of rows with each other."""
    name, files = found.name, {}
    if found.comparisons:
        files["comparisons.csv"] = _csv(found.comparisons)
        files["comparisons.md"] = comparisons.as_markdown(name, found.comparisons, missing)
        files["comparisons.tex"] = comparisons.as_latex(name, found.comparisons, facts)
    if found.quadrants:
        files["who-selects.csv"] = select_evaluate.as_csv(found.quadrants)
        files["who-selects.md"] = select_evaluate.as_markdown(name, found.quadrants)
        files["who-selects.tex"] = select_evaluate.as_latex(name, found.quadrants, facts)
    if found.soft_minus_hard:
        files["hard-against-soft.csv"] = _csv(found.soft_minus_hard)
        files["hard-against-soft.md"] = hard_vs_soft.as_markdown(name, found.soft_minus_hard)
        files["hard-against-soft.tex"] = hard_vs_soft.as_latex(name, found.soft_minus_hard, facts)
    if found.tuned:
        files["selection.csv"] = _csv(found.tuned)
        files["selection.md"] = tuned.as_markdown(name, found.tuned)
        files["selection.tex"] = tuned.as_latex(name, found.tuned, facts)
    if found.effects:
        files["effects.csv"] = _csv(found.effects)
        files["effects.md"] = factorial_effects.as_markdown(name, found.effects, missing)
        files["effects.tex"] = factorial_effects.as_latex(name, found.effects, facts)
    return files


def _aggregates(found: Evidence, facts: str) -> dict[str, str]:
    """Aggregates over all environments that have a scale."""
    normalized = normalized_scores(found.results) if found.aggregates else None
    if normalized is None:
        return {}
    left_out = aggregates.left_out_environments(found.scores)
    return {
        "aggregates.csv": _csv(found.aggregates),
        "aggregates.md": aggregates.as_markdown(found.name, found.aggregates, left_out),
        "aggregates.tex": aggregates.as_latex(found.name, found.aggregates, facts),
        "profiles.csv": aggregates.curves_as_csv(profiles(normalized)),
        "sample-efficiency.csv": aggregates.curves_as_csv(efficiency(normalized)),
    }


def _verdicts(found: Evidence, missing: Sequence[str]) -> str:
    """Every row against the baseline in a word, for a terminal."""
    nothing = f"{found.name}: nothing to compare, as no row has a baseline beside it."
    notes = [*([] if found.comparisons or found.soft_minus_hard else [nothing]), *missing]
    notes += [] if found.aggregates else aggregates.left_out_environments(found.scores)
    return comparisons.verdicts(found.name, found.comparisons, found.soft_compared, notes)
