"""Findings of the literature (claims.toml), judged on the stored runs with the paired statistics of comparisons."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from analysis.findings.components import SLOTS, Slots, behaving, elsewhere
from analysis.findings.scores import EnvironmentScores
from analysis.loading import Row
from analysis.metrics import METRICS, Floats
from analysis.report.sentences import magnitude, signed
from analysis.statistics.paired import Comparison, compare, holm, verdict
from analysis.tables.summary import interval_text, lowered

Outcome = Literal["supported", "contradicted", "undecided", "not tested by these runs"]
Kinds = Mapping[str, Sequence[str]]
"""By slot, the kinds of piece that count."""


@dataclass(frozen=True)
class Step:
    """Rows that differ in some slots alone, and which way a metric should differ."""

    metric: str
    expected: Literal["higher", "lower"]
    where: Kinds = field(default_factory=dict)
    rows: Kinds = field(default_factory=dict)
    against: Kinds = field(default_factory=dict)
    more: str = ""

    def __post_init__(self) -> None:
        slots = {
            *self.where,
            *self.rows,
            *self.against,
            *([self.more.partition(".")[0]] if self.more else []),
        }
        if not slots <= set(SLOTS):
            raise ValueError(f"no such slot: {', '.join(sorted(slots - set(SLOTS)))}")
        if set(self.rows) != set(self.against) or bool(self.rows) == bool(self.more):
            raise ValueError("a step has either 'more', or 'rows' and 'against' that name the same slots")
        if self.expected not in ("higher", "lower"):
            raise ValueError(f"expected is 'higher' or 'lower', not {self.expected!r}")
        if self.metric not in METRICS or METRICS[self.metric].of is None:
            raise ValueError(f"{self.metric!r} is no metric of a run")


@dataclass(frozen=True)
class Claim:
    """A finding with its source; it holds if each of its steps does."""

    name: str
    text: str
    source: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class JudgedClaim:
    """A claim in one environment."""

    claim: Claim
    env_id: str
    outcome: Outcome
    reasons: tuple[str, ...]
    """One sentence per step."""


def read(text: str | None = None) -> list[Claim]:
    """The claims of claims.toml, or of a text of that form."""
    if text is None:
        text = files("analysis.findings").joinpath("claims.toml").read_text(encoding="utf-8")
    return [
        Claim(one["name"], one["text"], one["source"], tuple(Step(**step) for step in one["step"]))
        for one in tomllib.loads(text)["claim"]
    ]


def judge_all(scores: EnvironmentScores, claims: Sequence[Claim]) -> list[JudgedClaim]:
    """Every claim in one environment."""
    return [judge(scores, claim) for claim in claims]


def judge(scores: EnvironmentScores, claim: Claim) -> JudgedClaim:
    """Supported if every step is; contradicted if any step is; Holm's correction runs over the steps."""
    tested = [_scores(scores, step) for step in claim.steps]
    found = [
        None
        if values is None
        else compare(values[0][None], values[1][None], answers=METRICS[step.metric].summary == "share")[0]
        for step, values in zip(claim.steps, tested, strict=True)
    ]
    adjusted = iter(holm([one.p for one in found if one is not None]))
    outcomes, reasons = [], []
    for step, values, one in zip(claim.steps, tested, found, strict=True):
        if values is None or one is None:
            outcomes.append("not tested by these runs")
            reasons.append(_untested(scores, step))
            continue
        outcomes.append(_outcome(scores, step, one, next(adjusted)))
        reasons.append(_reason(step, one, outcomes[-1], values[2]))
    return JudgedClaim(claim, scores.env_id, _together(outcomes), tuple(reasons))


def _together(outcomes: Sequence[str]) -> Outcome:
    order: tuple[Outcome, ...] = ("contradicted", "not tested by these runs", "undecided")
    return next((outcome for outcome in order if outcome in outcomes), "supported")


def _outcome(scores: EnvironmentScores, step: Step, one: Comparison, p: float) -> Outcome:
    """A difference that the comparisons would call one counts, whichever way; everything else is undecided."""
    if verdict(one.difference, p, scores.scale(METRICS[step.metric])) != "differs":
        return "undecided"
    return "supported" if (one.difference.point > 0) == (step.expected == "higher") else "contradicted"


def _scores(scores: EnvironmentScores, step: Step) -> tuple[Floats, Floats, list[tuple[str, str]]] | None:
    """Means over the pairs of rows at each seed, (S,), twice, and the pairs' labels; None where there is no pair.

    A seed counts if all pairs have it, so that the same pairs are averaged at each; pairs that have no run in common
    are left out before.
    """
    values = scores.of(step.metric)
    places = [
        (a, b)
        for a, b in pairs([line.row for line in scores.summaries], step)
        if np.isfinite(values[a] - values[b]).any()
    ]
    if not places:
        return None
    x, y = values[[a for a, _ in places]], values[[b for _, b in places]]
    whole = np.isfinite(x - y).all(axis=0)
    if not whole.any():
        return None
    labels = [(scores.labels[a], scores.labels[b]) for a, b in places]
    return np.where(whole, x.mean(axis=0), np.nan), np.where(whole, y.mean(axis=0), np.nan), labels


def pairs(rows: Sequence[Row], step: Step) -> Iterator[tuple[int, int]]:
    """Places of the rows that a step compares: equal but for the slots, or the number, that it names."""
    slots = [behaving(row.slots) for row in rows]
    named = {step.more.partition(".")[0]} if step.more else set(step.rows)
    for a, one in enumerate(slots):
        for b, other in enumerate(slots):
            shared = all(one[slot] == other[slot] for slot in SLOTS if slot not in named)
            if not shared or elsewhere(rows[a]) != elsewhere(rows[b]) or not _fits(one, step.where):
                continue
            if (
                _more(one, other, step.more)
                if step.more
                else _fits(one, step.rows) and _fits(other, step.against)
            ):
                yield a, b


def _fits(slots: Slots, kinds: Kinds) -> bool:
    return all(_kind(slots[slot]) in some for slot, some in kinds.items())


def _kind(piece: Mapping[str, Any]) -> str:
    """Which kind a piece counts as. With alpha 0 nothing is prioritised: a control, of which no finding speaks."""
    return "flat" if piece["kind"] == "prioritized" and piece.get("alpha") == 0 else str(piece["kind"])


def _more(one: Slots, other: Slots, name: str) -> bool:
    """Whether two pieces differ in one number alone, the first having more of it."""
    slot, _, number = name.partition(".")
    x, y = dict(one[slot]), dict(other[slot])
    if number not in x or number not in y:
        return False
    return bool(x.pop(number) > y.pop(number)) and x == y


# ---- as text -------------------------------------------------------------------------------------------------------


def _reason(step: Step, one: Comparison, outcome: str, labels: Sequence[tuple[str, str]]) -> str:
    """'Overestimation: lower by 12.3 [10.1, 14.2] (value), n = 10; double - dqn.'"""
    metric, ends = METRICS[step.metric], one.difference
    of = ", ".join(f"{a} - {b}" for a, b in labels[:4])
    if len(labels) > 4:
        of += f" and {len(labels) - 4} more pairs"
    n = f"({metric.unit}), n = {one.n}"
    if outcome == "undecided":
        return f"{metric.title}: {step.expected} expected, {signed(metric, ends)} {n}: undecided; {of}."
    way = "higher" if ends.point > 0 else "lower"
    return f"{metric.title}: {way} by {interval_text(metric.name, magnitude(ends))} {n}; {of}."


def _untested(scores: EnvironmentScores, step: Step) -> str:
    what = lowered(METRICS[step.metric].title)
    if any(pairs([line.row for line in scores.summaries], step)):
        return f"No {what} is known of runs that could be compared."
    changed = f"more {step.more}" if step.more else f"{_kinds(step.rows)} against {_kinds(step.against)}"
    where = f" with {_kinds(step.where)}" if step.where else ""
    return f"No two rows differ in this alone: {changed}{where}."


def _kinds(kinds: Kinds) -> str:
    return ", ".join(f"{slot} {' or '.join(some)}" for slot, some in kinds.items())
