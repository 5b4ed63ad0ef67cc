"""What networks are made of: parameters as trunks and heads declare them, and the layers that read them.

Params are {name: (L, *shape)}, each lane's own. Imports no torch by itself, so that specs stay light.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.rng.streams import Role

    Params = Mapping[str, Tensor]

EPS = 1e-5
"""Added to the variance by ``layer_norm``, as in PyTorch."""


@dataclass(frozen=True)
class Uniform:
    """Initial numbers uniform in [-bound, bound): -bound + 2 bound u."""

    bound: float
    drawn: ClassVar[bool] = True

    def of(self, u: Any) -> Any:
        return -self.bound + 2 * self.bound * u


@dataclass(frozen=True)
class Constant:
    """Initial numbers that are all the same; nothing is drawn."""

    value: float
    drawn: ClassVar[bool] = False

    def of(self, u: Any) -> Any:
        return 0.0 * u + self.value


class Parameter(NamedTuple):
    """Numbers that are learned: what they are called, how many, how they begin.

    ``init.of(u)`` makes initial numbers of draws in [0, 1), arrays or tensors of the parameter's shape; where
    ``init.drawn`` is False, of zeros. A lane's draws come from its stream of ``role``, in the parameters' order.
    """

    name: str
    shape: tuple[int, ...]
    init: Any
    role: Role

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)


class Geometry(NamedTuple):
    """A convolution without padding: images, channels last, and ``kernel`` x ``kernel`` patches ``stride`` apart."""

    height: int
    width: int
    channels: int
    filters: int
    kernel: int
    stride: int

    @property
    def lines(self) -> int:
        """Rows of positions."""
        return (self.height - self.kernel) // self.stride + 1

    @property
    def across(self) -> int:
        """Positions in a row."""
        return (self.width - self.kernel) // self.stride + 1

    @property
    def positions(self) -> int:
        return self.lines * self.across

    @property
    def units(self) -> int:
        """Numbers that come out."""
        return self.positions * self.filters


def dense(name: str, fan_in: int, fan_out: int, role: Role, bias: bool = True) -> tuple[Parameter, ...]:
    """Weight (I, O) and bias (O,) of ``affine``, uniform in +-1 / sqrt(fan_in): PyTorch's default for Linear."""
    init = Uniform(1 / math.sqrt(fan_in))
    weight = Parameter(f"{name}.weight", (fan_in, fan_out), init, role)
    return (weight, Parameter(f"{name}.bias", (fan_out,), init, role)) if bias else (weight,)


def convolution(name: str, of: Geometry, role: Role) -> tuple[Parameter, ...]:
    """Filters (k, k, C, F) and bias (F,) of ``convolve``, uniform in +-1 / sqrt(k k C): PyTorch's for Conv2d."""
    weight, bias = dense(name, of.kernel * of.kernel * of.channels, of.filters, role)
    return weight._replace(shape=(of.kernel, of.kernel, of.channels, of.filters)), bias


def norm(name: str, features: int, role: Role) -> tuple[Parameter, ...]:
    """Gain 1 and shift 0 of ``layer_norm``, (F,) each; nothing is drawn."""
    return (
        Parameter(f"{name}.gain", (features,), Constant(1.0), role),
        Parameter(f"{name}.shift", (features,), Constant(0.0), role),
    )


def affine(params: Params, name: str, x: Tensor) -> Tensor:
    """x W + b in every lane: (L, B, I) -> (L, B, O); without a bias, x W. Of filters W is (k k C, F).

    A single output or input is summed by hand: a batched product with one column (or such a gradient) takes another
    path for one lane than for many, and a run's bits must not depend on the lanes beside it. Params that an engine made
    may have an ``affine`` of their own.
    """
    if hasattr(params, "affine"):
        y: Tensor = params.affine(name, x)
        return y
    weight = params[f"{name}.weight"].flatten(1, -2)  # (L, I, O)
    bias = params[f"{name}.bias"][:, None] if f"{name}.bias" in params else x.new_zeros(1, 1, 1)
    inputs, outputs = weight.shape[-2:]
    if inputs == 1:
        return x * weight + bias
    if outputs == 1:
        return (x * weight.transpose(1, 2)).sum(-1, keepdim=True) + bias
    if x.shape[0] == x.shape[1] == 1:  # likewise one row of one lane, on some processors: as one of two lanes
        bias, x, weight = (part.expand(2, -1, -1) for part in (bias, x, weight))
        return bias.baddbmm(x, weight)[:1]
    return bias.baddbmm(x, weight)


def layer_norm(params: Params, name: str, x: Tensor) -> Tensor:
    """gain (x - mean) / sqrt(variance + eps) + shift over the features of each row (Ba, Kiros and Hinton 2016, eq. 4).

    (L, B, F) -> (L, B, F); the variance is the mean of squared deviations.
    """
    x = x - x.mean(-1, keepdim=True)
    x = x * (x.square().mean(-1, keepdim=True) + EPS).rsqrt()
    return x * params[f"{name}.gain"][:, None] + params[f"{name}.shift"][:, None]


def convolve(params: Params, name: str, images: Tensor, stride: int) -> Tensor:
    """Filters on patches, without padding: (L, B, H, W, C) -> (L, B, H', W', F); H' = floor((H - k) / stride) + 1.

    y[i, j] = b + sum of x[stride i + m, stride j + n, c] W[m, n, c] over m, n < k and c < C, by ``affine``.
    """
    kernel = params[f"{name}.weight"].shape[1]
    patches = images.unfold(2, kernel, stride).unfold(3, kernel, stride)  # (L, B, H', W', C, k, k)
    lanes, batch, lines, across = patches.shape[:4]
    rows = patches.movedim(4, -1).reshape(lanes, batch * lines * across, -1)  # (L, B H' W', k k C)
    return affine(params, name, rows).view(lanes, batch, lines, across, -1)


def numbers(params: Params, obs: Tensor) -> Tensor:
    """Observations as numbers of the parameters' type: bytes as they are, and of truth values 0 and 1."""
    return obs.to(next(iter(params.values())).dtype)
