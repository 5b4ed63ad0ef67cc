"""The head slot: from the features of the last hidden layer to the outputs of the actions.

``parameters(features, actions, outputs_per_action)`` declares what is learned, ``outputs(params, h)`` maps (L, B, F) to
(L, B, A Z), the Z outputs of an action side by side; the loss reads values from them, and with Z = 1 they are these.
``streams()`` names the dense layers of each way through the head, and whether a relu follows, for engines that compile
them and for pieces that reset layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.layers import Parameter, affine, dense
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.layers import Params


ONE_LAYER = [[("advantage", False)]]
"""The streams of a head that is a dense layer."""


@dataclass(frozen=True)
class Linear:
    """Q(s, .) = h W + b."""

    kind: ClassVar[str] = "linear"
    op: ClassVar[ops.Head] = ops.Head.LINEAR

    def parameters(self, features: int, actions: int, outputs_per_action: int) -> tuple[Parameter, ...]:
        return dense("advantage", features, actions * outputs_per_action, Role.HEAD)

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        return affine(params, "advantage", h)

    def streams(self) -> list[list[tuple[str, bool]]]:
        return ONE_LAYER

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class BiasFree:
    """Q(s, .) = h W. With no hidden layer and one-hot observations W is a table: Q(s, a) = W[s, a]."""

    kind: ClassVar[str] = "bias-free"
    op: ClassVar[ops.Head] = ops.Head.LINEAR

    def parameters(self, features: int, actions: int, outputs_per_action: int) -> tuple[Parameter, ...]:
        return dense("advantage", features, actions * outputs_per_action, Role.HEAD, bias=False)

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        return affine(params, "advantage", h)

    def streams(self) -> list[list[tuple[str, bool]]]:
        return ONE_LAYER

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

    def parameters(self, features: int, actions: int, outputs_per_action: int) -> tuple[Parameter, ...]:
        widths = (features, *self.hidden)
        shapes = list(enumerate(pairwise(widths)))
        return tuple(
            parameter
            for layer in (
                *(dense(f"advantage_hidden_{i}", a, b, Role.ADVANTAGE_HIDDEN) for i, (a, b) in shapes),
                dense("advantage", widths[-1], actions * outputs_per_action, Role.HEAD),
                *(dense(f"value_hidden_{i}", a, b, Role.VALUE) for i, (a, b) in shapes),
                dense("value", widths[-1], outputs_per_action, Role.VALUE),
            )
            for parameter in layer
        )

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        value = self._stream("value", params, h)  # (L, B, Z)
        advantage = self._stream("advantage", params, h)  # (L, B, A Z)
        by_action = advantage.view(*advantage.shape[:-1], -1, value.shape[-1])  # (L, B, A, Z)
        return (value[..., None, :] + by_action - by_action.mean(-2, keepdim=True)).flatten(-2)

    def streams(self) -> list[list[tuple[str, bool]]]:
        return [
            [*((f"{stream}_hidden_{i}", True) for i in range(len(self.hidden))), (stream, False)]
            for stream in ("advantage", "value")
        ]

    def facts(self) -> Facts:
        return Facts(order=2, shade=0.3, dash="dashed") if self.hidden else Facts(order=2, dash="solid")

    def _stream(self, name: str, params: Params, h: Tensor) -> Tensor:
        for i in range(len(self.hidden)):
            h = affine(params, f"{name}_hidden_{i}", h).relu()
        return affine(params, name, h)
