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
from analysis.findings.pooled import efficiency, pool, profiles
from analysis.findings.scores import Board, boards
from analysis.findings.summary import Line, summarize
from analysis.loading import Results, Row

VERDICTS = "verdicts.txt"
MOST_NAMED = 4
"""Rows that are named where no run of theirs was made; others are counted."""


@dataclass(frozen=True)
class Evidence:
    """What the standing runs carry; empty where they carry nothing."""

    results: Results
    lines: list[Line]
    """Every row in every environment."""
    boards: list[Board]
    """One per environment in which a run stands."""
    compared: list[against_baseline.Compared]
    """Every row against the baseline."""
    lagged: list[against_baseline.Compared]
    """Soft targets against hard ones of the same lag."""
    corners: list[select_evaluate.Corner]
    chosen: list[tuned.Selected]
    pooled: list[aggregates.Aggregated]
    sized: list[factorial_effects.Sized]
    lacks: list[str]
    """What the runs or the study lack, and what therefore can't be said."""

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.results.study["name"])

    @property
    def rows(self) -> list[Row]:
        """The rows of the study, of one environment or another."""
        return list({line.row.label: line.row for line in self.lines}.values())


def gather(results: Results) -> Evidence:
    """Every comparison, aggregate and effect that the stored runs allow."""
    lines = summarize(results)
    found = boards(results, lines)
    baseline, aliases = str(results.study.get("baseline", "")), results.study.get("aliases", [])
    return Evidence(
        results=results,
        lines=lines,
        boards=found,
        compared=[one for board in found for one in against_baseline.compare_all(board, baseline)],
        lagged=[one for board in found for one in hard_vs_soft.compare_lags(board)],
        corners=[one for board in found for one in select_evaluate.corners(board)],
        chosen=[one for board in found for one in tuned.select_all(board, baseline)],
        pooled=aggregates.aggregate_all(found, baseline),
        sized=[one for board in found for one in factorial_effects.size_all(board, aliases)],
        lacks=[*idle(results, found), *untried(found), *missing(found)],
    )


def render(found: Evidence, facts: str) -> dict[str, str]:
    """The table files by name, as far as the stored runs carry them; ``facts`` is what every caption says."""
    name, lacks = found.name, found.lacks
    files = {
        "stability.csv": stability.as_csv(found.boards),
        "stability.md": stability.as_markdown(name, found.boards, lacks),
        "stability.tex": stability.as_latex(name, found.boards, facts),
    }
    if found.compared:
        files["comparisons.csv"] = against_baseline.as_csv(found.compared)
        files["comparisons.md"] = against_baseline.as_markdown(name, found.compared, lacks)
        files["comparisons.tex"] = against_baseline.as_latex(name, found.compared, facts)
    if found.corners:
        files["who-selects.csv"] = select_evaluate.as_csv(found.corners)
        files["who-selects.md"] = select_evaluate.as_markdown(name, found.corners)
        files["who-selects.tex"] = select_evaluate.as_latex(name, found.corners, facts)
    if found.lagged:
        files["hard-against-soft.csv"] = hard_vs_soft.as_csv(found.lagged, found.rows)
        files["hard-against-soft.md"] = hard_vs_soft.as_markdown(name, found.lagged, found.rows)
        files["hard-against-soft.tex"] = hard_vs_soft.as_latex(name, found.lagged, found.rows, facts)
    if found.chosen:
        files["selection.csv"] = tuned.as_csv(found.chosen)
        files["selection.md"] = tuned.as_markdown(name, found.chosen)
        files["selection.tex"] = tuned.as_latex(name, found.chosen, facts)
    together = pool(found.results) if found.pooled else None
    if together is not None:
        files["aggregates.csv"] = aggregates.as_csv(found.pooled)
        files["aggregates.md"] = aggregates.as_markdown(name, found.pooled, aggregates.left_out(found.boards))
        files["aggregates.tex"] = aggregates.as_latex(name, found.pooled, facts)
        files["profiles.csv"] = profiles(together).as_csv()
        files["sample-efficiency.csv"] = efficiency(together).as_csv()
    if found.sized:
        files["effects.csv"] = factorial_effects.as_csv(found.sized)
        files["effects.md"] = factorial_effects.as_markdown(name, found.sized, lacks)
        files["effects.tex"] = factorial_effects.as_latex(name, found.sized, facts)
    nothing = f"{name}: nothing to compare, as no row has a baseline beside it."
    aside = [] if found.pooled else aggregates.left_out(found.boards)
    notes = [*([] if found.compared or found.lagged else [nothing]), *lacks, *aside]
    files[VERDICTS] = against_baseline.verdicts(name, found.compared, found.lagged, notes)
    return files


def idle(results: Results, found: Sequence[Board]) -> list[str]:
    """The environments in which no run stands."""
    here = {board.env_id for board in found}
    env_ids = [str(environment["env_id"]) for environment in results.environments]
    return [f"{env_id}: no run stands, so it is in no table." for env_id in env_ids if env_id not in here]


def untried(found: Sequence[Board]) -> list[str]:
    """The rows of which no run was made, in environments in which others were."""
    texts = []
    for board in found:
        labels = [line.row.label for line in board.lines if not line.row.is_tried]
        if labels:
            more = len(labels) - MOST_NAMED
            rest = f" and {more} more" if more > 0 else ""
            texts.append(f"{board.env_id}: no run was made yet of {', '.join(labels[:MOST_NAMED])}{rest}.")
    return texts


def missing(found: Sequence[Board]) -> list[str]:
    """What the stored runs or the study lack, and what therefore can't be said."""
    lacks = []
    for board in found:
        without = [
            what
            for what, name in (("probes", "mean_q"), ("evaluations", "evaluation_return"))
            if not board.has(name)
        ]
        if without:
            lacks.append(
                f"{board.env_id}: no {' and no '.join(without)} stored, so nothing is said of "
                + " or ".join(
                    {
                        "probes": "soft divergence, churn and values",
                        "evaluations": "overestimation and greedy returns",
                    }[w]
                    for w in without
                )
                + "."
            )
        if board.threshold is None:
            lacks.append(f"{board.env_id}: no reward threshold, so nothing is said of solving or collapse.")
        if board.random is None:
            lacks.append(
                f"{board.env_id}: no random policy stored, so returns have no scale and no effect can be called small."
            )
        if not board.environment.get("value_bounds"):
            lacks.append(f"{board.env_id}: no value bounds, so nothing is said of soft divergence.")
    return lacks
