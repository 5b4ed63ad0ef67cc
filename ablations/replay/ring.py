"""The circular buffer under every replay piece: one block (L, N, W), one position and one size for all lanes.

A transition is stored as one row [obs, next_obs, action, reward, discount], so that a batch is one gather.
Actions are stored as floats: exact up to 2**24.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


LINE = 16
"""A row is a multiple of this many numbers, a cache line of floats: drawing from a full buffer is bound by memory."""


class Space(NamedTuple):
    """What a replay memory is to hold, and how to get storage for it."""

    lanes: int
    capacity: int  # settings.buffer_size
    batch_size: int
    features: int  # numbers in one observation: D
    lane_index: Tensor  # (L, 1) int64: 0 ... L-1
    zeros: Callable[..., Tensor]  # torch.zeros in the training dtype unless told otherwise


class Transition(NamedTuple):
    """One environment step of every lane."""

    obs: Tensor  # (L, D)
    action: Tensor  # (L,) int64
    reward: Tensor  # (L,)
    discount: Tensor  # (L,): gamma * (1 - terminated)
    next_obs: Tensor  # (L, D): the true successor, never the next episode's first observation


@dataclass(frozen=True, slots=True)
class Batch:
    """B transitions of every lane."""

    obs: Tensor  # (L, B, D)
    action: Tensor  # (L, B) int64
    reward: Tensor  # (L, B)
    discount: Tensor  # (L, B)
    next_obs: Tensor  # (L, B, D)
    weight: Tensor  # (L, B): importance of each sample's loss
    index: Tensor  # (L, B) int64: slots of the ring


class Ring:
    """Storage that forgets the oldest transition first. Lanes move in step, so position and size are shared."""

    def __init__(self, space: Space, capacity: int, batch_size: int) -> None:
        self.features = space.features
        self.capacity = capacity
        width = -(-(2 * space.features + 3) // LINE) * LINE
        self.rows = space.zeros((space.lanes, capacity, width))  # (L, N, W)
        self.ones = space.zeros((space.lanes, batch_size)) + 1  # (L, B): the weight of an unweighted sample
        self.offset = space.lane_index * capacity  # (L, 1): where a lane's rows begin in the flat view
        self.position = 0  # the slot that is written next
        self.size = 0

    def add(self, transition: Transition) -> int:
        """Write one row per lane; returns its slot."""
        slot = self.position
        row = self.rows[:, slot]  # (L, W)
        d = self.features
        row[:, :d] = transition.obs
        row[:, d : 2 * d] = transition.next_obs
        row[:, 2 * d] = transition.action
        row[:, 2 * d + 1] = transition.reward
        row[:, 2 * d + 2] = transition.discount
        self.position = (slot + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)
        return slot

    def terminal_share(self) -> Tensor:
        """Share of the stored transitions that cut the bootstrap: (L,), NaN while empty."""
        stored = self.rows[:, : self.size, 2 * self.features + 2]  # (L, n): discounts
        return (stored == 0).double().mean(-1)

    def gather(self, index: Tensor, weight: Tensor | None = None) -> Batch:
        """The rows at ``index`` (L, B) of each lane; every weight is 1 unless given."""
        lanes, batch = index.shape
        flat = self.rows.view(-1, self.rows.shape[-1])  # (L N, W)
        rows = flat.index_select(0, (index + self.offset).view(-1)).view(lanes, batch, -1)  # (L, B, W)
        d = self.features
        return Batch(
            obs=rows[..., :d],
            next_obs=rows[..., d : 2 * d],
            action=rows[..., 2 * d].long(),
            reward=rows[..., 2 * d + 1],
            discount=rows[..., 2 * d + 2],
            weight=self.ones if weight is None else weight,
            index=index,
        )
