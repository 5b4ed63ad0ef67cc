"""The stability table (tables/stability): how steady learning was, what collapsed or diverged, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.findings.evidence import Evidence
from analysis.findings.scores import EnvironmentScores
from analysis.findings.summary import MEASURED, RowSummary, column
from analysis.metrics import METRICS
from analysis.metrics.reliability import DIFFERENCES, MINIMUM_UP_TO, SMOOTHED
from analysis.metrics.run_data import POINTS
from analysis.metrics.values import MARGIN
from analysis.statistics.draws import LEVEL
from analysis.statistics.tolerance import CONTENT, FEWEST, tolerance
from analysis.tables.missing import missing_evidence
from analysis.tables.spelling import (
    interval_record,
    lowered,
    number_cell,
    percent,
    range_text,
    row_name,
    waiting_text,
)
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, recorded

STEADY = ("auc", "running_variance", "running_variance_growing", "running_variance_trend")
"""The curve's level stands beside its variance, which shrinks at a floor or a ceiling."""
RELIABLE = (
    "dispersion_across_time",
    "short_term_risk",
    "long_term_risk",
    "largest_drawdown",
    "dispersion_across_runs",
    "risk_across_runs",
)
BREAKS = (
    "collapses", "recoveries", "steps_to_recovery", "soft_divergence", "steps_to_soft_divergence",
    "unbounded_divergence",
)  # fmt: skip
VALUES = (
    "overestimation", "overestimation_tail", "q_error", "largest_q_error", "exact_overestimation", "regret",
    "largest_q", "smallest_q", "churn", "action_gap", "dormant_share", "effective_rank", "target_lag", "per_health",
)  # fmt: skip
DIAGNOSTICS = "values and networks, averaged over runs"
"""The family that says why, and not how steady learning was."""
ON_PAPER = ("auc", "running_variance", "short_term_risk", "long_term_risk", "collapses", "soft_divergence",
            "overestimation")  # fmt: skip


def page(found: Evidence) -> Page:
    """Every metric that the summary doesn't hold, and the running variance with the level beside it."""
    scores = found.scores
    prefix = "" if any(one.stores("evaluations") for one in scores) else "training_"
    names = [prefix + metric if metric in RELIABLE else metric for metric in ON_PAPER]
    names = [metric for metric in names if any(_any(one, metric) for one in scores)]
    return Page(
        name="stability",
        title="stability",
        heading="Stability",
        records=recorded([_record(line) for one in scores for line in one.summaries]),
        tables=tables(scores),
        notes=notes(scores) if scores else [],
        missing=missing_evidence(found),
        paper=[
            Table(
                one.env_id,
                ["Variant", *(METRICS[metric].title for metric in names)],
                [[row_name(line.row), *(number_cell(line, m) for m in names)] for line in one.summaries],
            )
            for one in scores
        ],
        caption=f"stability. {facts(found.summaries, found.results)} {' '.join(notes(scores))}",
    )


def _record(line: RowSummary) -> dict[str, Any]:
    record: dict[str, Any] = {"env_id": line.row.env_id, "variant": line.row.label, "n": line.n}
    names = [*STEADY, *(name for name in line.numbers if name not in MEASURED)]
    for name in names:
        record |= interval_record(name, line.numbers[name])
    for name, waited in line.waits.items():
        if name not in MEASURED:
            record[f"{name}_note"] = waiting_text(waited)
    for name in ("final_return", "evaluation_return"):
        found = tolerance(column(line.run_scores, name))
        record |= {f"{name}_tolerance_low": found.low, f"{name}_tolerance_high": found.high}
        record[f"{name}_tolerance_note"] = found.text
    record["risk_across_runs_is"] = "minimum" if line.n <= MINIMUM_UP_TO else "CVaR(0.05)"
    return record


def tables(found: Sequence[EnvironmentScores]) -> list[Table]:
    """A table per environment and family of metrics."""
    return [
        Table(
            f"{scores.env_id}: {title}",
            ["variant", "n", *(METRICS[metric].title for metric in names)],
            [
                [line.row.label, str(line.n), *(number_cell(line, metric) for metric in names)]
                for line in scores.summaries
            ],
        )
        for scores in found
        for title, names in metric_groups(scores)
    ]


def metric_groups(scores: EnvironmentScores) -> list[tuple[str, list[str]]]:
    """The tables of an environment: what no run has is left out; reliability of evaluations where there are any."""
    of = "greedy evaluations" if not _prefix(scores) else "the training curve: no evaluations are stored"
    still = zero_throughout(scores)
    found = [
        ("running variance beside the level of the curve", list(STEADY)),
        (f"reliability of {of}", [_prefix(scores) + name for name in RELIABLE]),
        ("collapse and divergence", list(BREAKS)),
        (DIAGNOSTICS, list(VALUES)),
    ]
    kept = [
        (title, [name for name in names if _any(scores, name) and name not in still])
        for title, names in found
    ]
    return [(title, names) for title, names in kept if names]


def zero_throughout(scores: EnvironmentScores) -> list[str]:
    """The measures of steadiness that are 0 in every run, as where nothing is ever paid."""
    names = [*STEADY, *(_prefix(scores) + name for name in RELIABLE)]
    return [
        name
        for name in names
        if _any(scores, name)
        and all(
            (ends := line.numbers[name]).point == ends.low == ends.high == 0
            for line in scores.summaries
            if line.n > 1
        )
        and any(line.n > 1 for line in scores.summaries)
    ]


def _prefix(scores: EnvironmentScores) -> str:
    """Of the names of the reliability measures: of evaluations, or where there are none of training."""
    return "" if scores.stores("evaluations") else "training_"


def _any(scores: EnvironmentScores, name: str) -> bool:
    return any(
        np.isfinite(line.numbers[name].point) or (name in line.waits and line.waits[name].missed)
        for line in scores.summaries
    )


def notes(found: Sequence[EnvironmentScores]) -> list[str]:
    """Notes on how to read the table."""
    few = max((line.n for scores in found for line in scores.summaries), default=0) <= MINIMUM_UP_TO
    texts = [
        f"Brackets: {percent(LEVEL)} intervals over seeds (bootstrap; Clopper-Pearson for shares; Kaplan-Meier for "
        "waits).",
        "The running variance shrinks at a floor or a ceiling: read it beside the mean of the curve.",
        f"Reliability (Chan et al. 2020): IQR of differences in windows of {DIFFERENCES}; CVaR(0.05) of differences "
        f"and of the drawdown; IQR across runs after a moving mean of {SMOOTHED}. The training curve is read "
        f"at {POINTS} points.",
        "Collapse: after solving, below half of the way from random to threshold; recovery: the threshold again.",
        f"Soft divergence: a value more than {percent(MARGIN)} of the bounds' width beyond them.",
        "Overestimation: predicted minus discounted return of greedy episodes; the tail bounds what time limits cut.",
        _tolerance_note(found),
        *(
            f"{scores.env_id}: 0 in every run, and left out: "
            f"{', '.join(lowered(METRICS[name].title) for name in zero_throughout(scores))}."
            for scores in found
            if zero_throughout(scores)
        ),
    ]
    if few:
        texts.insert(3, f"Up to {MINIMUM_UP_TO} runs, risk across runs is the worst run.")
    return texts


def _tolerance_note(found: Sequence[EnvironmentScores]) -> str:
    intervals = [
        tolerance(column(line.run_scores, "final_return")) for scores in found for line in scores.summaries
    ]
    what = f"Tolerance intervals (hold {percent(CONTENT)} of runs) of the final return"
    if any(not one.text for one in intervals):
        return f"{what}: in the CSV."
    return f"{what}: n too small ({range_text([one.n for one in intervals])} of {FEWEST})."
