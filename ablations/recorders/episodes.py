"""Episodes as they finish: the reward series of every lane, observed from outside the kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ablations.dqn.types import StepRecord
from ablations.state import State, packed, unpacked
from ablations.store import EPISODES, tabulate

Row = tuple[int, float, int, bool, bool, float]
ROW = "i8, f8, i8, ?, ?, f8"
"""A row as numpy stores it."""


class EpisodeRecorder:
    """Collects one row per finished episode and lane. Returns are sums of raw rewards in float64."""

    def __init__(self, lanes: int) -> None:
        self.returns = np.zeros(lanes)  # of the episodes under way
        self.lengths = np.zeros(lanes, dtype=np.int64)
        self.rows: list[list[Row]] = [[] for _ in range(lanes)]

    def observe(self, record: StepRecord) -> None:
        """Take note of one environment step."""
        steps = record.steps
        self.returns += steps.reward
        self.lengths += 1
        for lane in np.flatnonzero(steps.terminated | steps.truncated).tolist():
            self.rows[lane].append(
                (
                    record.step,
                    float(self.returns[lane]),
                    int(self.lengths[lane]),
                    bool(steps.terminated[lane]),
                    bool(steps.truncated[lane]),
                    record.epsilon,
                )
            )
            self.returns[lane] = 0.0
            self.lengths[lane] = 0

    def columns(self, lane: int) -> dict[str, Sequence[Any]]:
        """The finished episodes of a lane, by column."""
        rows = self.rows[lane]
        names = EPISODES.names[-len(rows[0]) :] if rows else ()
        return {"episode": range(len(rows)), **dict(zip(names, zip(*rows, strict=True), strict=True))}

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The finished episodes of a lane in the stored schema."""
        return tabulate(EPISODES, env_id, label, seed, self.columns(lane))

    def unfinished(self, lane: int) -> dict[str, float | int | None]:
        """Length and return of the episode that the end of the budget cut off; a return that is no number is None."""
        total = float(self.returns[lane])
        return {"length": int(self.lengths[lane]), "return": total if math.isfinite(total) else None}

    def state(self) -> State:
        """The series so far, and the episodes under way."""
        rows, counts = packed(self.rows, ROW)
        return {"rows": rows, "counts": counts, "returns": self.returns, "lengths": self.lengths}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.rows = unpacked(state["rows"], state["counts"])
        self.returns[:], self.lengths[:] = state["returns"], state["lengths"]
