"""Replay's batch without its shuffling: what `no-replay` confounds with a batch of one, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.replay.ring import Batch, Ring, Space, Transition

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.replay.ring import Number


@dataclass(frozen=True)
class Consecutive:
    """The last B transitions, oldest first: correlated samples at replay's batch size."""

    kind: ClassVar[str] = "consecutive"

    def init(self, space: Space) -> Ring:
        return Ring(space, max(space.capacity, space.batch_size), space.batch_size)

    def add(self, memory: Ring, transition: Transition) -> None:
        memory.add(transition)

    def sample(self, memory: Ring, u: Tensor, progress: Number) -> Batch:
        back = u.new_ones(u.shape).long().cumsum(-1) - 1 - u.shape[-1]  # (L, B): -B ... -1
        return memory.gather((back + memory.position) % memory.capacity)

    def feedback(self, memory: Ring, batch: Batch, delta: Tensor) -> None:
        """Nothing to learn from errors."""
