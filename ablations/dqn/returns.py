"""The returns slot: what a sampled transition's reward and successor are, made at sampling from consecutive rows.

``batch(memory, index, weight)`` gives the batch at these slots of the memory, (L, B), with these weights (L, B).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.facts import Facts
from ablations.dqn.types import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.replay.ring import Ring


@dataclass(frozen=True)
class OneStep:
    """r and s' of the transition itself: y = r + discount V(s')."""

    kind: ClassVar[str] = "one-step"

    def batch(self, memory: Ring, index: Tensor, weight: Tensor) -> Batch:
        return Batch(*memory.rows(index), weight=weight, index=index)

    def facts(self) -> Facts:
        return Facts(off=True)
