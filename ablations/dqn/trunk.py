"""The trunk slot: from an observation to the features that the head works on.

``layers(features)`` declares the trunk's dense layers, ``activations(layers, obs)`` gives every hidden layer; the last
one is what the head sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.layers import Dense, Layer, affine
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mlp:
    """h_i = relu(h_{i-1} W_i + b_i) over the widths of ``hidden``; h_0 is the observation, flattened to D numbers."""

    hidden: tuple[Annotated[int, Ge(1), Le(2**20)], ...] = (64, 64)
    kind: ClassVar[str] = "mlp"
    op: ClassVar[ops.Trunk] = ops.Trunk.MLP

    def layers(self, features: int) -> tuple[Dense, ...]:
        """The dense layers, in the order in which their weights are drawn; ``features`` is D."""
        widths = (features, *self.hidden)
        return tuple(Dense(f"trunk_{i}", a, b, Role.WEIGHTS) for i, (a, b) in enumerate(pairwise(widths)))

    def activations(self, layers: Mapping[str, Layer], obs: Tensor) -> list[Tensor]:
        """Every hidden layer, first to last: (L, B, D) -> [(L, B, width)]."""
        hidden = [obs]
        for i in range(len(self.hidden)):
            hidden.append(affine(layers[f"trunk_{i}"], hidden[-1]).relu_())
        return hidden[1:]

    def facts(self) -> Facts:
        return Facts(off=True, tabular=not self.hidden)
