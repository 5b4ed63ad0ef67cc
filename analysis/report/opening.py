"""The first screen: on the metric by which a study decides, a sentence per slot as a person would say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.against_baseline import RowComparison
from analysis.findings.claims import NOT_TESTED, Claim, JudgedClaim
from analysis.findings.evidence import Evidence
from analysis.findings.factorial_effects import EstimatedEffect
from analysis.loading import Row, replaced_slots
from analysis.metrics import METRICS, Metric
from analysis.report.claims import reasons, telling
from analysis.statistics.power import MOST
from analysis.tables.spelling import (
    interval_text,
    listed,
    lowered,
    magnitude,
    number_text,
    percent,
    range_text,
    row_name,
    signed_text,
    slot_title,
)
from analysis.tables.table import by_environment

MOST_ROWS = 24
"""Rows beyond which nobody reads a sentence on each; the figure and the tables hold them."""
SEVERAL = "Several at once"
MOST_NAMED = 6
"""Undecided rows that are named; more are counted."""
MOST_INTERACTIONS = 2
SAID = {
    "auc": "mean return",
    "evaluation_return": "final greedy return",
    "steps_to_threshold": "number of steps until solved",
    "episodes_to_threshold": "number of episodes until solved",
}
"""Metrics as people call them, where that isn't their title."""
SCALES = {
    "return": "the way from random play to solved",
    "steps": "the budget",
    "value": "the width of the bounds",
    "share": "all runs",
}
"""Of what a margin is a share."""
FRACTIONS = (
    (0.5, "half"),
    (1 / 3, "a third"),
    (0.25, "a quarter"),
    (2 / 3, "two thirds"),
    (0.75, "three quarters"),
)
CLOSE = 0.02
"""How near a share must be to a fraction that people have a word for."""


@dataclass(frozen=True)
class Opening:
    """What the study found in one environment."""

    env_id: str
    judged: str
    """By what is judged."""
    counts: str
    """How many rows differ."""
    certainty: str
    """How sure that is; '' where nothing is decided."""
    sentences: tuple[tuple[str, str], ...]
    """(slot, what its rows do), in the study's order; of a factorial (slot, its main effects)."""
    undecided: str
    """One line on everything that is open, with the seeds that it would take; '' where nothing is."""


@dataclass(frozen=True)
class ClaimLine:
    """A finding of the literature in a line."""

    text: str
    source: str
    env_id: str
    outcome: str
    telling: str
    """The differences on which the outcome rests."""
    why: tuple[str, ...]
    """Every step in a sentence."""


def openings(found: Evidence) -> list[Opening]:
    """An opening for each environment in which something is compared."""
    rows = {row.label: row for row in found.rows}
    made = []
    primary = [one for one in found.comparisons if one.is_primary]
    for env_id, here in by_environment(primary, lambda one: one.env_id).items():
        effects = [one for one in found.effects if (one.env_id, one.metric) == (env_id, here[0].metric.name)]
        decided = [one for one in here if one.judged.is_decided]
        said = _by_effect(effects) if effects else _by_slot(decided[:MOST_ROWS], rows)
        about = _judged(here, found), _counts(here, found), _certainty(here, effects)
        made.append(Opening(env_id, *about, tuple(said), _undecided(here, rows)))
    return made


def claim_lines(judged: Sequence[tuple[Claim, Sequence[JudgedClaim]]]) -> list[ClaimLine]:
    """Every finding that these runs test, a line for each environment: supported and contradicted ones first."""
    order = ("supported", "contradicted", "undecided")
    lines = [
        ClaimLine(claim.text, claim.source, one.env_id, one.outcome, telling(one), tuple(reasons(one)))
        for claim, ones in judged
        for one in ones
        if one.outcome != NOT_TESTED
    ]
    return sorted(lines, key=lambda line: order.index(line.outcome))


def _judged(here: Sequence[RowComparison], found: Evidence) -> str:
    """'Judged by the mean return (mean of the curve, return per episode): 291 for DQN in 50,000 steps, 12 seeds.'"""
    metric, rows = here[0].metric, {row.label: row for row in found.results.rows(here[0].env_id)}
    said, title = said_of(metric.name), lowered(metric.title)
    text = f"Judged by the {said} ({metric.unit if said == title else f'{title}, {metric.unit}'})"
    if len({one.against for one in here}) == 1:
        longest = max(here, key=lambda one: one.n)
        mean, base = number_text(metric.name, longest.means[1]), rows[longest.against]
        seeds = f"{longest.n} seed{'s' if longest.n > 1 else ''}"
        text += f": {mean} for {row_name(base)} in {base.budget:,} steps, {seeds}"
    return f"{text}."


def _counts(here: Sequence[RowComparison], found: Evidence) -> str:
    """'Of 12 variants 8 differ from the baseline, 3 stay within the margin of 22.7 (5 % of ...), 1 is undecided.'"""
    differ = sum(one.judged.differs for one in here)
    same, unknown = (sum(one.verdict == word for one in here) for word in ("same", "undecided"))
    what = "row" if any(row.swept for row in found.rows) else "variant"
    parts = [f"{differ or 'none'} {'differ' if differ > 1 else 'differs'} from the baseline"]
    if same:
        parts.append(
            f"{same} {'stay' if same > 1 else 'stays'} within the margin of {_margin(here[0], found)}"
        )
    if unknown:
        parts.append(f"{unknown} {'are' if unknown > 1 else 'is'} undecided")
    return f"Of {len(here)} {what}{'s' if len(here) > 1 else ''} {listed(parts)}."


def _margin(some: RowComparison, found: Evidence) -> str:
    """'22.7 (5 % of the way from random play to solved)'."""
    own = found.results.environment(some.env_id).get("margin") is not None
    of = "" if own else SCALES.get(some.metric.scale or "", "")
    share = f" ({percent(some.looks.decide['margin'])} of {of})" if of else ""
    return number_text(some.metric.name, some.margin) + share


def _certainty(here: Sequence[RowComparison], effects: Sequence[EstimatedEffect]) -> str:
    """How often one of these verdicts may be wrong, and what stands in brackets."""
    error = here[0].looks.decide["alpha"]
    alpha, level = percent(error), percent(1 - error)
    differ, same = any(one.judged.differs for one in here), any(one.judged.same for one in here)
    which = "difference" if differ else 'verdict "within the margin"'
    also = ', and so it is for any "within the margin"' if differ and same else ""
    said = [f"The chance that any {which} is false is at most {alpha}{also}."] if differ or same else []
    if effects:
        n = range_text([one.judged.n for one in effects])
        said.append(f"Effects are averages over the other parts, {n} seeds.")
    return " ".join([*said, f"Brackets: {level} intervals."] if said else [])


def _by_slot(decided: Sequence[RowComparison], rows: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    slots: dict[str, list[RowComparison]] = {}
    for one in decided:
        slots.setdefault(_slot(rows[one.label], rows[one.against]), []).append(one)
    for slot, ones in slots.items():
        differ, same = ([one for one in ones if one.judged.differs is side] for side in (True, False))
        parts = [_differs(one, row_name(rows[one.label])) for one in differ]
        if same:
            parts.append(_same(same, rows))
        yield slot, "; ".join(parts) + "."


def _slot(row: Row, base: Row) -> str:
    changed = replaced_slots(row.slots, base.slots)
    return slot_title(changed[0]) if len(changed) == 1 else SEVERAL


def _differs(one: RowComparison, name: str) -> str:
    """'No replay costs half of the mean return: -145 [-152, -139] of 291, 12 seeds'."""
    mean, point = one.means[1], one.difference.point
    share = abs(point / mean) if mean > 0 and mean + point >= 0 else np.nan  # of what has no sign
    text = f"{name} {_does(one.metric, point, share)}: {signed_text(one.metric.name, one.difference)}"
    if np.isfinite(mean):
        place = "from" if np.isnan(share) else "on" if point > 0 else "of"
        text += f" {place} {number_text(one.metric.name, mean)}"
    return f"{text}, {one.n} seeds" + (", by less than the margin" if one.is_small else "")


def _does(metric: Metric, difference: float, share: float = np.nan) -> str:
    """'costs half of the mean return'; 'adds 10 % to the number of steps until solved (worse)'; 'raises the ...'."""
    said, up = said_of(metric.name), difference > 0
    better = "" if metric.bigger_is_better is not False else " (worse)" if up else " (better)"
    if np.isnan(share):
        return f"{'raises' if up else 'lowers'} the {said}{better}"
    size = _size(share)
    if metric.bigger_is_better and not up:
        return f"costs {size} of the {said}"
    return f"{f'adds {size} to' if up else f'takes {size} off'} the {said}{better}"


def said_of(metric: str) -> str:
    """A metric as a person says it."""
    return SAID.get(metric, lowered(METRICS[metric].title))


def _size(share: float) -> str:
    for part, word in FRACTIONS:
        if abs(share - part) <= CLOSE:
            return word
    return percent(share) if share >= 0.005 else "less than 1 %"


def _same(ones: Sequence[RowComparison], rows: Mapping[str, Row]) -> str:
    """'Double and Dueling change it by less than the margin (12 to 24 seeds)'."""
    change = "changes" if len(ones) == 1 else "change"
    n = range_text([one.n for one in ones])
    return f"{listed([row_name(rows[one.label]) for one in ones])} {change} it by less than the margin ({n} seeds)"


def _undecided(here: Sequence[RowComparison], rows: Mapping[str, Row]) -> str:
    open_ = [one for one in here if one.verdict == "undecided"]
    if not open_:
        return ""
    untested = open_[0].untested
    if untested is not None:
        return f"Undecided whatever the seeds, as nothing is tested here: {untested}."
    is_short = len(open_) <= MOST_NAMED
    numbers = [one.seeds.about for one in open_ if one.seeds is not None and one.seeds.about is not None]
    names: dict[str, list[str]] = {}
    for one in sorted(open_, key=lambda one: MOST if one.seeds is None else one.seeds.about or MOST):
        if one.seeds is None:
            about = "not known"
        elif one.seeds.about is None:
            about = f"more than {MOST}"
        else:
            about = str(one.seeds.about) if is_short else range_text(numbers)
        names.setdefault(about, []).append(row_name(rows[one.label]))
    texts = [
        f"{about} for {listed(some) if is_short else f'{len(some)} of them'}" for about, some in names.items()
    ]
    have = range_text([one.n for one in open_])
    return f"Undecided at {have} seeds. About so many would settle it: {'; '.join(texts)}."


# ---- factorials ----


def _by_effect(effects: Sequence[EstimatedEffect]) -> Iterator[tuple[str, str]]:
    """Each factor's main effects, and the interactions that are known."""
    factors: dict[str, list[EstimatedEffect]] = {}
    for one in effects:
        if one.effect.kind == "main" and np.isfinite(one.number.point):
            factors.setdefault(one.effect.name.partition(": ")[0], []).append(one)
    for slot, ones in factors.items():
        said = "; ".join(map(_effect, ones))
        yield slot_title(slot), f"{said[:1].upper()}{said[1:]}."
    pairs = [one for one in effects if one.effect.kind == "interaction"]
    if pairs:
        known = sorted((one for one in pairs if one.judged.differs), key=lambda one: -abs(one.number.point))
        most = ", most of all " if len(known) > MOST_INTERACTIONS else ": " if known else ""
        texts = [
            f"{one.effect.name} {signed_text(one.metric, one.number)}" for one in known[:MOST_INTERACTIONS]
        ]
        differ = "differs" if len(known) < 2 else "differ"
        yield (
            "Together",
            f"{len(known) or 'None'} of {len(pairs)} interactions {differ} from 0{most}{'; '.join(texts)}.",
        )


def _effect(one: EstimatedEffect) -> str:
    """'hard instead of none raises the mean return by 57.1 [40.2, 71.0]', 'double instead of max is undecided (…)'."""
    after, _, before = one.effect.name.partition(": ")[2].partition(" - ")
    change = f"{after} instead of {before}" + (f" at {one.at}" if one.at else "")
    if one.judged.differs:
        does = _does(METRICS[one.metric], one.number.point)
        small = ", by less than the margin" if one.judged.same else ""
        return f"{change} {does} by {interval_text(one.metric, magnitude(one.number))}{small}"
    found = "changes it by less than the margin" if one.judged.same else "is undecided"
    return f"{change} {found} ({signed_text(one.metric, one.number)})"
