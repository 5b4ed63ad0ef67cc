"""The trunk slot: from an observation to the features that the head works on.

``parameters(shape)`` declares what is learned of observations of a shape, ``width(shape)`` how many features the head
sees, and ``activations(params, obs)`` gives every hidden layer (L, B, units), of which the last one is what the head
sees. Images are (height, width, channels), of the type that the environment shows. A trunk that can't take every shape
says so by ``refusal(shape)``; ``layers()`` names its layers, and ``geometry(shape)`` tells those that are convolutions,
for engines that compile them and for pieces that reset layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.layers import (
    Geometry,
    Parameter,
    affine,
    convolution,
    convolve,
    dense,
    layer_norm,
    norm,
    numbers,
)
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.layers import Params
    from ablations.dqn.settings import Settings
    from ablations.dqn.variants import Variant

Shape = tuple[int, ...]
Widths = tuple[Annotated[int, Ge(1), Le(2**20)], ...]
Sizes = tuple[Annotated[int, Ge(1), Le(1024)], ...]


@dataclass(frozen=True)
class Mlp:
    """h_i = relu(h_{i-1} W_i + b_i) over the widths of ``hidden``; h_0 is the observation, flattened to D numbers.

    With ``layer_norm`` each layer is normalized over its units before the relu (Ba, Kiros and Hinton 2016).
    """

    hidden: Widths = (64, 64)
    layer_norm: bool = False
    kind: ClassVar[str] = "mlp"
    op: ClassVar[ops.Trunk] = ops.Trunk.MLP

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        return dense_layers(0, math.prod(shape), self.hidden, self.layer_norm)

    def width(self, shape: Shape) -> int:
        return (math.prod(shape), *self.hidden)[-1]

    def layers(self) -> list[tuple[str, bool]]:
        """Its layers, first to last: their names, and whether a relu follows."""
        return [(f"trunk_{i}", True) for i in range(len(self.hidden))]

    def activations(self, params: Params, obs: Tensor) -> list[Tensor]:
        """Every hidden layer, first to last: (L, B, *shape) -> [(L, B, width)]."""
        return through_dense(params, 0, numbers(params, obs.flatten(2)), self.hidden, self.layer_norm)

    def facts(self) -> Facts:
        if self.layer_norm:
            return Facts(order=1, tabular=not self.hidden, dash="solid")
        return Facts(off=True, tabular=not self.hidden)


class Convolutional:
    """What trunks share that begin with convolutions over images, channels last, without padding, each with a relu.

    Behind them lie dense layers over the widths of ``hidden``, the first on all positions of the last convolution, in
    the order height, width, filter. Bytes are divided by 255; truth values are 0 and 1. With ``layer_norm`` each one is
    normalized over all its units before the relu, a gain and a shift for each (Ba, Kiros and Hinton 2016).
    """

    kind: ClassVar[str]
    usual: ClassVar[Shape]
    """The shape that it was made for."""
    filters: Widths
    kernels: Sizes
    strides: Sizes
    hidden: Widths
    layer_norm: bool

    def geometry(self, shape: Shape) -> dict[str, Geometry]:
        """Its convolutions by name; a shape without channels has one. Raises ValueError with the ``refusal``."""
        if refusal := self.refusal(shape):
            raise ValueError(refusal)
        return {f"trunk_{i}": each for i, each in enumerate(self._chain(shape))}

    def refusal(self, shape: Shape) -> str | None:
        """Why it can't take observations of this shape."""
        if len(shape) not in (2, 3):
            return f"'{self.kind}' needs images (height, width, channels), not observations of shape {shape}"
        for i, of in enumerate(self._chain(shape), 1):
            if min(of.height, of.width) < of.kernel:
                return (
                    f"'{self.kind}' can't take images of shape {shape}: what its layer {i} sees is "
                    f"{of.height} x {of.width}, smaller than its kernel {of.kernel} x {of.kernel}"
                )
        return None

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        found: list[Parameter] = []
        for name, of in self.geometry(shape).items():
            found += convolution(name, of, Role.WEIGHTS)
            if self.layer_norm:
                found += norm(name, of.units, Role.WEIGHTS)
        return *found, *dense_layers(len(self.filters), of.units, self.hidden, self.layer_norm)

    def width(self, shape: Shape) -> int:
        *_, last = self.geometry(shape).values()
        return (last.units, *self.hidden)[-1]

    def layers(self) -> list[tuple[str, bool]]:
        """Its layers, first to last: their names, and whether a relu follows."""
        return [(f"trunk_{i}", True) for i in range(len(self.filters) + len(self.hidden))]

    def activations(self, params: Params, obs: Tensor) -> list[Tensor]:
        """Every hidden layer, first to last: (L, B, *shape) -> [(L, B, units)]; a convolution's as they lie."""
        import torch

        x = numbers(params, obs if obs.dim() == 5 else obs[..., None])  # (L, B, H, W, C)
        if obs.dtype == torch.uint8:
            x = x / 255
        found = []
        for i, stride in enumerate(self.strides):
            x = convolve(params, f"trunk_{i}", x, stride)
            h = x.flatten(2)
            if self.layer_norm:
                h = layer_norm(params, f"trunk_{i}", h)
            found.append(h.relu_())
            x = found[-1].view(x.shape)
        return found + through_dense(params, len(found), found[-1], self.hidden, self.layer_norm)

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        """(number, sentence): a layer needs a kernel and a stride."""
        counts = len(self.filters), len(self.kernels), len(self.strides)
        if len(set(counts)) > 1:
            yield (
                "filters",
                "'{}' has {} filters, {} kernels and {} strides; each layer needs one of each".format(
                    self.kind, *counts
                ),
            )
        elif not self.filters:
            yield "filters", f"'{self.kind}' needs at least one convolution; a trunk without is 'mlp'"

    def _chain(self, shape: Shape) -> Iterator[Geometry]:
        height, width, channels = (*shape, 1)[:3]
        for filters, kernel, stride in zip(self.filters, self.kernels, self.strides, strict=False):
            of = Geometry(height, width, channels, filters, kernel, stride)
            yield of
            height, width, channels = of.lines, of.across, filters


@dataclass(frozen=True)
class MinAtarCnn(Convolutional):
    """MinAtar's network: 16 filters of 3 x 3, then 128 units (Young and Tian 2019, section 3)."""

    filters: Widths = (16,)
    kernels: Sizes = (3,)
    strides: Sizes = (1,)
    hidden: Widths = (128,)
    layer_norm: bool = False
    kind: ClassVar[str] = "minatar-cnn"
    op: ClassVar[ops.Trunk] = ops.Trunk.CONVOLUTIONAL
    usual: ClassVar[Shape] = (10, 10, 4)

    def facts(self) -> Facts:
        return Facts(order=2, dash="dashed", shade=0.3 * self.layer_norm)


@dataclass(frozen=True)
class NatureCnn(Convolutional):
    """Atari's network: 32 filters of 8 x 8 by 4, 64 of 4 x 4 by 2, 64 of 3 x 3, then 512 units (Mnih et al. 2015)."""

    filters: Widths = (32, 64, 64)
    kernels: Sizes = (8, 4, 3)
    strides: Sizes = (4, 2, 1)
    hidden: Widths = (512,)
    layer_norm: bool = False
    kind: ClassVar[str] = "nature-cnn"
    op: ClassVar[ops.Trunk] = ops.Trunk.CONVOLUTIONAL
    usual: ClassVar[Shape] = (84, 84, 4)

    def facts(self) -> Facts:
        return Facts(order=3, dash="dotted", shade=0.3 * self.layer_norm)


def dense_layers(first: int, inputs: int, widths: Widths, normalized: bool) -> tuple[Parameter, ...]:
    """Of a trunk's dense layers, the first of which is its layer number ``first``."""
    found: list[Parameter] = []
    for i, (before, after) in enumerate(pairwise((inputs, *widths)), first):
        found += dense(f"trunk_{i}", before, after, Role.WEIGHTS)
        if normalized:
            found += norm(f"trunk_{i}", after, Role.WEIGHTS)
    return tuple(found)


def through_dense(params: Params, first: int, h: Tensor, widths: Widths, normalized: bool) -> list[Tensor]:
    """What these give, first to last: (L, B, D) -> [(L, B, width)]."""
    found = []
    for i in range(first, first + len(widths)):
        h = affine(params, f"trunk_{i}", h)
        if normalized:
            h = layer_norm(params, f"trunk_{i}", h)
        h = h.relu_()
        found.append(h)
    return found
