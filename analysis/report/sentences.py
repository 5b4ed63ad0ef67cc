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
    "soft_divergence",
)
"""The metrics that the answer speaks of, in this order; the tables hold the others."""
EFFECTS = ("final_return", "auc", "running_variance", "overestimation", "soft_divergence")
"""Those of them for which the main effects of a factorial are said."""
ORDER = ("differs", "no effect larger than 5 %", "undecided")


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
        for name in ANSWERED:
            here = [one for one in found if (one.env_id, one.metric.name) == (env_id, name)]
            here.sort(key=lambda one: ORDER.index(one.verdict))
            if here and all(one.is_identical for one in here):
                answer.append(
                    Answer(env_id, metric_heading(name), f"every run scores as {than} does.", (), ())
                )
            elif any(np.isfinite(one.comparison.difference.point) for one in here):
                said = [(one.verdict == "undecided", sentence(one, names)) for one in here]
                known, unknown = (
                    tuple(text for is_open, text in said if is_open == side) for side in (False, True)
                )
                answer.append(Answer(env_id, metric_heading(name), summary(here, than), known, unknown))
    return answer


def summary(found: Sequence[RowComparison], than: str = "the baseline") -> str:
    """Counts of rows that differ, do not and are undecided: '1 of 4 rows differs from the baseline; 3 undecided.'"""
    counts = {verdict: sum(one.verdict == verdict for one in found) for verdict in ORDER}
    differ = counts["differs"]
    of = f"{differ or 'none'} of {len(found)} rows" if len(found) > 1 else "the row"
    does = "differs" if differ == 1 else "differ" if len(found) > 1 else "does not differ"
    parts = [f"{of} {does} from {than}"]
    if counts[ORDER[1]]:
        parts.append(f"{counts[ORDER[1]]} without an effect larger than 5 %")
    if counts["undecided"]:
        parts.append(f"{counts['undecided']} undecided")
    return "; ".join(parts) + "."


def sentence(one: RowComparison, names: Mapping[str, str]) -> str:
    """One row against its baseline on one metric, with difference, interval, unit and n."""
    row, base = names.get(one.label, one.label), names.get(one.against, one.against)
    return " ".join([_verdict(one, row, base), *_failed(one)])


def _verdict(one: RowComparison, row: str, base: str) -> str:
    metric, found = one.metric, one.comparison
    what, ends = lowered(metric.title), found.difference
    difference = f"{signed_text(metric.name, ends)}, {metric.unit}"
    if np.isnan(ends.point):
        return f"{row} against {base}: no {what} to compare."
    if np.isnan(ends.low):
        few = "one seed" if found.n == 1 else "one run on a side"
        return f"{row} against {base}: {few} can't decide on {what} ({difference}, {_n(one)})."
    if one.verdict == "differs":
        up, size = ends.point > 0, magnitude(ends)
        judged = f": {one.direction}" if one.direction in ("better", "worse") else ""
        return (
            f"{row} {'raises' if up else 'lowers'} {what} by {interval_text(metric.name, size)} ({metric.unit}) "
            f"against {base}, {_n(one)}, Holm p = {one.p_holm:.2g}{judged}."
        )
    if one.verdict == "undecided":
        return f"{row} against {base}: {what} is undecided at {_n(one)} ({difference}){_needed(one.seeds)}."
    return (
        f"{row} has no effect larger than 5 % on {what} against {base} ({difference}, "
        f"5 % is {number_text(metric.name, 0.05 * one.scale)}), {_n(one)}."
    )


def _n(one: RowComparison) -> str:
    return f"n = {one.comparison.n}" if one.comparison.n else "n = 0 common seeds"


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
    what, where = lowered(metric.title), f"{metric.unit}, mean over {pairs}, n = {one.n}, {one.env_id}"
    if one.differs:
        size = interval_text(metric.name, magnitude(ends))
        does = "raises" if ends.point > 0 else "lowers"
        return f"{change}: {does} {what} by {size} ({where}, Holm p = {one.p_holm:.2g})."
    if one.verdict == "undecided":
        return f"{change}: the effect on {what} is undecided ({signed_text(metric.name, ends)}; {where})."
    return f"{change}: no effect larger than 5 % on {what} ({signed_text(metric.name, ends)}; {where})."
