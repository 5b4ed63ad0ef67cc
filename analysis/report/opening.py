"""The first screen: on the metric by which a study decides, a sentence per slot as a person would say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.against_baseline import RowComparison
from analysis.findings.claims import NOT_TESTED, Claim, JudgedClaim
from analysis.findings.evidence import Evidence
from analysis.loading import Row, replaced_slots
from analysis.report.claims import reasons
from analysis.report.sentences import summary
from analysis.statistics.power import MOST
from analysis.tables.spelling import lowered, number_text, percent, range_text, row_name, signed_text
from analysis.tables.table import by_environment

MOST_ROWS = 24
"""Rows beyond which nobody reads a sentence on each; the figure and the tables hold them."""
SEVERAL = "several slots at once"
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
    about: str
    """'Mean of the curve, return per episode; DQN: 291.'"""
    sentences: tuple[tuple[str, str], ...]
    """(slot, what its rows do), in the study's order."""
    undecided: str
    """One line on everything that is open, with the seeds that it would take; '' where nothing is."""


@dataclass(frozen=True)
class ClaimLine:
    """A finding of the literature in a line."""

    text: str
    source: str
    env_id: str
    outcome: str
    why: str


def openings(found: Evidence) -> list[Opening]:
    """An opening for each environment in which something is compared."""
    rows = {row.label: row for row in found.rows}
    made = []
    primary = [one for one in found.comparisons if one.is_primary]
    for env_id, here in by_environment(primary, lambda one: one.env_id).items():
        decided = [one for one in here if one.judged.is_decided]
        made.append(
            Opening(
                env_id, _about(here, rows), tuple(_by_slot(decided[:MOST_ROWS], rows)), _undecided(here, rows)
            )
        )
    return made


def claim_lines(judged: Sequence[tuple[Claim, Sequence[JudgedClaim]]]) -> list[ClaimLine]:
    """Every finding that these runs test, a line for each environment: supported and contradicted ones first."""
    order = ("supported", "contradicted", "undecided")
    lines = [
        ClaimLine(claim.text, claim.source, one.env_id, one.outcome, " ".join(_telling_first(one)))
        for claim, ones in judged
        for one in ones
        if one.outcome != NOT_TESTED
    ]
    return sorted(lines, key=lambda line: order.index(line.outcome))


def _telling_first(judged: JudgedClaim) -> list[str]:
    """The reasons, those first that the outcome rests on."""
    said = reasons(judged)
    outcomes = [step.outcome for step in judged.steps]
    order = sorted(range(len(outcomes)), key=lambda place: outcomes[place] != judged.outcome)
    return [*(said[place] for place in order), *said[len(outcomes) :]]


def _about(here: Sequence[RowComparison], rows: Mapping[str, Row]) -> str:
    metric = here[0].metric
    base = {one.against for one in here}
    text = f"Judged by the {lowered(metric.title)} ({metric.unit})"
    if len(base) == 1:
        longest = max(here, key=lambda one: one.n)
        name = row_name(rows[longest.against])
        text += f", which is {number_text(metric.name, longest.means[1])} for {name} ({longest.n} seeds)"
    counts = summary(here)
    alpha = percent(here[0].looks.decide["alpha"])
    sure = f'Any false difference among them: a chance of at most {alpha}; any false "within the margin": likewise'
    return f"{text}. {counts[:1].upper()}{counts[1:]} {sure}."


def _by_slot(decided: Sequence[RowComparison], rows: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    slots: dict[str, list[RowComparison]] = {}
    for one in decided:
        slots.setdefault(_slot(rows[one.label], rows[one.against]), []).append(one)
    for slot, ones in slots.items():
        differ, same = ([one for one in ones if one.judged.differs is side] for side in (True, False))
        parts = [_differs(one, rows) for one in differ]
        if same:
            parts.append(_same(same, rows))
        yield slot, "; ".join(parts) + "."


def _slot(row: Row, base: Row) -> str:
    changed = replaced_slots(row.slots, base.slots)
    return changed[0] if len(changed) == 1 else SEVERAL


def _differs(one: RowComparison, rows: Mapping[str, Row]) -> str:
    """'No replay costs half of the mean: -145 [-152, -139], 12 seeds'."""
    point, mean = one.difference.point, one.means[1]
    size = _size(abs(point / mean)) if mean and np.isfinite(mean) else ""
    verb = {
        "better": "gains" if point > 0 else "saves",
        "worse": "costs" if point < 0 else "adds",
        "higher": "adds",
        "lower": "takes away",
    }[one.verdict]
    word = f" ({one.verdict})" if verb in ("adds", "takes away", "saves") else ""
    small = ", by less than the margin" if one.is_small else ""
    what = f" {size}" if size else ""
    return (
        f"{row_name(rows[one.label])} {verb}{what}{word}: {signed_text(one.metric.name, one.difference)}, "
        f"{one.n} seeds{small}"
    )


def _size(share: float) -> str:
    for part, word in FRACTIONS:
        if abs(share - part) <= CLOSE:
            return f"{word} of the mean"
    return f"{percent(share)} of the mean" if share >= 0.005 else "less than 1 % of the mean"


def _same(ones: Sequence[RowComparison], rows: Mapping[str, Row]) -> str:
    """'Double and Dueling change it by less than 22.6 (12 to 24 seeds)'."""
    names = [row_name(rows[one.label]) for one in ones]
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    n = range_text([one.n for one in ones])
    margin = number_text(ones[0].metric.name, ones[0].margin)
    return f"{who} change{'s' if len(names) == 1 else ''} it by less than {margin} ({n} seeds)"


def _undecided(here: Sequence[RowComparison], rows: Mapping[str, Row]) -> str:
    open_ = [one for one in here if one.verdict == "undecided"]
    if not open_:
        return ""
    untested = open_[0].untested
    if untested is not None:
        return f"Undecided whatever the seeds, as nothing is tested here: {untested}."
    texts = []
    for one in open_[:MOST_ROWS]:
        about = one.seeds and (f"> {MOST}" if one.seeds.about is None else str(one.seeds.about))
        texts.append(f"{row_name(rows[one.label])} {about or '(not known)'}")
    more = f" and {len(open_) - MOST_ROWS} more" if len(open_) > MOST_ROWS else ""
    have = range_text([one.n for one in open_])
    return f"Undecided at {have} seeds; about so many are needed: {', '.join(texts)}{more}."
