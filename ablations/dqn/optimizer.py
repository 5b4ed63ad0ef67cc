"""The optimizer slot: how a gradient becomes a step. The rules are torch.optim's, element by element.

``step(params, grads, moments, learning_rate)`` changes params (L, P) and the moments in place; lanes cannot see each
other. A rule that has ``synced(moments)`` is told when the target has copied theta.
``max_grad_norm`` clips the gradient of each lane before, 0 = no clipping.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

from ablations.dqn import ops
from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.settings import Settings
    from ablations.dqn.types import Moments
    from ablations.dqn.variants import Variant

Norm = Annotated[float, Ge(0.0)]
Eps = Annotated[float, Gt(0.0)]


@dataclass(frozen=True)
class Adam:
    """theta <- theta - lr m^ / (sqrt(v^) + eps), betas 0.9 and 0.999 (Kingma and Ba 2015, Algorithm 1).

    ``reset_at_sync``: m, v and the count of steps begin anew whenever a hard target copies theta, as another loss is
    minimized from then on (Asadi, Fakoor and Sabach 2023, Algorithm 1).
    """

    eps: Eps = 1e-8
    max_grad_norm: Norm = 0.0
    reset_at_sync: bool = False
    kind: ClassVar[str] = "adam"
    op: ClassVar[ops.Rule] = ops.Rule.ADAM

    def step(self, params: Tensor, grads: Tensor, moments: Moments, learning_rate: float) -> None:
        from torch.optim.adam import adam

        adam(
            [params], [grads], [moments.first], [moments.second], [], [moments.count],
            fused=True, amsgrad=False, beta1=0.9, beta2=0.999, lr=learning_rate,
            weight_decay=0.0, eps=self.eps, maximize=False,
        )  # fmt: skip

    def synced(self, moments: Moments) -> None:
        """The target has copied theta."""
        if self.reset_at_sync:
            for each in (moments.first, moments.second, moments.count):
                each.zero_()

    def facts(self) -> Facts:
        return Facts(order=1, dash="solid") if self.reset_at_sync else Facts(off=True)

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        facts = variant.target.facts()
        if self.reset_at_sync and facts.moves != "copies":
            yield (
                "reset_at_sync",
                f"reset_at_sync needs a target that copies now and then, got '{variant.target.kind}'"
                + (" at every update" if facts.equals is not None else ""),
            )


@dataclass(frozen=True)
class RMSprop:
    """v <- decay v + (1 - decay) g^2, theta <- theta - lr g / (sqrt(v) + eps) (Hinton 2012, lecture 6e).

    ``centered``: sqrt(v - m^2) in place of sqrt(v), m the like mean of g (Graves 2013, eqs. 38 to 41).
    """

    eps: Eps = 1e-8
    max_grad_norm: Norm = 0.0
    decay: Annotated[float, Ge(0.0), Lt(1.0)] = 0.99
    centered: bool = False
    kind: ClassVar[str] = "rmsprop"
    op: ClassVar[ops.Rule] = ops.Rule.RMSPROP

    def step(self, params: Tensor, grads: Tensor, moments: Moments, learning_rate: float) -> None:
        moments.second.mul_(self.decay).addcmul_(grads, grads, value=1 - self.decay)
        size = moments.second
        if self.centered:
            moments.first.lerp_(grads, 1 - self.decay)
            size = size.addcmul(moments.first, moments.first, value=-1).clamp_(min=0)  # rounding may go below
        params.addcdiv_(grads, size.sqrt().add_(self.eps), value=-learning_rate)

    def facts(self) -> Facts:
        if self.centered:
            return Facts(order=3, shade=0.4, dash="dotted")
        return Facts(order=2, shade=0.2, dash="dashed")


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
        return Facts(order=4)
