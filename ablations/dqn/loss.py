"""The loss slot: the error of a TD error delta = y - Q(s, a), in (L, B), before weighting.

The weight of a sample multiplies its loss, whatever the loss; a lane's loss is the mean over its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn import ops
from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Squared:
    """delta^2 / 2."""

    kind: ClassVar[str] = "squared"
    op: ClassVar[ops.Loss] = ops.Loss.SQUARED

    def error(self, delta: Tensor) -> Tensor:
        return 0.5 * delta * delta

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class Huber:
    """delta^2 / 2 where |delta| <= 1, |delta| - 1/2 beyond (Huber 1964; the clipped error of Mnih et al. 2015)."""

    kind: ClassVar[str] = "huber"
    op: ClassVar[ops.Loss] = ops.Loss.HUBER

    def error(self, delta: Tensor) -> Tensor:
        size = delta.abs()
        inner = size.clamp(max=1.0)
        return inner * (size - 0.5 * inner)

    def facts(self) -> Facts:
        return Facts(order=1)
