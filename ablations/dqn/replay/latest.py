"""No replay: learn from each transition once, as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.facts import Facts
from ablations.dqn.replay.ring import Ring

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Number, Space, Transition


@dataclass(frozen=True)
class Latest:
    """The newest transition only, batch 1: online Q-learning. Ignores buffer and batch size.

    Where returns look ahead it is the newest whose window is whole.
    """

    kind: ClassVar[str] = "latest"

    def init(self, space: Space) -> Ring:
        return Ring(space, capacity=1 + space.lookahead, batch_size=1)

    def add(self, memory: Ring, transition: Transition) -> None:
        memory.add(transition)

    def sample(self, memory: Ring, u: Tensor, progress: Number) -> tuple[Tensor, Tensor]:
        oldest = (memory.position - memory.size) % memory.capacity
        return u[:, :1].long() + oldest, memory.ones  # a draw in [0, 1) floors to 0

    def feedback(self, memory: Ring, index: Tensor, delta: Tensor) -> None:
        """Nothing to learn from errors."""

    def facts(self) -> Facts:
        return Facts(
            off=True, samples=1, once=True, ignores=("buffer_size", "batch_size"), shade=0.3, dash="solid"
        )
