"""Experience replay (Lin 1992; Mnih et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.facts import Facts
from ablations.dqn.replay.ring import Ring

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Number, Space, Transition


@dataclass(frozen=True)
class Uniform:
    """B transitions drawn uniformly with replacement from the last N: i = floor(u n), u uniform in [0, 1)."""

    kind: ClassVar[str] = "uniform"

    def init(self, space: Space) -> Ring:
        return Ring(space, space.capacity, space.batch_size)

    def add(self, memory: Ring, transition: Transition) -> None:
        memory.add(transition)

    def sample(self, memory: Ring, u: Tensor, progress: Number) -> tuple[Tensor, Tensor]:
        return (u * memory.size).long(), memory.ones

    def feedback(self, memory: Ring, index: Tensor, delta: Tensor) -> None:
        """Nothing to learn from errors."""

    def facts(self) -> Facts:
        return Facts(order=2)
