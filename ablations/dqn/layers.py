"""Dense layers over lanes: what a head declares and what it applies. Imports no torch, so that specs stay light."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.rng.streams import Role


class Dense(NamedTuple):
    """The shape of a dense layer and the stream that its initial weights are drawn from."""

    name: str
    fan_in: int
    fan_out: int
    role: Role
    bias: bool = True

    @property
    def size(self) -> int:
        """How many numbers the layer has: weights and biases."""
        return self.fan_in * self.fan_out + (self.fan_out if self.bias else 0)


class Layer(NamedTuple):
    """One dense layer of every lane. Without a bias, ``bias`` is a constant of zeros outside the parameters."""

    weight: Tensor  # (L, I, O)
    bias: Tensor  # (L, 1, O)


def affine(layer: Layer, x: Tensor) -> Tensor:
    """x W + b in every lane: (L, B, I) -> (L, B, O).

    A single output or input is summed by hand: a batched product with one column (or such a gradient) takes another
    path for one lane than for many, and a run's bits must not depend on the lanes beside it.
    """
    inputs, outputs = layer.weight.shape[-2:]
    if inputs == 1:
        return x * layer.weight + layer.bias
    if outputs == 1:
        return (x * layer.weight.transpose(1, 2)).sum(-1, keepdim=True) + layer.bias
    if x.shape[0] == x.shape[1] == 1:  # likewise one row of one lane, on some processors: as one of two lanes
        bias, x, weight = (part.expand(2, -1, -1) for part in (layer.bias, x, layer.weight))
        return bias.baddbmm(x, weight)[:1]
    return layer.bias.baddbmm(x, layer.weight)
