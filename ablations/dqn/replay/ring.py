"""The circular buffer under every replay piece: one block (L, N, W), one position and one size for all lanes.

A transition is stored as one row [obs, next_obs, action, reward, discount], so that a batch is one gather.
Actions are stored as floats: exact up to 2**24.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.engines import Family
    from ablations.state import State

    Count = int | Tensor
    Number = float | Tensor
    """A number of the host, or one on a device, where it can change without the host: a tensor without axes."""


LINE = 16
"""A row is a multiple of this many numbers, a cache line of floats: drawing from a full buffer is bound by memory."""


class Space(NamedTuple):
    """What a replay memory is to hold, and how to get storage for it."""

    lanes: int
    capacity: int  # settings.buffer_size
    batch_size: int
    features: int  # numbers in one observation: D
    zeros: Callable[..., Tensor]  # torch.zeros in the training dtype unless told otherwise
    family: Family  # moves rows, climbs trees


class Transition(NamedTuple):
    """One environment step of every lane; or several of each, then everything is (L, B, ...)."""

    obs: Tensor  # (L, D)
    action: Tensor  # (L,) int64
    reward: Tensor  # (L,)
    discount: Tensor  # (L,): gamma * (1 - terminated)
    next_obs: Tensor  # (L, D): the true successor, never the next episode's first observation


@dataclass(slots=True)
class Batch:
    """B transitions of every lane: the parts of a ``Transition``, what each counts, and where it lies."""

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
        self.family = space.family
        self.features = space.features
        self.capacity = capacity
        width = -(-(2 * space.features + 3) // LINE) * LINE
        self.rows = space.zeros((space.lanes, capacity, width))  # (L, N, W)
        self.ones = space.zeros((space.lanes, batch_size)) + 1  # (L, B): the weight of an unweighted sample
        self.position: Count = space.family.counter()  # the slot that is written next
        self.size: Count = space.family.counter()

    def add(self, transition: Transition) -> Count:
        """Write one row per lane; returns its slot."""
        slot = self.position + 0  # a copy: on a device the position moves in place
        self.family.put(self.rows, slot, transition)
        self.position, self.size = self.family.advance(self.position, self.size, self.capacity)
        return slot

    def terminal_share(self) -> Tensor:
        """Share of the stored transitions that cut the bootstrap: (L,), NaN while empty."""
        stored = self.rows[:, : int(self.size), 2 * self.features + 2]  # (L, n): discounts
        return (stored == 0).double().mean(-1)

    def state(self) -> State:
        """The rows that are filled, without their padding, and where the next one goes."""
        return {
            "rows": self.rows[:, : int(self.size), : 2 * self.features + 3],
            "position": int(self.position),
            "size": int(self.size),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        import torch

        self.position = self.family.counter(state["position"])
        self.size = self.family.counter(state["size"])
        self.rows[:, : state["size"], : 2 * self.features + 3] = torch.from_numpy(state["rows"])

    def gather(self, index: Tensor, weight: Tensor | None = None) -> Batch:
        """The rows at ``index`` (L, B) of each lane; every weight is 1 unless given."""
        taken = self.family.take(self.rows, index, self.features)
        return Batch(*taken, weight=self.ones if weight is None else weight, index=index)
