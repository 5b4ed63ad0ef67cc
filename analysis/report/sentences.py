"""The answer in sentences: each comparison with the baseline as one sentence, made of its numbers and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.findings.against_baseline import RowComparison
from analysis.findings.factorial_effects import EstimatedEffect
from analysis.metrics import METRICS
from analysis.statistics.power import MOST, SeedsNeeded
from analysis.tables.spelling import (
    interval_text,
    lowered,
    magnitude,
    metric_heading,
    number_text,
    signed_text,
)

ANSWERED = (
    "final_return",
    "auc",
    "steps_to_threshold",
    "running_variance",
    "q_error",
    "regret",
    "overestimation",
    "value_excess",
)
"""The metrics that the answer speaks of, in this order; the tables hold the others."""
EFFECTS = ("final_return", "auc", "running_variance", "overestimation", "value_excess")
"""Those of them for which the main effects of a factorial are said."""


@dataclass(frozen=True)
class Answer:
    """The answer on one metric in one environment."""

    env_id: str
    title: str
    """'Final return (return per episode; bigger is better)'."""
    summary: str
    """'1 of 4 rows differs from the baseline; 3 undecided.'"""
    sentences: tuple[str, ...]
    """One per row of which something is known: what differs first, then what doesn't."""
    undecided: tuple[str, ...]
    """One per row of which nothing is."""


def answers(
    found: Sequence[RowComparison], names: Mapping[str, str], than: str = "the baseline"
) -> list[Answer]:
    """The answer, environment by environment and metric by metric; ``names`` are the rows' names by label."""
    answer = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        primary = [one.metric.name for one in found if one.is_primary]
        for name in dict.fromkeys([*primary, *ANSWERED]):
            here = [one for one in found if (one.env_id, one.metric.name) == (env_id, name)]
            here.sort(key=lambda one: (not one.judged.differs, not one.judged.same))
            title = metric_heading(name) + (": the primary metric" if name in primary else "")
            if here and all(one.is_identical for one in here):
                answer.append(Answer(env_id, title, f"every run scores as {than} does.", (), ()))
            elif len(here) > 1 and not any(one.judged.is_decided for one in here):
                answer.append(Answer(env_id, title, _nothing_known(here), (), ()))
            elif any(np.isfinite(one.judged.difference) for one in here):
                said = [(not one.judged.is_decided, sentence(one, names)) for one in here]
                known, unknown = (
                    tuple(text for is_open, text in said if is_open == side) for side in (False, True)
                )
                answer.append(Answer(env_id, title, summary(here, than), known, unknown))
    return answer


def _nothing_known(found: Sequence[RowComparison]) -> str:
    """A metric that tells no row apart, in a sentence: 'undecided for all 12 rows.'"""
    untested = found[0].untested
    return f"undecided for all {len(found)} rows{f', as {untested}' if untested else ''}."


def summary(found: Sequence[RowComparison], than: str = "the baseline") -> str:
    """Counts of rows that differ, do not and are undecided: '1 of 4 rows differs from the baseline; 3 undecided.'"""
    differ = sum(one.judged.differs for one in found)
    same, unknown = (sum(one.verdict == word for one in found) for word in ("same", "undecided"))
    of = f"{differ or 'none'} of {len(found)} rows" if len(found) > 1 else "the row"
    does = "differs" if differ == 1 else "differ" if len(found) > 1 else "does not differ"
    parts = [f"{of} {does} from {than}"]
    parts += [f"{same} within the margin"] if same else []
    parts += [f"{unknown} undecided"] if unknown else []
    return "; ".join(parts) + "."


def sentence(one: RowComparison, names: Mapping[str, str]) -> str:
    """One row against its baseline on one metric, with difference, interval, unit and n."""
    row, base = names.get(one.label, one.label), names.get(one.against, one.against)
    return " ".join([_verdict(one, row, base), *_failed(one)])


def _verdict(one: RowComparison, row: str, base: str) -> str:
    metric, found = one.metric, one.judged
    what, ends, margin = lowered(metric.title), one.difference, number_text(metric.name, one.margin)
    difference = f"{signed_text(metric.name, ends)}, {metric.unit}"
    n = f"n = {one.n}"
    if np.isnan(ends.point):
        return f"{row} against {base}: no {what} to compare."
    if one.judged.differs:
        up, size = ends.point > 0, magnitude(ends)
        judged = [str(one.verdict)] * (one.verdict in ("better", "worse"))
        judged += [f"by less than the margin ({margin})"] * one.is_small
        return (
            f"{row} {'raises' if up else 'lowers'} {what} by {interval_text(metric.name, size)} ({metric.unit}) "
            f"against {base}, {n}, Holm p = {found.p_adjusted:.2g}{': ' if judged else ''}{' '.join(judged)}."
        )
    if one.judged.same:
        return f"{row} is within the margin of {base} on {what} ({difference}; the margin is {margin}), {n}."
    if one.untested is not None:
        return f"{row} against {base}: {what} is undecided, as {one.untested} ({difference}, {n})."
    if one.looks.planned and not found.look:
        return f"{row} against {base}: no look at {what} is judged yet ({difference}, {n})."
    if np.isnan([ends.low, ends.high]).all():
        few = "one seed" if one.n == 1 else f"{one.n} seeds"
        return f"{row} against {base}: {few} can't decide on {what} ({difference}, {n})."
    return f"{row} against {base}: {what} is undecided at {n} ({difference}){_needed(one.seeds)}."


def _needed(seeds: SeedsNeeded | None) -> str:
    """The seeds that would do; nothing where the differences don't vary."""
    if seeds is None:
        return ""
    number = f"more than {MOST}" if seeds.about is None else f"about {seeds.about}"
    least, most = (f"more than {MOST}" if n is None else str(n) for n in (seeds.fewest, seeds.most))
    over = f" ({least} to {most} over the interval)" if least != most else ""
    return f"; {number} seeds{over} would be needed if the true difference equals the observed one"


def _failed(one: RowComparison) -> list[str]:
    if not one.failed or np.isnan(one.at_worst) or np.isnan(one.at_best):
        return []
    runs = "its failed run" if one.failed == 1 else f"the {one.failed} failed runs"
    low, high = sorted((one.at_worst, one.at_best))
    ends = f"{number_text(one.metric.name, low)} and {number_text(one.metric.name, high)}"
    return [
        f"With {runs} of either side at the worst or the best of any run, the difference lies between {ends}."
    ]


def effect_sentences(found: Sequence[EstimatedEffect]) -> list[str]:
    """The main effects of a factorial: 'target, hard instead of none: raises final return by ...'."""
    return [
        _effect(one)
        for name in EFFECTS
        for one in found
        if one.metric == name and one.effect.kind == "main" and np.isfinite(one.number.point)
    ]


def _effect(one: EstimatedEffect) -> str:
    metric, ends = METRICS[one.metric], one.number
    slot, _, levels = one.effect.name.partition(": ")
    after, _, before = levels.partition(" - ")
    pairs = f"{one.effect.contrasts} pair{'s' if one.effect.contrasts > 1 else ''} of cells"
    change = f"{slot}, {after} instead of {before}" + (f", at {one.at}" if one.at else "")
    what, where = lowered(metric.title), f"{metric.unit}, mean over {pairs}, n = {one.judged.n}, {one.env_id}"
    if one.judged.differs:
        size = interval_text(metric.name, magnitude(ends))
        does = "raises" if ends.point > 0 else "lowers"
        return f"{change}: {does} {what} by {size} ({where}, Holm p = {one.judged.p_adjusted:.2g})."
    found = "within the margin" if one.judged.same else "undecided"
    return f"{change}: the effect on {what} is {found} ({signed_text(metric.name, ends)}; {where})."
