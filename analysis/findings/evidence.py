"""Everything that the statistics say of a study, gathered once for the tables and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.findings import (
    against_baseline,
    aggregates,
    factorial_effects,
    hard_vs_soft,
    select_evaluate,
    stability,
    tuned,
)
from analysis.findings.normalized import efficiency, normalized_scores, profiles
from analysis.findings.scores import EnvironmentScores, environment_scores
from analysis.findings.summary import RowSummary, summarize
from analysis.loading import Results, Row

VERDICTS = "verdicts.txt"
MOST_NAMED = 4
"""Rows that are named where no run of theirs was made; others are counted."""


@dataclass(frozen=True)
class Evidence:
    """What the standing runs carry; empty where they carry nothing."""

    results: Results
    lines: list[RowSummary]
    """Every row in every environment."""
    environment_scores: list[EnvironmentScores]
    """One per environment in which a run stands."""
    compared: list[against_baseline.RowComparison]
    """Every row against the baseline."""
    soft_minus_hard: list[against_baseline.RowComparison]
    """Soft targets against hard ones of the same lag."""
    quadrants: list[select_evaluate.Quadrant]
    chosen: list[tuned.TunedComparison]
    pooled: list[aggregates.Aggregate]
    effects: list[factorial_effects.EstimatedEffect]
    lacks: list[str]
    """What the runs or the study lack, and what therefore can't be said."""

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.results.study["name"])

    @property
    def rows(self) -> list[Row]:
        """The rows of the study, of one environment or another."""
        return list({line.row.label: line.row for line in self.summaries}.values())


def gather(results: Results) -> Evidence:
    """Every comparison, aggregate and effect that the stored runs allow."""
    lines = summarize(results)
    found = environment_scores(results, lines)
    baseline, aliases = str(results.study.get("baseline", "")), results.study.get("aliases", [])
    return Evidence(
        results=results,
        lines=lines,
        environment_scores=found,
        compared=[one for scores in found for one in against_baseline.compare_all(scores, baseline)],
        soft_minus_hard=[one for scores in found for one in hard_vs_soft.compare_hard_soft(scores)],
        quadrants=[one for scores in found for one in select_evaluate.quadrants(scores)],
        chosen=[one for scores in found for one in tuned.compare_tuned(scores, baseline)],
        pooled=aggregates.aggregate_all(found, baseline),
        effects=[one for scores in found for one in factorial_effects.estimate_all(scores, aliases)],
        lacks=[*idle(results, found), *untried(found), *missing(found)],
    )


def render(found: Evidence, facts: str) -> dict[str, str]:
    """The table files by name, as far as the stored runs carry them; ``facts`` is what every caption says."""
    name, lacks = found.name, found.lacks
    files = {
        "stability.csv": stability.as_csv(found.environment_scores),
        "stability.md": stability.as_markdown(name, found.environment_scores, lacks),
        "stability.tex": stability.as_latex(name, found.environment_scores, facts),
    }
    if found.compared:
        files["comparisons.csv"] = against_baseline.as_csv(found.compared)
        files["comparisons.md"] = against_baseline.as_markdown(name, found.compared, lacks)
        files["comparisons.tex"] = against_baseline.as_latex(name, found.compared, facts)
    if found.quadrants:
        files["who-selects.csv"] = select_evaluate.as_csv(found.quadrants)
        files["who-selects.md"] = select_evaluate.as_markdown(name, found.quadrants)
        files["who-selects.tex"] = select_evaluate.as_latex(name, found.quadrants, facts)
    if found.soft_minus_hard:
        files["hard-against-soft.csv"] = hard_vs_soft.as_csv(found.soft_minus_hard, found.rows)
        files["hard-against-soft.md"] = hard_vs_soft.as_markdown(name, found.soft_minus_hard, found.rows)
        files["hard-against-soft.tex"] = hard_vs_soft.as_latex(name, found.soft_minus_hard, found.rows, facts)
    if found.chosen:
        files["selection.csv"] = tuned.as_csv(found.chosen)
        files["selection.md"] = tuned.as_markdown(name, found.chosen)
        files["selection.tex"] = tuned.as_latex(name, found.chosen, facts)
    together = normalized_scores(found.results) if found.pooled else None
    if together is not None:
        files["aggregates.csv"] = aggregates.as_csv(found.pooled)
        files["aggregates.md"] = aggregates.as_markdown(name, found.pooled, aggregates.left_out(found.environment_scores))
        files["aggregates.tex"] = aggregates.as_latex(name, found.pooled, facts)
        files["profiles.csv"] = profiles(together).as_csv()
        files["sample-efficiency.csv"] = efficiency(together).as_csv()
    if found.effects:
        files["effects.csv"] = factorial_effects.as_csv(found.effects)
        files["effects.md"] = factorial_effects.as_markdown(name, found.effects, lacks)
        files["effects.tex"] = factorial_effects.as_latex(name, found.effects, facts)
    nothing = f"{name}: nothing to compare, as no row has a baseline beside it."
    aside = [] if found.pooled else aggregates.left_out(found.environment_scores)
    notes = [*([] if found.compared or found.soft_minus_hard else [nothing]), *lacks, *aside]
    files[VERDICTS] = against_baseline.verdicts(name, found.compared, found.soft_minus_hard, notes)
    return files


def idle(results: Results, found: Sequence[EnvironmentScores]) -> list[str]:
    """The environments in which no run stands."""
    here = {scores.env_id for scores in found}
    env_ids = [str(environment["env_id"]) for environment in results.environments]
    return [f"{env_id}: no run stands, so it is in no table." for env_id in env_ids if env_id not in here]


def untried(found: Sequence[EnvironmentScores]) -> list[str]:
    """The rows of which no run was made, in environments in which others were."""
    texts = []
    for scores in found:
        labels = [line.row.label for line in scores.summaries if not line.row.is_tried]
        if labels:
            more = len(labels) - MOST_NAMED
            rest = f" and {more} more" if more > 0 else ""
            texts.append(f"{scores.env_id}: no run was made yet of {', '.join(labels[:MOST_NAMED])}{rest}.")
    return texts


def missing(found: Sequence[EnvironmentScores]) -> list[str]:
    """What the stored runs or the study lack, and what therefore can't be said."""
    lacks = []
    for scores in found:
        without = [
            what
            for what, name in (("probes", "mean_q"), ("evaluations", "evaluation_return"))
            if not scores.has(name)
        ]
        if without:
            lacks.append(
                f"{scores.env_id}: no {' and no '.join(without)} stored, so nothing is said of "
                + " or ".join(
                    {
                        "probes": "soft divergence, churn and values",
                        "evaluations": "overestimation and greedy returns",
                    }[w]
                    for w in without
                )
                + "."
            )
        if scores.threshold is None:
            lacks.append(f"{scores.env_id}: no reward threshold, so nothing is said of solving or collapse.")
        if scores.random is None:
            lacks.append(
                f"{scores.env_id}: no random policy stored, so returns have no scale and no effect can be called small."
            )
        if not scores.environment.get("value_bounds"):
            lacks.append(f"{scores.env_id}: no value bounds, so nothing is said of soft divergence.")
    return lacks
