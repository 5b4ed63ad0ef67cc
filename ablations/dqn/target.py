"""The target slot: how the bootstrap's parameters theta- follow the online parameters theta.

``follow(target_params, online_params, update)`` is called after each gradient update with the number of finished ones
(1 after the first) and returns the new theta-: ``target_params`` written in place, or ``online_params`` itself. Both
are (L, P) buffers and theta- starts equal to theta. Hence Hard(1) = NoTarget = Soft(1) exactly. A piece that copies now
and then says when by ``syncs(update)``, which optimizers are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class NoTarget:
    """No target network: Q- is Q itself (under no_grad: a semi-gradient)."""

    kind: ClassVar[str] = "none"

    def follow(self, target_params: Tensor, online_params: Tensor, update: int) -> Tensor:
        return online_params

    def facts(self) -> Facts:
        return Facts(off=True, makes_irrelevant=("bootstrap",), lag=0.0, shade=0.15, dash="solid")


@dataclass(frozen=True)
class Hard:
    """theta- <- theta every ``period`` gradient updates (Mnih et al. 2015, Algorithm 1: C)."""

    period: Annotated[int, Ge(1)] = 100
    kind: ClassVar[str] = "hard"

    def follow(self, target_params: Tensor, online_params: Tensor, update: int) -> Tensor:
        if self.syncs(update):
            target_params.copy_(online_params)
        return target_params

    def syncs(self, update: int) -> bool:
        return update % self.period == 0

    def facts(self) -> Facts:
        """A copy every C updates is on average (C - 1) / 2 updates old."""
        if self.period == 1:
            return Facts(order=1, equals=NoTarget(), lag=0.0)
        return Facts(order=1, lag=(self.period - 1) / 2, moves="copies")


@dataclass(frozen=True)
class Soft:
    """theta- <- tau theta + (1 - tau) theta- after each update (Lillicrap et al. 2016, Algorithm 1).

    Its mean lag equals that of ``Hard(C)`` at tau = 2 / (C + 1).
    """

    tau: Annotated[float, Gt(0), Le(1)] = 0.005
    kind: ClassVar[str] = "soft"

    def follow(self, target_params: Tensor, online_params: Tensor, update: int) -> Tensor:
        return target_params.lerp_(online_params, self.tau)

    def facts(self) -> Facts:
        """A blend is on average 1 / tau - 1 updates old."""
        if self.tau == 1:
            return Facts(order=2, equals=NoTarget(), lag=0.0, hue=1)
        return Facts(order=2, lag=1 / self.tau - 1, moves="blends", hue=1)
