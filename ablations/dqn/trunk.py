"""The trunk slot: from an observation to the features that the head works on.

``parameters(features)`` declares what is learned of D inputs, ``width(features)`` how many features the head sees, and
``activations(params, obs)`` gives every hidden layer, of which the last one is what the head sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.layers import Parameter, affine, dense, layer_norm, norm
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.layers import Params


@dataclass(frozen=True)
class Mlp:
    """h_i = relu(h_{i-1} W_i + b_i) over the widths of ``hidden``; h_0 is the observation, flattened to D numbers.

    With ``layer_norm`` each layer is normalized over its units before the relu (Ba, Kiros and Hinton 2016).
    """

    hidden: tuple[Annotated[int, Ge(1), Le(2**20)], ...] = (64, 64)
    layer_norm: bool = False
    kind: ClassVar[str] = "mlp"
    op: ClassVar[ops.Trunk] = ops.Trunk.MLP

    def parameters(self, features: int) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        for i, (inputs, outputs) in enumerate(pairwise((features, *self.hidden))):
            found += dense(f"trunk_{i}", inputs, outputs, Role.WEIGHTS)
            if self.layer_norm:
                found += norm(f"trunk_{i}", outputs, Role.WEIGHTS)
        return tuple(found)

    def width(self, features: int) -> int:
        return (features, *self.hidden)[-1]

    def layers(self) -> list[tuple[str, bool]]:
        """Its dense layers, first to last: their names, and whether a relu follows."""
        return [(f"trunk_{i}", True) for i in range(len(self.hidden))]

    def activations(self, params: Params, obs: Tensor) -> list[Tensor]:
        """Every hidden layer, first to last: (L, B, ...) -> [(L, B, width)]."""
        numbers = next(iter(params.values())).dtype
        hidden = [obs.flatten(2).to(numbers)]
        for i in range(len(self.hidden)):
            h = affine(params, f"trunk_{i}", hidden[-1])
            if self.layer_norm:
                h = layer_norm(params, f"trunk_{i}", h)
            hidden.append(h.relu_())
        return hidden[1:]

    def facts(self) -> Facts:
        if self.layer_norm:
            return Facts(order=1, tabular=not self.hidden, dash="solid")
        return Facts(off=True, tabular=not self.hidden)
