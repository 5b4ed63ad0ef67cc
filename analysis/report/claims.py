"""Judged claims: what tells in short, and a sentence for each step."""

from __future__ import annotations

from analysis.findings.claims import JudgedClaim, JudgedStep, Kinds
from analysis.metrics import METRICS
from analysis.statistics.intervals import Interval
from analysis.statistics.sequential import Judged
from analysis.tables.spelling import interval_text, lowered, magnitude, signed_text

MOST_PAIRS = 4
"""Pairs of rows that are named; others are counted."""


def telling(judged: JudgedClaim) -> str:
    """The differences on which the outcome rests, in a line: 'Overestimation -4.45 [-8.15, -1.55], n = 7'."""
    return "; ".join(
        f"{METRICS[step.step.metric].title} {signed_text(step.step.metric, _ends(step.judged))}, n = {step.judged.n}"
        for step in judged.steps
        if step.judged is not None and step.outcome == judged.outcome
    )


def _ends(one: Judged) -> Interval:
    return Interval(one.difference, one.low, one.high)


def reasons(judged: JudgedClaim) -> list[str]:
    """'Overestimation: lower by 12.3 [10.1, 14.2] (value), n = 10; double - dqn.'"""
    return [*(_reason(step) for step in judged.steps), *_mechanism(judged)]


def _mechanism(judged: JudgedClaim) -> list[str]:
    """Whether these runs are consistent with the mechanism that a claim names; exploratory."""
    found = judged.mechanism
    if found is None:
        return []
    mediator = METRICS[found.mediator.step.metric]
    outcome = METRICS[judged.steps[0].step.metric]
    r = ", ".join(f"{end:.2f}" for end in (found.correlation.low, found.correlation.high))
    said = "consistent with" if found.is_consistent(judged.steps[0].step) else "no sign of"
    return [
        f"Exploratory, {said} the mechanism: {_reason(found.mediator)} Over {found.n} seeds its difference and that of "
        f"the {lowered(outcome.title)} correlate by {found.correlation.point:.2f} [{r}] ({mediator.unit})."
    ]


def _reason(judged: JudgedStep) -> str:
    step, one = judged.step, judged.judged
    metric = METRICS[step.metric]
    if one is None:
        return _untested(judged)
    of = ", ".join(f"{a} - {b}" for a, b in judged.pairs[:MOST_PAIRS])
    if len(judged.pairs) > MOST_PAIRS:
        of += f" and {len(judged.pairs) - MOST_PAIRS} more pairs"
    ends = _ends(one)
    n = f"({metric.unit}), n = {one.n}"
    if judged.outcome == "undecided":
        difference = signed_text(metric.name, ends)
        return f"{metric.title}: {step.expected} expected, {difference} {n}: undecided; {of}."
    way = "higher" if ends.point > 0 else "lower"
    return f"{metric.title}: {way} by {interval_text(metric.name, magnitude(ends))} {n}; {of}."


def _untested(judged: JudgedStep) -> str:
    step = judged.step
    if judged.pairs:
        return f"No {lowered(METRICS[step.metric].title)} is known of runs that could be compared."
    changed = f"more {step.more}" if step.more else f"{_kinds(step.rows)} against {_kinds(step.against)}"
    where = f" with {_kinds(step.where)}" if step.where else ""
    return f"No two rows differ in this alone: {changed}{where}."


def _kinds(kinds: Kinds) -> str:
    return ", ".join(f"{slot} {' or '.join(some)}" for slot, some in kinds.items())
