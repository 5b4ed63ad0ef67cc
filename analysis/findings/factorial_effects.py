"""Effects of tricks in a full factorial: which one does what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.against_baseline import HEADLINES
from analysis.findings.scores import EnvironmentScores
from analysis.loading import Facts
from analysis.metrics import METRICS, Floats, Metric
from analysis.statistics.factorial import Cell, Effect, Factor, effects, estimate, p_values
from analysis.statistics.intervals import Interval
from analysis.statistics.paired import holm
from analysis.statistics.verdicts import Verdict, verdict

TESTED = ("main", "interaction")
"""Kinds of effect that carry a test. Shapley values and their companions share out what these tell."""


@dataclass(frozen=True)
class EstimatedEffect:
    """An effect on one metric in one environment."""

    env_id: str
    at: str
    """The point of a sweep, '' where there is none."""
    metric: str
    effect: Effect
    n: int
    """The fewest valid runs of the cells that it rests on."""
    number: Interval
    p: float
    """Of the sign-flip test; NaN for kinds that carry none."""
    p_holm: float
    family: int
    """Effects that Holm's method corrects for: all of this kind on this metric in this environment."""
    verdict: Verdict
    failed: int = 0
    """Failed runs of its cells."""
    at_worst: float = np.nan
    """If every failed run had been the worst where its cell adds to the effect, the best where it takes away."""
    at_best: float = np.nan

    @property
    def differs(self) -> bool:
        """True if the effect may be said to have its sign."""
        return self.verdict == "differs"


@dataclass(frozen=True)
class Design:
    """A factorial inside a study: its factors, the cells that were run, and the aliases of some of them."""

    at: str
    factors: tuple[Factor, ...]
    places: Mapping[Cell, int]
    """Each cell's place among the rows."""
    aliases: Mapping[Cell, Cell]


def designs(scores: EnvironmentScores, aliases: Sequence[Mapping[str, Any]]) -> list[Design]:
    """The factorials of a study, one per point of its sweep. Rows that are no cell stay outside."""
    rows = [summary.row for summary in scores.summaries]
    slots = [slot for slot in (rows[0].slots if rows else ()) if any(slot in row.cell for row in rows)]
    levels = {(slot, level): row.facts[slot] for row in rows for slot, level in row.cell.items()}
    cells: dict[str, dict[Cell, int]] = {}
    by_label: dict[str, Cell] = {}
    for place, row in enumerate(rows):
        if row.cell:
            by_label[row.label] = tuple(row.cell[slot] for slot in slots)
            cells.setdefault(_point(row.label), {})[by_label[row.label]] = place
    found = []
    for at, places in cells.items():
        also = {
            tuple(alias["cell"][slot] for slot in slots): by_label[alias["of"]]
            for alias in aliases
            if alias.get("cell") and _point(alias["label"]) == at and alias["of"] in by_label
        }
        design = _design(
            at, places, also, [_factor(slot, (*places, *also), i, levels) for i, slot in enumerate(slots)]
        )
        if sum(len(factor.levels) > 1 for factor in design.factors) > 1:
            found.append(design)
    return found


def _point(label: str) -> str:
    """The point of a sweep in a row's label; '' where there is none."""
    return label.partition("@")[2]


def _factor(slot: str, cells: Sequence[Cell], place: int, facts: Mapping[tuple[str, str], Facts]) -> Factor:
    """A slot with its levels from plain to elaborate, so that differences read as what a trick adds.

    Of several levels that stand for the slot without its trick, the most elaborate does.
    """
    found = {cell[place] for cell in cells}
    levels = sorted(found, key=lambda level: (facts.get((slot, level), {}).get("order", 0), level))
    off = [level for level in levels if facts.get((slot, level), {}).get("off")]
    return Factor(slot, tuple(levels), off[-1] if off else None)


def _design(
    at: str, places: Mapping[Cell, int], also: Mapping[Cell, Cell], factors: Sequence[Factor]
) -> Design:
    """Of cells that are one run, the one with the fewest tricks gives it its name: none+max, not none+double."""
    names = {cell: cell for cell in places}
    for alias, of in also.items():
        names[of] = min(names[of], alias, key=lambda cell: _tricks(cell, factors))
    every = {**{cell: names[cell] for cell in places}, **{alias: names[of] for alias, of in also.items()}}
    return Design(
        at,
        tuple(factors),
        {names[cell]: place for cell, place in places.items()},
        {cell: name for cell, name in every.items() if cell != name},
    )


def _tricks(cell: Cell, factors: Sequence[Factor]) -> int:
    return sum(level != factor.off for level, factor in zip(cell, factors, strict=True))


def estimate_all(scores: EnvironmentScores, aliases: Sequence[Mapping[str, Any]]) -> list[EstimatedEffect]:
    """Every effect on every headline metric that the runs have."""
    found: list[EstimatedEffect] = []
    for design in designs(scores, aliases):
        cells = list(design.places)
        wanted = effects(design.factors, set(cells), design.aliases)
        places = [design.places[cell] for cell in cells]
        for name in HEADLINES:
            values = scores.of(name)[places]
            if any(scores.summaries[place].has(name) for place in places) and not _are_all_equal(
                METRICS[name], values
            ):
                found += _size(scores, design.at, METRICS[name], wanted, cells, values, places)
    return found


def _are_all_equal(metric: Metric, values: Floats) -> bool:
    """True if every run of every cell scores the same; answers (yes or no) are never known to."""
    return metric.summary != "share" and bool(np.nanmax(values) == np.nanmin(values))


def _size(
    scores: EnvironmentScores,
    at: str,
    metric: Metric,
    wanted: Sequence[Effect],
    cells: Sequence[Cell],
    values: Floats,
    lines: Sequence[int],
) -> Iterator[EstimatedEffect]:
    """The effects on one metric: their sizes, and for main effects and interactions, a family each, Holm's p."""
    known = dict(zip(cells, np.isfinite(values).sum(axis=1).tolist(), strict=True))
    numbers = estimate(wanted, cells, values)
    plain = [np.nan] * len(wanted)
    adjusted, family = list(plain), [0] * len(wanted)
    for kind in TESTED:
        places = [place for place, effect in enumerate(wanted) if effect.kind == kind]
        tested = p_values([wanted[place] for place in places], cells, values)
        for place, p, p_holm in zip(places, tested, holm(tested), strict=True):
            plain[place], adjusted[place] = p, p_holm
            family[place] = int(np.isfinite(tested).sum())
    failed = dict(zip(cells, scores.failed[lines].sum(axis=1).tolist(), strict=True))
    worst, best = (
        dict(zip(cells, _means(scores.imputed(metric.name, end)[lines]), strict=True))
        for end in (True, False)
    )
    for place, (effect, number) in enumerate(zip(wanted, numbers, strict=True)):
        if metric.summary == "share" and number.low == number.high:
            number = Interval(
                number.point, np.nan, np.nan
            )  # equal answers resampled say nothing of their share
        p_holm = adjusted[place]
        yield EstimatedEffect(
            env_id=scores.env_id,
            at=at,
            metric=metric.name,
            effect=effect,
            n=min((known[cell] for cell in effect.weights), default=0),
            number=number,
            p=plain[place],
            p_holm=p_holm,
            family=family[place],
            verdict=verdict(number, p_holm, scores.scale(metric)),
            failed=sum(failed[cell] for cell in effect.weights),
            at_worst=_imputed(effect, worst, best),
            at_best=_imputed(effect, best, worst),
        )


def _means(values: Floats) -> list[float]:
    """The mean of each cell's runs that have a score; NaN where none has."""
    return [float(line[known].mean()) if (known := np.isfinite(line)).any() else np.nan for line in values]


def _imputed(effect: Effect, added: Mapping[Cell, float], taken: Mapping[Cell, float]) -> float:
    """An effect of the means of cells, from one side where a cell adds to it and from another where it takes away."""
    return sum(weight * (added if weight > 0 else taken)[cell] for cell, weight in effect.weights.items())
