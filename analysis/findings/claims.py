"""Findings of the literature (claims.toml), judged on the stored runs with the paired statistics of comparisons."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.loading import Pieces, Row
from analysis.metrics import METRICS
from analysis.statistics.contrasts import Contrast
from analysis.statistics.sequential import Judged, holm

Outcome = Literal["supported", "contradicted", "undecided", "not tested by these runs"]
NOT_TESTED: Outcome = "not tested by these runs"
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
        if set(self.rows) != set(self.against) or bool(self.rows) == bool(self.more):
            raise ValueError("a step has either 'more', or 'rows' and 'against' that name the same slots")
        if self.expected not in ("higher", "lower"):
            raise ValueError(f"expected is 'higher' or 'lower', not {self.expected!r}")
        if self.metric not in METRICS or METRICS[self.metric].score is None:
            raise ValueError(f"{self.metric!r} is no metric of a run")

    @property
    def slots(self) -> set[str]:
        """The slots in which the rows may differ."""
        return {self.more.partition(".")[0]} if self.more else set(self.rows)


@dataclass(frozen=True)
class Claim:
    """A finding with its source; it holds if each of its steps does."""

    name: str
    text: str
    source: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class JudgedStep:
    """A step in one environment."""

    step: Step
    outcome: Outcome
    judged: Judged | None
    """None where nothing could be compared."""
    pairs: Sequence[tuple[str, str]]
    """The labels of the rows that fit; there may be some without a score."""


@dataclass(frozen=True)
class JudgedClaim:
    """A claim in one environment."""

    claim: Claim
    env_id: str
    steps: tuple[JudgedStep, ...]

    @property
    def outcome(self) -> Outcome:
        """Supported if every step is; contradicted if any step is."""
        outcomes = [one.outcome for one in self.steps]
        order: tuple[Outcome, ...] = ("contradicted", NOT_TESTED, "undecided")
        return next((outcome for outcome in order if outcome in outcomes), "supported")


def read_claims(text: str | None = None) -> list[Claim]:
    """The claims of claims.toml, or of a text of that form."""
    if text is None:
        text = files("analysis.findings").joinpath("claims.toml").read_text(encoding="utf-8")
    return [
        Claim(one["name"], one["text"], one["source"], tuple(Step(**step) for step in one["step"]))
        for one in tomllib.loads(text)["claim"]
    ]


def judge(scores: EnvironmentScores, claim: Claim) -> JudgedClaim:
    """The claim on the runs of an environment; Holm's correction runs over its steps."""
    rows = [summary.row for summary in scores.summaries]
    fitting = [list(comparable_pairs(rows, step)) for step in claim.steps]
    found = [
        _judge(scores, step, pairs, len(claim.steps))
        for step, pairs in zip(claim.steps, fitting, strict=True)
    ]
    adjusted = iter(
        holm([judged.sequential_p for judged, _ in found if judged is not None], len(claim.steps))
    )
    steps = []
    for step, pairs, (judged, compared) in zip(claim.steps, fitting, found, strict=True):
        outcome = NOT_TESTED if judged is None else _outcome(scores, step, judged, next(adjusted))
        shown = pairs if judged is None else compared
        labels = [(scores.labels[a], scores.labels[b]) for a, b in shown]
        steps.append(JudgedStep(step, outcome, judged, labels))
    return JudgedClaim(claim, scores.env_id, tuple(steps))


def _outcome(scores: EnvironmentScores, step: Step, judged: Judged, p: float) -> Outcome:
    """A difference counts, whichever way; everything else is undecided."""
    if not p <= scores.looks.decide["alpha"]:
        return "undecided"
    return "supported" if (judged.difference > 0) == (step.expected == "higher") else "contradicted"


def _judge(
    scores: EnvironmentScores, step: Step, pairs: Sequence[tuple[int, int]], family: int
) -> tuple[Judged | None, Sequence[tuple[int, int]]]:
    """The mean over the pairs of rows, at the seeds that all of them have, and the pairs; None where there is none.

    Pairs that have no run in common are left out before.
    """
    values = scores.of(step.metric)
    places = [(a, b) for a, b in pairs if np.isfinite(values[a] - values[b]).any()]
    mean: dict[int, float] = {}
    for a, b in places:
        mean[a] = mean.get(a, 0.0) + 1 / len(places)
        mean[b] = mean.get(b, 0.0) - 1 / len(places)
    contrast: Contrast = {row: weight for row, weight in mean.items() if abs(weight) > 1e-12}
    (judged,), _ = (
        scores.judge(METRICS[step.metric], [contrast], family=family) if places else ((None,), None)
    )
    return (judged if judged and judged.n else None), places


def comparable_pairs(rows: Sequence[Row], step: Step) -> Iterator[tuple[int, int]]:
    """Places of the rows that a step compares: equal but for the slots, or the number, that it names."""
    for a, x in enumerate(rows):
        for b, y in enumerate(rows):
            one, other = x.acting, y.acting
            if any(one.slots[slot] != other.slots[slot] for slot in one.slots if slot not in step.slots):
                continue
            if x.swept_settings != y.swept_settings or not _fits(one, step.where):
                continue
            fits = _fits(one, step.rows) and _fits(other, step.against)
            if _more(one, other, step.more) if step.more else fits:
                yield a, b


def _fits(pieces: Pieces, kinds: Kinds) -> bool:
    """True if pieces are of the kinds that count. Of a control, a trick that is switched off, no finding speaks."""
    return all(
        pieces.slots[slot]["kind"] in some and not pieces.facts[slot].get("control")
        for slot, some in kinds.items()
    )


def _more(one: Pieces, other: Pieces, name: str) -> bool:
    """True if two pieces differ in one number alone, the first having more of it."""
    slot, _, number = name.partition(".")
    x, y = dict(one.slots[slot]), dict(other.slots[slot])
    if number not in x or number not in y:
        return False
    return bool(x.pop(number) > y.pop(number)) and x == y
