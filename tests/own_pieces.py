"""Tricks of a user's own, in a few lines of torch each, of which no engine has a compiled body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from ablations.dqn.facts import Facts
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.layers import Parameter, affine, dense, numbers
from ablations.dqn.loss import ScalarLoss, Squared
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.types import Errors, Moments
from ablations.dqn.variants import DQN
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from ablations.dqn.layers import Params


class Own:
    """Nothing is known of it."""

    kind: ClassVar[str] = "own"

    def facts(self) -> Facts:
        return Facts(order=9)


@dataclass(frozen=True)
class Sines(Own):
    """One layer of units sin(x W + b)."""

    units: int = 12

    def parameters(self, shape: tuple[int, ...]) -> tuple[Parameter, ...]:
        return dense("sines", prod(shape), self.units, Role.WEIGHTS)

    def width(self, shape: tuple[int, ...]) -> int:
        return self.units

    def activations(self, params: Params, obs: Tensor) -> list[Tensor]:
        return [affine(params, "sines", numbers(params, obs.flatten(2))).sin()]


@dataclass(frozen=True)
class Bounded(Own):
    """Outputs 10 tanh(h W + b)."""

    def parameters(self, features: int, actions: int, outputs_per_action: int) -> tuple[Parameter, ...]:
        return dense("bounded", features, actions * outputs_per_action, Role.HEAD)

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        return 10 * affine(params, "bounded", h).tanh()


class Louder(Linear):
    """The linear head times two: a subclass, which may do anything."""

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        return 2 * super().outputs(params, h)


@dataclass(frozen=True)
class Pseudo(Own, ScalarLoss):
    """sqrt(1 + delta^2) - 1: a penalty of the TD error."""

    def penalty(self, delta: Tensor) -> Tensor:
        return (1 + delta * delta).sqrt() - 1


@dataclass(frozen=True)
class Ranked(Own, Squared):
    """The squared loss with priorities of its own, so that it is more than a penalty."""

    def error(self, outputs: Tensor, action: Tensor, y: Tensor) -> Errors:
        errors = super().error(outputs, action, y)
        return errors._replace(priority=errors.delta.square())


@dataclass(frozen=True)
class TwoMeans(Own):
    """Two outputs per action whose mean is the value, each drawn to y by its own squared error, the second slowly."""

    outputs_per_action: ClassVar[int] = 2

    def values(self, outputs: Tensor) -> Tensor:
        return outputs.mean(-1)

    def error(self, outputs: Tensor, action: Tensor, y: Tensor) -> Errors:
        index = action[..., None, None].expand(*action.shape, 1, 2)
        off = y[..., None] - outputs.gather(-2, index).squeeze(-2)  # (L, B, 2)
        loss = off[..., 0].square() + 0.5 * off[..., 1].square()
        return Errors(loss, off.mean(-1), off.abs().sum(-1))


@dataclass(frozen=True)
class Heavy(Own):
    """Gradient descent with momentum 0.9."""

    max_grad_norm: float = 0.0

    def step(self, params: Tensor, grads: Tensor, moments: Moments, learning_rate: float) -> None:
        moments.first.mul_(0.9).add_(grads)
        params.sub_(learning_rate * moments.first)


TRUNK, HEAD, LOSS, OPTIMIZER = Sines(), Bounded(), TwoMeans(), Heavy()
VARIANTS = {
    "trunk": replace(DQN, trunk=TRUNK),
    "head": replace(DQN, head=HEAD),
    "subclass": replace(DQN, head=Louder()),
    "penalty": replace(DQN, loss=Pseudo()),
    "priorities": replace(DQN, loss=Ranked(), replay=Prioritized()),
    "two-outputs": replace(DQN, loss=LOSS),
    "two-outputs-dueling": replace(DQN, loss=LOSS, head=Dueling((8,))),
    "two-outputs-head": replace(DQN, loss=LOSS, head=HEAD),
    "optimizer": replace(DQN, optimizer=OPTIMIZER),
    "trunk-optimizer": replace(DQN, trunk=TRUNK, optimizer=OPTIMIZER),
    "penalty-optimizer": replace(DQN, loss=Pseudo(), optimizer=Heavy(max_grad_norm=0.5)),
    "all": replace(DQN, trunk=TRUNK, head=HEAD, loss=LOSS, optimizer=OPTIMIZER, replay=Prioritized()),
}
"""Each alone, some together, and all at once."""
