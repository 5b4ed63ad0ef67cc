"""The circular buffer under every replay piece: one block (L, N, W), one position and one size for all lanes.

A transition is stored as one row [obs, next_obs, action, reward, discount, ended], so that a batch is one gather.
Actions are stored as floats: exact up to 2**24.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Count, Space, Transition
    from ablations.state import State


NUMBERS = 4
"""In a row, behind the two observations."""
LINE = 16
"""A row is a multiple of this many numbers, a cache line of floats: drawing from a full buffer is bound by memory."""


def row_width(features: int) -> int:
    """W: the numbers of a row, padding included."""
    return -(-(2 * features + NUMBERS) // LINE) * LINE


class Ring:
    """Storage that forgets the oldest transition first. Lanes move in step, so position and size are shared."""

    def __init__(self, space: Space, capacity: int, batch_size: int) -> None:
        self.engine = space.engine
        self.features = space.features
        self.capacity = capacity
        width = row_width(space.features)
        self.block = space.zeros((space.lanes, capacity, width))  # (L, N, W)
        self.ones = space.zeros((space.lanes, batch_size)) + 1  # (L, B): the weight of an unweighted sample
        self.position: Count = space.engine.counter()  # the slot that is written next
        self.size: Count = space.engine.counter()

    def add(self, transition: Transition) -> Count:
        """Write one row per lane; returns its slot."""
        slot = self.position + 0  # a copy: on a device the position moves in place
        self.engine.put(self.block, slot, transition)
        self.position, self.size = self.engine.advance(self.position, self.size, self.capacity)
        return slot

    def terminal_share(self) -> Tensor:
        """Share of the stored transitions that cut the bootstrap: (L,), NaN while empty."""
        stored = self.block[:, : int(self.size), 2 * self.features + 2]  # (L, n): discounts
        return (stored == 0).double().mean(-1)

    def state(self) -> State:
        """The rows that are filled, without their padding, and where the next one goes."""
        return {
            "rows": self.block[:, : int(self.size), : 2 * self.features + NUMBERS],
            "position": int(self.position),
            "size": int(self.size),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        import torch

        self.position = self.engine.counter(state["position"])
        self.size = self.engine.counter(state["size"])
        self.block[:, : state["size"], : 2 * self.features + NUMBERS] = torch.from_numpy(state["rows"])

    def rows(self, index: Tensor) -> Transition:
        """The transitions at ``index`` (L, B) of each lane: all that a piece sees of how they are kept."""
        return self.engine.take(self.block, index, self.features)
