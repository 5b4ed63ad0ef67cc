"""Which trick does what in a full factorial: tables/effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.board import Board
from analysis.comparisons import HEADLINES
from analysis.components import SLOTS
from analysis.intervals import Interval, generator
from analysis.metrics import METRICS
from analysis.sheets import csv_text, markdown
from analysis.statistics.factorial import Cell, Effect, Factor, effects, estimate
from analysis.summary import Line
from analysis.tables import interval_text

OFF = {"replay": ("consecutive", "latest"), "target": ("none",), "bootstrap": ("max",), "head": ("linear",)}
"""The pieces that stand for a slot without its trick; of replay the first that the study has."""
ORDER = (
    "latest", "consecutive", "uniform", "prioritized", "none", "hard", "soft", "max", "double", "inverse-double",
    "linear", "dueling",
)  # fmt: skip
"""Kinds from plain to elaborate, so that differences read as what a trick adds."""


@dataclass(frozen=True)
class Sized:
    """An effect on one metric in one environment."""

    env_id: str
    at: str
    """The point of a sweep, '' where there is none."""
    metric: str
    effect: Effect
    n: int
    """The fewest standing runs of the cells that it rests on."""
    number: Interval

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
        }


@dataclass(frozen=True)
class Design:
    """A factorial inside a study: its factors, the cells that were run, and the aliases of some of them."""

    at: str
    factors: tuple[Factor, ...]
    places: Mapping[Cell, int]
    """Each cell's line of the board."""
    aliases: Mapping[Cell, Cell]


def designs(board: Board, aliases: Sequence[Mapping[str, str]]) -> list[Design]:
    """The factorials of a study, one per point of its sweep. Rows that are no cell stay outside."""
    cells: dict[str, dict[Cell, int]] = {}
    kinds: dict[str, str] = {}
    for place, line in enumerate(board.lines):
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


def _levels(cell: str, line: Line) -> Cell | None:
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


def size_all(board: Board, aliases: Sequence[Mapping[str, str]]) -> list[Sized]:
    """Every effect on every headline metric that the runs have."""
    found = []
    for design in designs(board, aliases):
        cells = list(design.places)
        wanted = effects(design.factors, set(cells), design.aliases)
        lines = [design.places[cell] for cell in cells]
        for metric in HEADLINES:
            scores = board.scores(metric)[lines]
            if not np.isfinite(scores).any():
                continue
            known = dict(zip(cells, np.isfinite(scores).sum(axis=1).tolist(), strict=True))
            for effect, number in zip(wanted, estimate(wanted, cells, scores, generator()), strict=True):
                n = min((known[cell] for cell in effect.weights), default=0)
                found.append(Sized(board.env_id, design.at, metric, effect, n, number))
    return found


# ---- as text -------------------------------------------------------------------------------------------------------

KINDS = {"main": "main effects", "interaction": "two-way interactions", "shapley": "Shapley values"}


def as_csv(found: Sequence[Sized]) -> str:
    """Every effect on every metric."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[Sized], missing: Sequence[str]) -> str:
    """Main effects, interactions and Shapley games: a line per effect, a column per metric."""
    text = [f"# {name}: which trick does what", ""]
    for env_id, at in dict.fromkeys((one.env_id, one.at) for one in found):
        here = [one for one in found if (one.env_id, one.at) == (env_id, at)]
        where = f"{env_id}, {at}" if at else env_id
        metrics = list(dict.fromkeys(one.metric for one in here))
        for kind, title in KINDS.items():
            for game in dict.fromkeys(one.effect.game for one in here if one.effect.kind == kind):
                chosen = [one for one in here if (one.effect.kind, one.effect.game) == (kind, game)]
                text += [f"## {where}: {title}{f', game of {game}' if game else ''}", ""]
                text += _table(chosen, metrics) if not game else _game(here, game, metrics)
                text.append("")
    return "\n".join([*text, *(f"- {note}" for note in (*notes(), *missing)), ""])


def _table(found: Sequence[Sized], metrics: Sequence[str]) -> list[str]:
    cells = {(one.effect.name, one.metric): one for one in found}
    names = dict.fromkeys(one.effect.name for one in found)
    head = ["effect", "n", "contrasts", *(METRICS[metric].title for metric in metrics)]
    body = [
        [
            name,
            str(min(cells[name, metric].n for metric in metrics)),
            str(cells[name, metrics[0]].effect.contrasts),
            *(_cell(cells[name, metric]) for metric in metrics),
        ]
        for name in names
    ]
    return markdown(head, body, {"effect"})


def _game(found: Sequence[Sized], game: str, metrics: Sequence[str]) -> list[str]:
    """A line per player and metric: its Shapley value between what it adds alone and what is lost without it."""
    cells = {(one.effect.name, one.metric, one.effect.kind): one for one in found if one.effect.game == game}
    names = dict.fromkeys(name for name, _, _ in cells)
    kinds = ("add-one", "shapley", "leave-one-out")
    body = [
        [name, METRICS[metric].title, *(_cell(cells[name, metric, kind]) for kind in kinds)]
        for metric in metrics
        for name in names
    ]
    return markdown(["trick", "metric", "alone", "Shapley", "last"], body, {"trick", "metric"})


def _cell(one: Sized) -> str:
    return "n/a" if np.isnan(one.number.point) else interval_text(one.metric, one.number)


def notes() -> list[str]:
    """How to read the table."""
    return [
        "Brackets: 95 % percentile bootstrap intervals; seeds are resampled as blocks, the same for all cells.",
        "main: mean of the difference between two levels over all settings of the other slots at which both were run; "
        "contrasts says over how many. Without a target network the bootstrap has no effect: Double's effect is "
        "estimated over cells with a target network, the target's against none at the plain bootstrap.",
        "interaction: the difference of differences, [y(b, d) - y(a, d)] - [y(b, c) - y(a, c)]; positive: each change "
        "is worth more with the other.",
        "Shapley: each trick's mean contribution over all orders of adding them; a game's values sum to all tricks "
        "minus none. alone: added to none; last: added to all the others. Double without a target network is the run "
        "without Double, so alone it adds exactly 0.",
    ]
