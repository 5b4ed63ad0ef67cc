"""Hard against soft target networks of the same lag: tables/hard-against-soft.

A copy every C updates is on average (C - 1) / 2 updates old; so is a blend of tau = 2 / (C + 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.findings.against_baseline import (
    HEADLINES,
    Compared,
    compare_rows,
    differences,
    heading,
    is_compared,
    numbers,
)
from analysis.findings.components import elsewhere
from analysis.findings.scores import Board
from analysis.loading import Row, value_text
from analysis.metrics import METRICS
from analysis.tables.table import Sheet, csv_text, document

CLOSE = 0.01
"""Lags that differ by less than this share are the same: studies write tau with a few digits."""


def matched(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Places (hard, soft) of rows that differ in nothing but how their target network follows, at the same mean lag.

    A target that is copied at every update lags by nothing, hard or soft, and is no pair.
    """
    return [
        (a, b)
        for a, hard in enumerate(rows)
        for b, soft in enumerate(rows)
        if is_same_lag(hard.slots["target"], soft.slots["target"])
        and all(hard.slots[slot] == soft.slots[slot] for slot in hard.slots if slot != "target")
        and elsewhere(hard) == elsewhere(soft)
    ]


def is_same_lag(hard: Mapping[str, Any], soft: Mapping[str, Any]) -> bool:
    """Whether a hard target's period and a soft one's tau make them equally old."""
    if (hard["kind"], soft["kind"]) != ("hard", "soft") or hard.get("period", 1) <= 1:
        return False
    return bool(abs(soft.get("tau", 0.0) * (hard["period"] + 1) / 2 - 1) <= CLOSE)


def compare_lags(board: Board) -> list[Compared]:
    """Every soft row against the hard row of its lag, metric by metric; Holm over the pairs."""
    pairs = matched([line.row for line in board.lines])
    if not pairs:
        return []
    hard, soft = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    return [
        one
        for metric in METRICS.values()
        if is_compared(metric) and board.has(metric.name)
        for one in compare_rows(board, metric, soft, hard)
    ]


# ---- as text -------------------------------------------------------------------------------------------------------


def as_csv(found: Sequence[Compared], rows: Sequence[Row]) -> str:
    """Every pair on every metric."""
    return csv_text([_record(one, rows) for one in found])


def _record(one: Compared, rows: Sequence[Row]) -> dict[str, Any]:
    period, tau = _numbers(one, rows)
    names = {"variant": "soft", "baseline": "hard", "mean": "soft_mean", "baseline_mean": "hard_mean"}
    record = {names.get(key, key): value for key, value in one.record().items()}
    return {"env_id": one.env_id, "period": period, "tau": tau, "lag": (period - 1) / 2, **record}


def as_markdown(name: str, found: Sequence[Compared], rows: Sequence[Row]) -> str:
    """A table per environment and headline."""
    return document(f"{name}: hard against soft targets of the same lag", sheets(found, rows), notes())


def sheets(found: Sequence[Compared], rows: Sequence[Row]) -> list[Sheet]:
    """A sheet per environment and headline: a line per pair."""
    made = []
    words = ["hard", "soft"]
    for env_id in dict.fromkeys(one.env_id for one in found):
        for metric in HEADLINES:
            here = [one for one in found if (one.env_id, one.metric.name) == (env_id, metric)]
            if all(one.is_same for one in here):
                continue
            body = []
            for one in here:
                period, tau = _numbers(one, rows)
                cells = numbers(one)
                body.append(
                    [_short(one.against), _short(one.label), str(period), value_text(tau), cells["n"]]
                    + [cells["against"]]
                    + [cells[key] for key in ("mean", "difference", "effect", "p", "Holm p", "verdict")]
                )
            head = [*words, "period", "tau", "n", "mean, hard", "mean, soft", "soft - hard"]
            head += ["effect", "p", "Holm p", "verdict"]
            made.append(Sheet(f"{env_id}: {heading(here[0])}", head, body, {*words, "verdict"}))
    return made


def as_latex(name: str, found: Sequence[Compared], rows: Sequence[Row], facts: str) -> str:
    """Differences on the metrics that fit on a page, a part per environment."""

    def pair(one: Compared) -> str:
        period, tau = _numbers(one, rows)
        return f"{_short(one.label)}: C = {period}, tau = {value_text(tau)}"

    caption = f"Study {name}: soft minus hard target of the same mean lag, tau = 2 / (C + 1). {facts}"
    return differences(caption, "Pair", found, pair)


def _short(label: str) -> str:
    """A label without its target's number, which has a column of its own."""
    return "@".join(part for part in label.split("@") if not part.startswith("target."))


def _numbers(one: Compared, rows: Sequence[Row]) -> tuple[int, float]:
    """The pair's period and tau."""
    slots = {row.label: row.slots["target"] for row in rows}
    return int(slots[one.against]["period"]), float(slots[one.label]["tau"])


def notes() -> list[str]:
    """How to read the table."""
    return [
        "A pair shares everything but how the target network follows: a copy every C updates, or a blend of "
        f"tau = 2 / (C + 1) (to {CLOSE:.0%}), whose parameters are on average as old, (C - 1) / 2 updates.".replace(
            "%)", " %)"
        ),
        "Differences are soft minus hard over common seeds. Intervals, p values, verdicts and seeds needed as in the "
        "comparisons with the baseline; Holm over the pairs of an environment and metric.",
    ]
