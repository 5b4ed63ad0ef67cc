"""The target slot: how the bootstrap's parameters theta- follow the online parameters theta.

``follow(minus, online, update)`` is called after each gradient update with the number of finished updates
(1 after the first) and returns the new theta-; both arguments are (L, P) buffers and theta- starts equal to theta.
Hence Hard(1) = NoTarget = Soft(1) exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol

from annotated_types import Ge, Gt, Le

if TYPE_CHECKING:
    from torch import Tensor


class Target(Protocol):
    """What the kernel asks of a target piece."""

    kind: ClassVar[str]

    def follow(self, target_params: Tensor, online: Tensor, update: int) -> Tensor:
        """theta- after this update; it may be ``minus`` written in place or ``online`` itself."""
        ...


@dataclass(frozen=True)
class NoTarget:
    """No target network: Q- is Q itself (under no_grad: a semi-gradient)."""

    kind: ClassVar[str] = "none"

    def follow(self, target_params: Tensor, online: Tensor, update: int) -> Tensor:
        return online


@dataclass(frozen=True)
class Hard:
    """theta- <- theta every ``period`` gradient updates (Mnih et al. 2015, Algorithm 1: C)."""

    period: Annotated[int, Ge(1)] = 100
    kind: ClassVar[str] = "hard"

    def follow(self, target_params: Tensor, online: Tensor, update: int) -> Tensor:
        if update % self.period == 0:
            target_params.copy_(online)
        return target_params


@dataclass(frozen=True)
class Soft:
    """theta- <- tau theta + (1 - tau) theta- after each update (Lillicrap et al. 2016, Algorithm 1).

    Its mean lag equals that of ``Hard(C)`` at tau = 2 / (C + 1).
    """

    tau: Annotated[float, Gt(0), Le(1)] = 0.005
    kind: ClassVar[str] = "soft"

    def follow(self, target_params: Tensor, online: Tensor, update: int) -> Tensor:
        return target_params.lerp_(online, self.tau)
