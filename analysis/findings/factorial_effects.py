"""Which trick does what in a full factorial: tables/effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.against_baseline import HEADLINES
from analysis.findings.components import SLOTS
from analysis.findings.scores import EnvironmentScores
from analysis.findings.summary import RowSummary
from analysis.metrics import METRICS, Floats, Metric
from analysis.statistics.factorial import Cell, Effect, Factor, effects, estimate, p_values
from analysis.statistics.intervals import Interval, generator
from analysis.statistics.paired import SIGNIFICANT, Verdict, holm, verdict
from analysis.tables.summary import interval_text, number_text
from analysis.tables.table import Sheet, csv_text, document, latex

OFF = {"replay": ("consecutive", "latest"), "target": ("none",), "bootstrap": ("max",), "head": ("linear",)}
"""The pieces that stand for a slot without its trick; of replay the first that the study has."""
ORDER = (
    "latest", "consecutive", "uniform", "prioritized", "none", "hard", "soft", "max", "double", "inverse-double",
    "linear", "dueling",
)  # fmt: skip
"""Kinds from plain to elaborate, so that differences read as what a trick adds."""


ON_PAPER = ("final_return", "auc", "running_variance", "q_error", "overestimation", "soft_divergence")
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
    """The fewest standing runs of the cells that it rests on."""
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
        """Whether the effect may be said to have its sign."""
        return self.verdict == "differs"

    def record(self) -> dict[str, Any]:
        """The effect as a line of the CSV."""
        return {
            "env_id": self.env_id,
            "at": self.at,
            "metric": self.metric,
            "unit": METRICS[self.metric].unit,
            "kind": self.effect.kind,
            "effect": self.effect.name,
            "game": self.effect.game,
            "n": self.n,
            "cells": len(self.effect.weights),
            "contrasts": self.effect.contrasts,
            "estimate": self.number.point,
            "low": self.number.low,
            "high": self.number.high,
            "p": self.p,
            "effects": self.family,
            "p_holm": self.p_holm,
            "verdict": self.verdict if self.effect.kind in TESTED else "",
            "failed": self.failed,
            "estimate_at_worst": self.at_worst if self.failed else np.nan,
            "estimate_at_best": self.at_best if self.failed else np.nan,
        }


@dataclass(frozen=True)
class Design:
    """A factorial inside a study: its factors, the cells that were run, and the aliases of some of them."""

    at: str
    factors: tuple[Factor, ...]
    places: Mapping[Cell, int]
    """Each cell's line of the board."""
    aliases: Mapping[Cell, Cell]


def designs(scores: EnvironmentScores, aliases: Sequence[Mapping[str, str]]) -> list[Design]:
    """The factorials of a study, one per point of its sweep. Rows that are no cell stay outside."""
    cells: dict[str, dict[Cell, int]] = {}
    kinds: dict[str, str] = {}
    for place, line in enumerate(scores.summaries):
        cell, _, at = line.row.label.partition("@")
        levels = _levels(cell, line)
        if levels:
            cells.setdefault(at, {})[levels] = place
            kinds |= {level: line.row.slots[slot]["kind"] for slot, level in zip(SLOTS, levels, strict=True)}
    same = [tuple(alias[end].partition("@") for end in ("label", "of")) for alias in aliases]
    found = []
    for at, places in cells.items():
        also = {
            tuple(label.split("+")): tuple(of.split("+"))
            for (label, _, where), (of, _, _) in same
            if where == at and tuple(of.split("+")) in places
        }
        design = _design(at, places, also, kinds)
        if sum(len(factor.levels) > 1 for factor in design.factors) > 1:
            found.append(design)
    return found


def _levels(cell: str, line: RowSummary) -> Cell | None:
    """The levels of a cell of a factorial, which its label spells out; None for a variant with a name of its own."""
    levels = tuple(cell.split("+"))
    kinds = [line.row.slots[slot]["kind"] for slot in SLOTS]
    told = len(levels) == len(kinds) and all(map(str.startswith, levels, kinds))
    return levels if told else None


def _design(
    at: str, places: Mapping[Cell, int], also: Mapping[Cell, Cell], kinds: Mapping[str, str]
) -> Design:
    everything = [*places, *also]
    factors = []
    for slot, name in enumerate(SLOTS):
        levels = sorted({cell[slot] for cell in everything}, key=lambda level: _rank(level, kinds))
        off = next((level for kind in OFF[name] for level in levels if _kind(level, kinds) == kind), None)
        factors.append(Factor(name, tuple(levels), off))
    # of cells that are one run, the one with the fewest tricks gives it its name: none+max, not none+double
    names = {cell: cell for cell in places}
    for alias, of in also.items():
        names[of] = min(names[of], alias, key=lambda cell: _tricks(cell, factors))
    return Design(
        at,
        tuple(factors),
        {names[cell]: place for cell, place in places.items()},
        {cell: names[also.get(cell, cell)] for cell in everything if cell != names[also.get(cell, cell)]},
    )


def _kind(level: str, kinds: Mapping[str, str]) -> str:
    return kinds.get(level) or level.partition("(")[0]


def _rank(level: str, kinds: Mapping[str, str]) -> tuple[int, str]:
    kind = _kind(level, kinds)
    return (ORDER.index(kind) if kind in ORDER else len(ORDER)), level


def _tricks(cell: Cell, factors: Sequence[Factor]) -> int:
    return sum(level != factor.off for level, factor in zip(cell, factors, strict=True))


def estimate_all(scores: EnvironmentScores, aliases: Sequence[Mapping[str, str]]) -> list[EstimatedEffect]:
    """Every effect on every headline metric that the runs have."""
    found: list[EstimatedEffect] = []
    for design in designs(scores, aliases):
        cells = list(design.places)
        wanted = effects(design.factors, set(cells), design.aliases)
        lines = [design.places[cell] for cell in cells]
        for name in HEADLINES:
            values = scores.of(name)[lines]
            if any(scores.summaries[line].has(name) for line in lines) and not _says_nothing(
                METRICS[name], values
            ):
                found += _size(scores, design.at, METRICS[name], wanted, cells, values, lines)
    return found


def _says_nothing(metric: Metric, values: Floats) -> bool:
    """Whether every run of every cell scores the same; answers (yes or no) are never known to."""
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
    numbers = estimate(wanted, cells, values, generator())
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
        dict(zip(cells, _means(scores.imputed(metric.name, end)[lines]), strict=True)) for end in (True, False)
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


# ---- as text -------------------------------------------------------------------------------------------------------

KINDS = {"main": "main effects", "interaction": "two-way interactions", "shapley": "Shapley values"}


def as_csv(found: Sequence[EstimatedEffect]) -> str:
    """Every effect on every metric."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[EstimatedEffect], missing: Sequence[str]) -> str:
    """Main effects, interactions and Shapley games."""
    return document(f"{name}: which trick does what", sheets(found), [*notes(), *missing])


def sheets(found: Sequence[EstimatedEffect]) -> list[Sheet]:
    """Main effects and interactions, a line per effect and a column per metric; a sheet for each Shapley game."""
    made = []
    for env_id, at in dict.fromkeys((one.env_id, one.at) for one in found):
        here = [one for one in found if (one.env_id, one.at) == (env_id, at)]
        where = f"{env_id}, {at}" if at else env_id
        for kind, title in KINDS.items():
            for game in dict.fromkeys(one.effect.game for one in here if one.effect.kind == kind):
                if game:
                    made.append(_game(f"{where}: {title}, game of {game}", here, game))
                else:
                    made.append(_sheet(f"{where}: {title}", [one for one in here if one.effect.kind == kind]))
    return made


def as_latex(name: str, found: Sequence[EstimatedEffect], facts: str) -> str:
    """Main effects, interactions and games on the metrics that fit on a page."""
    shown = [one for one in found if one.metric in ON_PAPER]
    return latex(f"Study {name}: which trick does what. {facts} {' '.join(notes())}", sheets(shown))


def _sheet(title: str, found: Sequence[EstimatedEffect]) -> Sheet:
    metrics = list(dict.fromkeys(one.metric for one in found))
    cells = {(one.effect.name, one.metric): one for one in found}
    names = dict.fromkeys(one.effect.name for one in found)
    head = ["effect", "n", "contrasts", *(METRICS[metric].title for metric in metrics)]
    body = [
        [
            name,
            _range([cells[name, metric].n for metric in metrics]),
            str(cells[name, metrics[0]].effect.contrasts),
            *(_cell(cells[name, metric]) for metric in metrics),
        ]
        for name in names
    ]
    return Sheet(title, head, body, {"effect"})


def _game(title: str, found: Sequence[EstimatedEffect], game: str) -> Sheet:
    """A line per player and metric: its Shapley value between what it adds alone and what is lost without it."""
    cells = {(one.effect.name, one.metric, one.effect.kind): one for one in found if one.effect.game == game}
    kinds = ("add-one", "shapley", "leave-one-out")
    body = [
        [name, METRICS[metric].title, str(cells[name, metric, "shapley"].n)]
        + [_cell(cells[name, metric, kind]) for kind in kinds]
        for metric in dict.fromkeys(metric for _, metric, _ in cells)
        for name in dict.fromkeys(name for name, _, _ in cells)
    ]
    return Sheet(title, ["trick", "metric", "n", "alone", "Shapley", "last"], body, {"trick", "metric"})


def _range(counts: Sequence[int]) -> str:
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least}-{most}"


def _cell(one: EstimatedEffect) -> str:
    if np.isnan(one.number.point):
        return "n/a"
    text = interval_text(one.metric, one.number) + (" *" if one.differs else "")
    if not one.failed or np.isnan(one.at_worst):
        return text
    ends = (number_text(one.metric, end) for end in (one.at_worst, one.at_best))
    return f"{text} ({' to '.join(ends)})"


def notes() -> list[str]:
    """How to read the table."""
    return [
        "Brackets: 95 % percentile bootstrap intervals; seeds are resampled as blocks, the same for all cells. A share "
        "of runs that does not vary over seeds has none.",
        f"*: the interval excludes 0 and Holm p < {SIGNIFICANT:g}: sign-flip test of the effect at each seed, "
        "corrected over all main effects (all interactions) on that metric in that environment; p values are in the "
        "CSV. Shapley values, alone and last carry no test: they share out among tricks what the effects tell.",
        "Round brackets: if failed runs had scored the worst to the best of any run here.",
        "main: mean of the difference between two levels over all settings of the other slots at which both were run; "
        "contrasts says over how many. Without a target network the bootstrap has no effect: Double's effect is "
        "estimated over cells with a target network, the target's against none at the plain bootstrap.",
        "interaction: the difference of differences, [y(b, d) - y(a, d)] - [y(b, c) - y(a, c)]; positive: each change "
        "is worth more with the other.",
        "Shapley: each trick's mean contribution over all orders of adding them; a game's values sum to all tricks "
        "minus none. alone: added to none; last: added to all the others. Double without a target network is the run "
        "without Double, so alone it adds exactly 0.",
    ]
