"""No replay: learn from each transition once, as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.replay.ring import Batch, Ring, Space, Transition

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.replay.ring import Number


@dataclass(frozen=True)
class Latest:
    """The newest transition only, batch 1: online Q-learning. Ignores buffer and batch size."""

    kind: ClassVar[str] = "latest"

    def init(self, space: Space) -> Ring:
        return Ring(space, capacity=1, batch_size=1)

    def add(self, memory: Ring, transition: Transition) -> None:
        memory.add(transition)

    def sample(self, memory: Ring, u: Tensor, progress: Number) -> Batch:
        return memory.gather(u[:, :1].long())  # a draw in [0, 1) floors to slot 0, the only one

    def feedback(self, memory: Ring, batch: Batch, delta: Tensor) -> None:
        """Nothing to learn from errors."""
