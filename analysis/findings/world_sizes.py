"""Sample efficiency as worlds grow: how many steps tables and networks take to a good policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.findings.recorded import EXACT, Recorded, recorded, states
from analysis.findings.scores import EnvironmentScores
from analysis.loading import Row
from analysis.statistics.intervals import WaitingTime, waiting_time

GOOD = 0.05
"""A greedy policy with at most this regret is good enough."""


class Point(NamedTuple):
    """The waiting time of a row in a world of one size."""

    env_id: str
    row: Row
    states: int
    waiting: WaitingTime
    last: float
    """When the last run got there, or was given up."""


@dataclass(frozen=True)
class Line:
    """A row as the world grows, with a table or with a network."""

    label: str
    kind: str
    points: tuple[Point, ...]
    """From the smallest world to the largest."""


def world_sizes(worlds: Sequence[EnvironmentScores]) -> list[Line]:
    """A line per row and kind of function; none unless there are worlds of several sizes."""
    points: dict[tuple[str, str], list[Point]] = {}
    for scores in worlds:
        for label, one in recorded(scores.summaries, EXACT).items():
            row = one.summary.row
            kind = "table" if any(facts.get("tabular") for facts in row.facts.values()) else "network"
            points.setdefault((label, kind), []).append(
                Point(scores.env_id, row, states(one), *steps_to_good(one))
            )
    if len({point.states for found in points.values() for point in found}) < 2:
        return []
    return [
        Line(label, kind, tuple(sorted(found, key=lambda point: point.states)))
        for (label, kind), found in points.items()
    ]


def steps_to_good(one: Recorded) -> tuple[WaitingTime, float]:
    """The first comparison at which regret is at most ``GOOD``, censored at the last one; and the latest time."""
    good = one.bands["regret"].runs <= GOOD  # (n, G)
    reached = np.asarray(good.any(axis=1))
    at = one.at["regret"]
    times = np.where(reached, at[good.argmax(axis=1)], at[-1]).astype(np.float64)
    return waiting_time(times, reached), float(times.max())
