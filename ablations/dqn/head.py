"""The head slot: from the features of the last hidden layer to the values of the actions.

``layers(features, actions)`` declares the head's dense layers, ``apply(layers, h)`` maps (L, B, F) to (L, B, A).
The advantage stream's last layer takes the draws of the linear head, and V has a role of its own, so that at one seed
``dueling`` starts from ``dqn``'s trunk and A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.layers import Dense, Layer, affine
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Linear:
    """Q(s, .) = h W + b."""

    kind: ClassVar[str] = "linear"
    op: ClassVar[ops.Head] = ops.Head.LINEAR

    def layers(self, features: int, actions: int) -> tuple[Dense, ...]:
        return (Dense("advantage", features, actions, Role.HEAD),)

    def apply(self, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        return affine(layers["advantage"], h)

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class BiasFree:
    """Q(s, .) = h W. With no hidden layer and one-hot observations W is a table: Q(s, a) = W[s, a]."""

    kind: ClassVar[str] = "bias-free"
    op: ClassVar[ops.Head] = ops.Head.LINEAR

    def layers(self, features: int, actions: int) -> tuple[Dense, ...]:
        return (Dense("advantage", features, actions, Role.HEAD, bias=False),)

    def apply(self, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        return affine(layers["advantage"], h)

    def facts(self) -> Facts:
        return Facts(order=1, dash="long")


@dataclass(frozen=True)
class Dueling:
    """Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a') (Wang et al. 2016, eq. 9), the mean taken per state.

    ``hidden`` lists the widths of a stream's own layers: () = V and A linear on the shared features, as in the
    lessons; (64,) = one hidden layer per stream, as in the paper.
    """

    hidden: tuple[Annotated[int, Ge(1)], ...] = ()
    kind: ClassVar[str] = "dueling"
    op: ClassVar[ops.Head] = ops.Head.DUELING

    def layers(self, features: int, actions: int) -> tuple[Dense, ...]:
        widths = (features, *self.hidden)
        shapes = list(enumerate(pairwise(widths)))
        return (
            *(Dense(f"advantage_hidden_{i}", a, b, Role.ADVANTAGE_HIDDEN) for i, (a, b) in shapes),
            Dense("advantage", widths[-1], actions, Role.HEAD),
            *(Dense(f"value_hidden_{i}", a, b, Role.VALUE) for i, (a, b) in shapes),
            Dense("value", widths[-1], 1, Role.VALUE),
        )

    def apply(self, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        advantage = self._stream("advantage", layers, h)  # (L, B, A)
        value = self._stream("value", layers, h)  # (L, B, 1)
        return value + advantage - advantage.mean(-1, keepdim=True)

    def facts(self) -> Facts:
        return Facts(order=2, shade=0.3, dash="dashed") if self.hidden else Facts(order=2, dash="solid")

    def _stream(self, name: str, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        for i in range(len(self.hidden)):
            h = affine(layers[f"{name}_hidden_{i}"], h).relu()
        return affine(layers[name], h)
