"""Id-coded transitions: every number of transition i says i, so that a mix-up shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from ablations import engines
from ablations.dqn.returns import OneStep
from ablations.dqn.types import Batch, Space, Transition
from ablations.envs.observations import vector

FEATURES = 3
ENGINE = "reference"
"""Of the memories made here."""


def space(lanes: int = 2, capacity: int = 5, batch_size: int = 4, lookahead: int = 0) -> Space:
    """A space of float64 storage; float64 holds every code exactly."""
    return Space(
        lanes=lanes,
        capacity=capacity,
        batch_size=batch_size,
        observation=vector(FEATURES),
        parameters=8,
        lookahead=lookahead,
        zeros=partial(torch.zeros, dtype=torch.float64),
        engine=engines.of(ENGINE),
    )


def coded(i: int, lanes: int = 2) -> Transition:
    """Transition number i of every lane; lane k's numbers are 1000 k larger."""
    code = 1000.0 * torch.arange(lanes, dtype=torch.float64) + i  # (L,)
    parts = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)  # (D,)
    return Transition(
        obs=code[:, None] + parts,
        action=code.long() % 7,
        reward=10 * code + 1,
        discount=10 * code + 2,
        next_obs=code[:, None] + parts + 0.5,
        ended=torch.zeros(lanes, dtype=torch.float64) + (i % 2),
    )


def fill(replay: Any, memory: Any, first: int, last: int, lanes: int = 2) -> None:
    """Add the transitions first ... last, both included."""
    for i in range(first, last + 1):
        replay.add(memory, coded(i, lanes))


def drawn(replay: Any, memory: Any, u: torch.Tensor, progress: float = 0.0) -> Batch:
    """The one-step batch of a replay's sample."""
    return OneStep().batch(memory, *replay.sample(memory, u, progress))


def ids(batch: Batch | Transition) -> list[list[int]]:
    """The numbers of a batch's transitions by lane, after checking that each row is whole and of its lane."""
    lanes = len(batch.reward)
    found = (batch.obs[..., 0] - 0.1).round()  # (L, B)
    for lane in range(lanes):
        for b, code in enumerate(found[lane].tolist()):
            i = int(code) - 1000 * lane
            expected = coded(i, lanes)
            assert torch.equal(batch.obs[lane, b], expected.obs[lane])
            assert torch.equal(batch.next_obs[lane, b], expected.next_obs[lane])
            assert batch.action[lane, b] == expected.action[lane]
            assert batch.reward[lane, b] == expected.reward[lane]
            assert batch.discount[lane, b] == expected.discount[lane]
            if isinstance(batch, Transition):
                assert batch.ended[lane, b] == expected.ended[lane]
    offsets = 1000 * torch.arange(lanes)[:, None]
    return [[int(i) for i in row] for row in (found - offsets).tolist()]


def draws(*rows: list[float]) -> torch.Tensor:
    """Uniform draws (L, B), one list per lane."""
    return torch.tensor(rows, dtype=torch.float64)
