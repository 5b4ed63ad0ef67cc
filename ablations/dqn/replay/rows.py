"""Vectors under a replay memory: one block (L, N, W) of floats.

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
DISCOUNT = 2
"""The place of a transition's discount among them."""
LINE = 16
"""A row is a multiple of this many numbers, a cache line of floats: drawing from a full buffer is bound by memory."""


def row_width(features: int) -> int:
    """W: the numbers of a row, padding included."""
    return -(-(2 * features + NUMBERS) // LINE) * LINE


class Rows:
    """Slots for N transitions of every lane whose observations are vectors of D numbers."""

    def __init__(self, space: Space, capacity: int) -> None:
        self.engine, self.features = space.engine, space.observation.numbers
        self.used = 2 * self.features + NUMBERS  # of a row
        self.block = space.zeros((space.lanes, capacity, row_width(self.features)))  # (L, N, W)
        self.numbers = self.block[..., self.used - NUMBERS : self.used]  # (L, N, 4): a view

    def put(self, slot: Count, transition: Transition) -> None:
        """Write a transition of every lane."""
        self.engine.put(self.block, slot, transition)

    def take(self, index: Tensor) -> Transition:
        """The transitions at ``index`` (L, B)."""
        return self.engine.take(self.block, index, self.features)

    def parts(self, index: Tensor) -> Transition:
        """The same without what was seen, which is empty."""
        from ablations.dqn.types import Transition

        taken = self.numbers.gather(1, index[..., None].expand(-1, -1, NUMBERS))  # (L, B, 4)
        action, reward, discount, ended = taken.unbind(-1)
        nothing = taken[..., :0]
        return Transition(nothing, action.long(), reward, discount, nothing, ended)

    def obs(self, index: Tensor) -> Tensor:
        """Their observations (L, B, D)."""
        return self.take(index).obs

    def next_obs(self, index: Tensor) -> Tensor:
        """Their successors (L, B, D)."""
        return self.take(index).next_obs

    def state(self, size: int) -> State:
        """The rows that are filled, without their padding."""
        return {"rows": self.block[:, :size, : self.used]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        import torch

        self.block[:, : state["size"], : self.used] = torch.from_numpy(state["rows"])
