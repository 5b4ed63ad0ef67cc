"""Episodes as they finish on the device: noted there step by step, and read back in chunks of many steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ablations.dqn.types import StepRecord
from ablations.engines.cuda.capture import Captured
from ablations.state import State, packed, unpacked
from ablations.store import EPISODES, tabulate

MOST_NOTES = 2**22
"""Steps of all lanes together that are noted before they are read back, if that is more than one step's."""
MOST_STEPS = 512
SERIES = EPISODES.names[-6:]
ROW = np.dtype(list(zip(SERIES, ("i8", "f8", "i8", "?", "?", "f8"), strict=True)))
"""What is kept of a finished episode, besides its lane."""
NO_ROWS = np.empty(0, dtype=ROW)


class DeviceEpisodeRecorder:
    """One row per finished episode and lane, as ``EpisodeRecorder`` has it. Returns are sums in float64."""

    def __init__(self, lanes: int, device: str) -> None:
        steps = min(MOST_STEPS, max(1, MOST_NOTES // lanes))
        self.returns = torch.zeros(
            lanes, dtype=torch.float64, device=device
        )  # (L,): of the episodes under way
        self.lengths = torch.zeros(lanes, dtype=torch.int64, device=device)
        self.over = torch.zeros((steps, lanes), dtype=torch.bool, device=device)  # (K, L)
        self.cut = torch.zeros_like(self.over)  # by the time limit
        self.ended = torch.zeros_like(self.over)  # in a terminal state
        self.totals = torch.zeros((steps, lanes), dtype=torch.float64, device=device)
        self.spans = torch.zeros((steps, lanes), dtype=torch.int64, device=device)
        self.noted: list[tuple[int, float]] = []  # (step, epsilon) of the rows (K, ...) that are filled
        self.found: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []  # lanes (n,), rows (n,)
        self.by_lane: list[np.ndarray[Any, Any]] | None = None  # the rows of each lane, if nothing came since
        self.note = Captured(_note, device)

    def observe(self, record: StepRecord) -> None:
        """Take note of one environment step."""
        steps = record.steps
        self.note(self, len(self.noted), steps.reward, steps.terminated, steps.truncated)
        self.noted.append((record.step, record.epsilon))
        if len(self.noted) == len(self.over):
            self.read()

    def read(self) -> None:
        """Fetch what has been noted."""
        row, lane = self.over[: len(self.noted)].nonzero().unbind(-1)  # (n,), (n,): in the order of time
        rows = np.empty(len(row), dtype=ROW)
        steps, epsilons = np.array(self.noted).reshape(-1, 2).T
        rows["global_step"], rows["epsilon"] = steps[row.cpu().numpy()], epsilons[row.cpu().numpy()]
        places = (self.totals, self.spans, self.ended, self.cut)
        for name, place in zip(SERIES[1:5], places, strict=True):
            rows[name] = place[row, lane].cpu()
        self.found.append((lane.cpu().numpy(), rows))
        self.noted, self.by_lane = [], None

    def rows(self, lane: int) -> np.ndarray[Any, Any]:
        """The finished episodes of a lane so far."""
        if self.noted:
            self.read()
        if self.by_lane is None:
            lanes = np.concatenate([np.empty(0, np.int64), *(each for each, _ in self.found)])
            rows = np.concatenate([NO_ROWS, *(each for _, each in self.found)])
            order = lanes.argsort(kind="stable")
            borders = np.searchsorted(lanes[order], np.arange(1, len(self.returns)))
            self.by_lane = np.split(rows[order], borders)
            self.totals_so_far = self.returns.tolist()
            self.lengths_so_far = self.lengths.tolist()
        return self.by_lane[lane]

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The finished episodes of a lane in the stored schema."""
        rows = self.rows(lane)
        columns = {"episode": range(len(rows)), **{name: rows[name].tolist() for name in SERIES}}
        return tabulate(EPISODES, env_id, label, seed, columns)

    def unfinished(self, lane: int) -> dict[str, float | int | None]:
        """Length and return of the episode that the end of the budget cut off; a return that is no number is None."""
        self.rows(lane)
        total = self.totals_so_far[lane]
        return {"length": self.lengths_so_far[lane], "return": total if math.isfinite(total) else None}

    def state(self) -> State:
        """The series so far, and the episodes under way."""
        rows, counts = packed([self.rows(lane).tolist() for lane in range(len(self.returns))], ROW)
        return {"rows": rows, "counts": counts, "returns": self.returns, "lengths": self.lengths}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        lists = unpacked(state["rows"], state["counts"])
        lanes = np.repeat(np.arange(len(lists)), [len(rows) for rows in lists])
        rows = np.array([row for rows in lists for row in rows], dtype=ROW)
        self.found, self.noted, self.by_lane = [(lanes, rows)], [], None
        self.returns.copy_(torch.from_numpy(state["returns"]))
        self.lengths.copy_(torch.from_numpy(state["lengths"]))


def _note(a: DeviceEpisodeRecorder, row: Tensor, reward: Tensor, ended: Tensor, cut: Tensor) -> None:
    """Write what one step gave into row ``row``, and begin anew where an episode is over."""
    over = ended | cut
    a.returns += reward
    a.lengths += 1
    numbers = ((a.over, over), (a.ended, ended), (a.cut, cut), (a.totals, a.returns), (a.spans, a.lengths))
    for place, number in numbers:
        place.index_copy_(0, row.view(1), number[None])
    a.returns.masked_fill_(over, 0.0)
    a.lengths.masked_fill_(over, 0)
