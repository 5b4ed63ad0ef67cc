"""The optimizer slot: how a gradient becomes a step. The rules are torch.optim's, element by element.

``step(params, grads, moments, learning_rate)`` changes params (L, P) and the moments in place; lanes cannot see each
other. ``max_grad_norm`` clips the gradient of each lane before, 0 = no clipping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt

from ablations.dqn import ops
from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Moments

Norm = Annotated[float, Ge(0.0)]
Eps = Annotated[float, Gt(0.0)]


@dataclass(frozen=True)
class Adam:
    """theta <- theta - lr m^ / (sqrt(v^) + eps), betas 0.9 and 0.999 (Kingma and Ba 2015, Algorithm 1)."""

    eps: Eps = 1e-8
    max_grad_norm: Norm = 0.0
    kind: ClassVar[str] = "adam"
    op: ClassVar[ops.Rule] = ops.Rule.ADAM

    def step(self, params: Tensor, grads: Tensor, moments: Moments, learning_rate: float) -> None:
        from torch.optim.adam import adam

        adam(
            [params], [grads], [moments.first], [moments.second], [], [moments.count],
            fused=True, amsgrad=False, beta1=0.9, beta2=0.999, lr=learning_rate,
            weight_decay=0.0, eps=self.eps, maximize=False,
        )  # fmt: skip

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class RMSprop:
    """v <- 0.99 v + 0.01 g^2, theta <- theta - lr g / (sqrt(v) + eps) (Hinton 2012, lecture 6e)."""

    eps: Eps = 1e-8
    max_grad_norm: Norm = 0.0
    kind: ClassVar[str] = "rmsprop"
    op: ClassVar[ops.Rule] = ops.Rule.RMSPROP

    def step(self, params: Tensor, grads: Tensor, moments: Moments, learning_rate: float) -> None:
        from torch.optim.rmsprop import rmsprop

        rmsprop(
            [params], [grads], [moments.second], [], [], [moments.count],
            foreach=False, lr=learning_rate, alpha=0.99, eps=self.eps,
            weight_decay=0.0, momentum=0.0, centered=False,
        )  # fmt: skip

    def facts(self) -> Facts:
        return Facts(order=1)


@dataclass(frozen=True)
class SGD:
    """theta <- theta - lr g."""

    max_grad_norm: Norm = 0.0
    kind: ClassVar[str] = "sgd"
    op: ClassVar[ops.Rule] = ops.Rule.SGD

    def step(self, params: Tensor, grads: Tensor, moments: Moments, learning_rate: float) -> None:
        from torch.optim.sgd import sgd

        sgd(
            [params], [grads], [None],
            foreach=False, weight_decay=0.0, momentum=0.0, lr=learning_rate,
            dampening=0.0, nesterov=False, maximize=False,
        )  # fmt: skip

    def facts(self) -> Facts:
        return Facts(order=2)
