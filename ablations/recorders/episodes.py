"""Episodes as they finish: the reward series of every lane, observed from outside the kernel.

What a step gave is noted where it lies, on the host or a device, in chunks of many steps. A chunk is read when it is
full, or when somebody asks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ablations.dqn.types import StepRecord
from ablations.envs.namespace import NUMPY, Namespace
from ablations.state import State, packed
from ablations.store import EPISODES, tabulate

MOST_NOTES = 2**22
"""Steps of all lanes together that are noted before they are read, if that is more than one step's."""
MOST_STEPS = 512
SERIES = EPISODES.names[-6:]
ROW = np.dtype(list(zip(SERIES, ("i8", "f8", "i8", "?", "?", "f8"), strict=True)))
"""What is kept of a finished episode, besides its lane."""

Rows = npt.NDArray[Any]


class EpisodeRecorder:
    """Collects one row per finished episode and lane. Returns are sums of raw rewards in float64, step by step."""

    def __init__(self, lanes: int, xp: Namespace = NUMPY) -> None:
        self.xp = xp
        self.returns = np.zeros(lanes)  # of the episodes under way when the chunk began
        self.lengths = np.zeros(lanes, dtype=np.int64)
        shape = min(MOST_STEPS, max(1, MOST_NOTES // lanes)), lanes  # (K, L)
        self.reward = xp.zeros(shape, float)
        self.terminated, self.truncated = xp.zeros(shape, bool), xp.zeros(shape, bool)
        self.noted: list[tuple[int, float]] = []  # (step, epsilon) of the rows that are filled
        # lanes (n,) and rows (n,): the first lane by lane, those read since in the order of time
        self.found: list[tuple[npt.NDArray[np.int64], Rows]] = [(np.zeros(0, np.int64), np.zeros(0, ROW))]

    def observe(self, record: StepRecord) -> None:
        """Take note of one environment step."""
        row, steps = len(self.noted), record.steps
        self.reward[row] = steps.reward
        self.terminated[row] = steps.terminated
        self.truncated[row] = steps.truncated
        self.noted.append((record.step, record.epsilon))
        if len(self.noted) == len(self.reward):
            self.read()

    def read(self) -> None:
        """Find the episodes that ended in what has been noted."""
        count = len(self.noted)
        noted = (self.xp.fetched(each[:count]) for each in (self.reward, self.terminated, self.truncated))
        reward, terminated, truncated = noted  # (k, L)
        row, lane = (terminated | truncated).nonzero()  # (n,): in the order of time
        began = -self.lengths  # before which row of the chunk the episodes under way began
        totals, lengths = np.empty(len(row)), np.empty(len(row), dtype=np.int64)
        ends = np.searchsorted(row, np.arange(count + 1)).tolist()  # of the rows before each
        for number, gained in enumerate(reward):
            self.returns += gained
            if (these := slice(ends[number], ends[number + 1])).start < these.stop:
                over = lane[these]
                totals[these], lengths[these] = self.returns[over], number + 1 - began[over]
                self.returns[over], began[over] = 0.0, number + 1
        self.lengths = count - began
        found = np.empty(len(row), dtype=ROW)
        steps, epsilons = np.array(self.noted).reshape(-1, 2)[row].T
        columns = (steps, totals, lengths, terminated[row, lane], truncated[row, lane], epsilons)
        for name, column in zip(SERIES, columns, strict=True):
            found[name] = column
        self.found.append((lane, found))
        self.noted = []

    def rows(self, lane: int) -> Rows:
        """The finished episodes of a lane so far."""
        if self.noted:
            self.read()
        if len(self.found) > 1:
            lanes, rows = (np.concatenate(each) for each in zip(*self.found, strict=True))
            order = lanes.argsort(kind="stable")
            self.found = [(lanes[order], rows[order])]
        ((lanes, rows),) = self.found
        return rows[slice(*np.searchsorted(lanes, (lane, lane + 1)))]

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The finished episodes of a lane in the stored schema."""
        rows = self.rows(lane)
        columns = {"episode": range(len(rows)), **{name: rows[name].tolist() for name in SERIES}}
        return tabulate(EPISODES, env_id, label, seed, columns)

    def unfinished(self, lane: int) -> dict[str, float | int | None]:
        """Length and return of the episode that the end of the budget cut off; a return that is no number is None."""
        if self.noted:
            self.read()
        total = float(self.returns[lane])
        return {"length": int(self.lengths[lane]), "return": total if math.isfinite(total) else None}

    def state(self) -> State:
        """The series so far, and the episodes under way."""
        rows, counts = packed([self.rows(lane) for lane in range(len(self.returns))], ROW)
        return {"rows": rows, "counts": counts, "returns": self.returns, "lengths": self.lengths}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        counts = state["counts"]
        rows = [each[:count] for each, count in zip(state["rows"], counts, strict=True)]
        self.found, self.noted = [(np.repeat(np.arange(len(rows)), counts), np.concatenate(rows))], []
        self.returns[:], self.lengths[:] = state["returns"], state["lengths"]
