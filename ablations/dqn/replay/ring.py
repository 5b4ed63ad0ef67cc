"""The circular buffer under every replay piece: one position and one size for all lanes, whatever they show.

Where a transition's parts lie is the business of ``Rows`` (vectors) and ``Frames`` (all else); here it is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations.dqn.replay.frames import Frames
from ablations.dqn.replay.rows import DISCOUNT, NUMBERS, Rows, row_width

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Count, Space, Transition
    from ablations.envs.observations import Observation
    from ablations.state import State


def transition_bytes(observation: Observation) -> int:
    """What one more transition takes in float32, trees and frames aside apart."""
    if observation.is_vector:
        return 4 * row_width(observation.numbers)
    return math.prod(observation.frame) * observation.dtype.itemsize + 4 * NUMBERS


class Ring:
    """Storage that forgets the oldest transition first. Lanes move in step, so position and size are shared."""

    def __init__(self, space: Space, capacity: int, batch_size: int) -> None:
        self.engine = space.engine
        self.capacity = capacity
        self.stored = (Rows if space.observation.is_vector else Frames)(space, capacity)
        self.ones = space.zeros((space.lanes, batch_size)).add_(
            1
        )  # (L, B): the weight of an unweighted sample
        self.position: Count = space.engine.counter()  # the slot that is written next
        self.size: Count = space.engine.counter()

    def add(self, transition: Transition) -> Count:
        """Store one transition per lane; returns its slot."""
        slot = self.position + 0  # a copy: on a device the position moves in place
        self.stored.put(slot, transition)
        self.position, self.size = self.engine.advance(self.position, self.size, self.capacity)
        return slot

    def terminal_share(self) -> Tensor:
        """Share of the stored transitions that cut the bootstrap: (L,), NaN while empty."""
        discounts = self.stored.numbers[:, : int(self.size), DISCOUNT]  # (L, n)
        return (discounts == 0).double().mean(-1)

    def state(self) -> State:
        """What is stored, and where the next one goes."""
        size = int(self.size)
        return {**self.stored.state(size), "position": int(self.position), "size": size}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.position = self.engine.counter(state["position"])
        self.size = self.engine.counter(state["size"])
        self.stored.restore(state)

    def rows(self, index: Tensor) -> Transition:
        """The transitions at ``index`` (L, B) of each lane: all that a piece sees of how they are kept."""
        return self.stored.take(index)

    def parts(self, index: Tensor) -> Transition:
        """The same for those who don't ask what was seen: ``obs`` and ``next_obs`` mean nothing.

        A subclass that has other ``rows`` need not have this and the next two.
        """
        return self.stored.parts(index) if type(self).rows is Ring.rows else self.rows(index)

    def obs(self, index: Tensor) -> Tensor:
        """Their observations alone: (L, B, *S)."""
        return self.stored.obs(index) if type(self).rows is Ring.rows else self.rows(index).obs

    def next_obs(self, index: Tensor) -> Tensor:
        """Their successors alone: (L, B, *S)."""
        return self.stored.next_obs(index) if type(self).rows is Ring.rows else self.rows(index).next_obs
