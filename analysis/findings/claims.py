"""Findings of the literature (claims.toml), judged on the stored runs with the paired statistics of comparisons."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from statistics import NormalDist
from typing import Literal

import numpy as np

from analysis.findings.scores import EnvironmentScores
from analysis.loading import Pieces, Row
from analysis.metrics import METRICS, Floats
from analysis.statistics.contrasts import Contrast
from analysis.statistics.intervals import Interval
from analysis.statistics.sequential import Judged, holm

Outcome = Literal["supported", "contradicted", "undecided", "not tested by these runs"]
NOT_TESTED: Outcome = "not tested by these runs"
FEWEST = 5
"""Seeds below which a correlation is not spoken of."""
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
class Mechanism:
    """Through what a trick is said to do what the first step of a claim says: its effect on another metric."""

    mediator: str
    expected: Literal["higher", "lower"]


@dataclass(frozen=True)
class Claim:
    """A finding with its source; it holds if each of its steps does."""

    name: str
    text: str
    source: str
    steps: tuple[Step, ...]
    mechanism: Mechanism | None = None


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
class JudgedMechanism:
    """A mechanism in one environment: exploratory, outside of the families of tests.

    Over seeds, the differences of the mediator and of the first step's metric are correlated (Pearson), with Fisher's
    interval: tanh(atanh r +- z / sqrt(n - 3)).
    """

    mediator: JudgedStep
    n: int
    correlation: Interval

    def is_consistent(self, outcome: Step) -> bool:
        """True if the mediator moves as it is said to, and the outcome more where it moves more."""
        sign = 1 if self.mediator.step.expected == outcome.expected else -1
        ends = sign * self.correlation.low, sign * self.correlation.high
        return self.mediator.outcome == "supported" and min(ends) > 0


@dataclass(frozen=True)
class JudgedClaim:
    """A claim in one environment."""

    claim: Claim
    env_id: str
    steps: tuple[JudgedStep, ...]
    mechanism: JudgedMechanism | None = None

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
        Claim(
            one["name"],
            one["text"],
            one["source"],
            tuple(Step(**step) for step in one["step"]),
            Mechanism(**one["mechanism"]) if "mechanism" in one else None,
        )
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
    return JudgedClaim(claim, scores.env_id, tuple(steps), _mechanism(scores, claim))


def _mechanism(scores: EnvironmentScores, claim: Claim) -> JudgedMechanism | None:
    """The mechanism of a claim at the seeds that mediator and outcome have in common; None with fewer than five."""
    if claim.mechanism is None:
        return None
    outcome = claim.steps[0]
    step = replace(outcome, metric=claim.mechanism.mediator, expected=claim.mechanism.expected)
    rows = [summary.row for summary in scores.summaries]
    judged, places = _judge(scores, step, list(comparable_pairs(rows, step)), 1)
    if judged is None:
        return None
    x, y = (_mean_difference(scores.of(metric), places) for metric in (step.metric, outcome.metric))
    both = np.isfinite(x + y)
    n = int(both.sum())
    if n < FEWEST or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return None
    r = float(np.corrcoef(x[both], y[both])[0, 1])
    reach = NormalDist().inv_cdf(0.975) / np.sqrt(n - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    ends = Interval(r, float(np.tanh(z - reach)), float(np.tanh(z + reach)))
    labels = [(scores.labels[a], scores.labels[b]) for a, b in places]
    mediator = JudgedStep(step, _outcome(scores, step, judged, judged.sequential_p), judged, labels)
    return JudgedMechanism(mediator, n, ends)


def _mean_difference(values: Floats, places: Sequence[tuple[int, int]]) -> Floats:
    """The mean difference of pairs of rows at each seed, (S,)."""
    found: Floats = np.mean([values[a] - values[b] for a, b in places], axis=0)
    return found


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
