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
from analysis.statistics.contrasts import Contrast
from analysis.statistics.factorial import Cell, Effect, Factor, effects
from analysis.statistics.intervals import Interval
from analysis.statistics.sequential import Judged, Verdict

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
    judged: Judged
    """The effect at the seeds that all of its cells have, and its tests; kinds that carry none have their interval."""
    family: int
    """Effects that Holm's method corrects for: all of this kind on this metric in this environment."""
    failed: int = 0
    """Failed runs of its cells."""
    at_worst: float = np.nan
    """If every failed run had been the worst where its cell adds to the effect, the best where it takes away."""
    at_best: float = np.nan

    @property
    def number(self) -> Interval:
        """The effect with its interval; none where answers are the same at every seed, which says little."""
        judged = self.judged
        if METRICS[self.metric].summary == "share" and judged.low == judged.high:
            return Interval(judged.difference, np.nan, np.nan)
        return Interval(judged.difference, judged.low, judged.high)

    @property
    def is_tested(self) -> bool:
        """True if it is a hypothesis of its own."""
        return self.effect.kind in TESTED

    @property
    def verdict(self) -> Verdict:
        """'higher' or 'lower' where its sign is known, 'same' within the margin; it is no row that could be better."""
        return self.judged.verdict(None) if self.is_tested else "undecided"


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
    slots = list(next((row.cell for row in rows if row.cell), ()))  # in the study's own order
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
                found += _size(scores, design.at, METRICS[name], wanted, design.places)
    return found


def _are_all_equal(metric: Metric, values: Floats) -> bool:
    """True if every run of every cell scores the same; answers (yes or no) are never known to."""
    return metric.summary != "share" and bool(np.nanmax(values) == np.nanmin(values))


def _size(
    scores: EnvironmentScores,
    at: str,
    metric: Metric,
    wanted: Sequence[Effect],
    places: Mapping[Cell, int],
) -> Iterator[EstimatedEffect]:
    """The effects on one metric, a family for each kind."""
    failed = scores.failed.sum(axis=1)
    worst, best = (_means(scores.imputed(metric.name, end)) for end in (True, False))
    for kind in dict.fromkeys(effect.kind for effect in wanted):
        here = [effect for effect in wanted if effect.kind == kind]
        contrasts = [{places[cell]: weight for cell, weight in effect.weights.items()} for effect in here]
        found, _ = scores.judge(metric, contrasts)
        for effect, contrast, judged in zip(here, contrasts, found, strict=True):
            yield EstimatedEffect(
                env_id=scores.env_id,
                at=at,
                metric=metric.name,
                effect=effect,
                judged=judged,
                family=sum(one.n > 0 for one in found) if kind in TESTED else 0,
                failed=int(failed[list(contrast)].sum()),
                at_worst=_imputed(contrast, worst, best),
                at_best=_imputed(contrast, best, worst),
            )


def _means(values: Floats) -> list[float]:
    """The mean of each row's runs that have a score; NaN where none has."""
    return [float(line[known].mean()) if (known := np.isfinite(line)).any() else np.nan for line in values]


def _imputed(contrast: Contrast, added: Sequence[float], taken: Sequence[float]) -> float:
    """A contrast of the means of rows, from one side where a row adds to it and from another where it takes away."""
    return sum(weight * (added if weight > 0 else taken)[row] for row, weight in contrast.items())
