"""The loss slot: from the head's outputs to values, and from a target y to the error that is descended.

``outputs_per_action`` is Z; ``values(outputs)`` maps (L, B, A, Z) to Q (L, B, A); ``error(outputs, action, y)`` gives
the ``Errors`` of a batch before weighting, of actions and targets (L, B). The weight of a sample multiplies its loss,
whatever the loss; a lane's loss is the mean over its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.types import Errors

if TYPE_CHECKING:
    from torch import Tensor


class ScalarLoss:
    """What losses share whose outputs are the values: a ``penalty`` of the TD error delta = y - Q(s, a)."""

    outputs_per_action: ClassVar[int] = 1

    def values(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(-1)

    def error(self, outputs: Tensor, action: Tensor, y: Tensor) -> Errors:
        delta = y - self.values(outputs).gather(-1, action[..., None]).squeeze(-1)  # (L, B)
        return Errors(self.penalty(delta), delta, delta)

    def penalty(self, delta: Tensor) -> Tensor:
        """(L, B) -> (L, B)."""
        raise NotImplementedError


def is_penalty(loss: Any) -> bool:
    """True for a loss that is a penalty of the TD error and nothing else, so that it need not be asked for the rest."""
    kind = type(loss)
    return (
        isinstance(loss, ScalarLoss)
        and kind.values is ScalarLoss.values
        and kind.error is ScalarLoss.error
        and kind.outputs_per_action == 1
    )


@dataclass(frozen=True)
class Squared(ScalarLoss):
    """delta^2 / 2."""

    kind: ClassVar[str] = "squared"
    op: ClassVar[ops.Loss] = ops.Loss.SQUARED

    def penalty(self, delta: Tensor) -> Tensor:
        return 0.5 * delta * delta

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class Huber(ScalarLoss):
    """delta^2 / 2 where |delta| <= 1, |delta| - 1/2 beyond (Huber 1964; the clipped error of Mnih et al. 2015)."""

    kind: ClassVar[str] = "huber"
    op: ClassVar[ops.Loss] = ops.Loss.HUBER

    def penalty(self, delta: Tensor) -> Tensor:
        size = delta.abs()
        inner = size.clamp(max=1.0)
        return inner * (size - 0.5 * inner)

    def facts(self) -> Facts:
        return Facts(order=1)
