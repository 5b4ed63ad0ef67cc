"""Effects of tricks in a full factorial as text: tables/effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.findings.evidence import Evidence
from analysis.findings.factorial_effects import EstimatedEffect
from analysis.metrics import METRICS
from analysis.tables.missing import missing_evidence
from analysis.tables.spelling import interval_text, number_text, range_text
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, recorded

ON_PAPER = ("final_return", "auc", "running_variance", "q_error", "overestimation", "value_excess")
TESTS = ("sequential_p", "sequential_p_same", "p_adjusted", "p_same_adjusted")
KINDS = {"main": "main effects", "interaction": "two-way interactions", "shapley": "Shapley values"}


def page(found: Evidence) -> Page:
    """Main effects, interactions and Shapley games; on paper on the metrics that fit there."""
    return Page(
        name="effects",
        title="which trick does what",
        heading="Which trick does what",
        records=recorded([_record(one) for one in found.effects]),
        tables=tables(found.effects),
        notes=notes(),
        missing=missing_evidence(found),
        paper=tables([one for one in found.effects if one.metric in ON_PAPER]),
        caption=f"which trick does what. {facts(found.summaries, found.results)} {' '.join(notes())}",
    )


def _record(one: EstimatedEffect) -> dict[str, Any]:
    return {
        "env_id": one.env_id,
        "at": one.at,
        "metric": one.metric,
        "unit": METRICS[one.metric].unit,
        "kind": one.effect.kind,
        "effect": one.effect.name,
        "game": one.effect.game,
        "n": one.judged.n,
        "cells": len(one.effect.weights),
        "contrasts": one.effect.contrasts,
        "estimate": one.number.point,
        "low": one.number.low,
        "high": one.number.high,
        **({name: getattr(one.judged, name) if one.is_tested else None for name in TESTS}),
        "effects": one.family,
        "verdict": one.verdict if one.is_tested else "",
        "failed": one.failed,
        "estimate_at_worst": one.at_worst if one.failed else None,
        "estimate_at_best": one.at_best if one.failed else None,
    }


def tables(found: Sequence[EstimatedEffect]) -> list[Table]:
    """Main effects and interactions, a line per effect and a column per metric; a table for each Shapley game."""
    made = []
    for env_id, at in dict.fromkeys((one.env_id, one.at) for one in found):
        here = [one for one in found if (one.env_id, one.at) == (env_id, at)]
        where = f"{env_id}, {at}" if at else env_id
        for kind, title in KINDS.items():
            for game in dict.fromkeys(one.effect.game for one in here if one.effect.kind == kind):
                if game:
                    made.append(_game(f"{where}: {title}, game of {game}", here, game))
                else:
                    made.append(
                        _effect_table(f"{where}: {title}", [one for one in here if one.effect.kind == kind])
                    )
    return made


def _effect_table(title: str, found: Sequence[EstimatedEffect]) -> Table:
    metrics = list(dict.fromkeys(one.metric for one in found))
    cells = {(one.effect.name, one.metric): one for one in found}
    names = dict.fromkeys(one.effect.name for one in found)
    head = ["effect", "n", "contrasts", *(METRICS[metric].title for metric in metrics)]
    body = [
        [
            name,
            range_text([cells[name, metric].judged.n for metric in metrics], "-"),
            str(cells[name, metrics[0]].effect.contrasts),
            *(_cell(cells[name, metric]) for metric in metrics),
        ]
        for name in names
    ]
    return Table(title, head, body, {"effect"})


def _game(title: str, found: Sequence[EstimatedEffect], game: str) -> Table:
    """A line per player and metric: its Shapley value between what it adds alone and what is lost without it."""
    cells = {(one.effect.name, one.metric, one.effect.kind): one for one in found if one.effect.game == game}
    kinds = ("add-one", "shapley", "leave-one-out")
    body = [
        [name, METRICS[metric].title, str(cells[name, metric, "shapley"].judged.n)]
        + [_cell(cells[name, metric, kind]) for kind in kinds]
        for metric in dict.fromkeys(metric for _, metric, _ in cells)
        for name in dict.fromkeys(name for name, _, _ in cells)
    ]
    return Table(title, ["trick", "metric", "n", "alone", "Shapley", "last"], body, {"trick", "metric"})


def _cell(one: EstimatedEffect) -> str:
    if np.isnan(one.number.point):
        return "n/a"
    text = interval_text(one.metric, one.number) + {"undecided": "", "same": " ="}.get(one.verdict, " *")
    if not one.failed or np.isnan(one.at_worst):
        return text
    ends = (number_text(one.metric, end) for end in (one.at_worst, one.at_best))
    return f"{text} ({' to '.join(ends)})"


def notes() -> list[str]:
    """Notes on how to read the table."""
    return [
        "Effects are means over the n seeds that all their cells have. Brackets: intervals from sign "
        "flips, as in the comparisons; a share of runs that does not vary over seeds has none.",
        "*: differs from 0; =: within the margin: sign-flip tests of the effect at each seed, Holm over "
        "all main effects (all interactions) on that metric in that environment, at the study's level; p "
        "values are in the CSV. Shapley values, alone and last carry no test: they share out among tricks "
        "what the effects tell.",
        "Round brackets: if failed runs had scored the worst to the best of any run here.",
        "main: mean of the difference between two levels over all settings of the other slots at which "
        "both were run; contrasts says over how many. Without a target network the bootstrap has no "
        "effect: Double's effect is estimated over cells with a target network, the target's against none "
        "at the plain bootstrap.",
        "interaction: the difference of differences, [y(b, d) - y(a, d)] - [y(b, c) - y(a, c)]; positive: "
        "each change is worth more with the other.",
        "Shapley: each trick's mean contribution over all orders of adding them; a game's values sum to "
        "all tricks minus none. alone: added to none; last: added to all the others. Double without a "
        "target network is the run without Double, so alone it adds exactly 0.",
    ]
