"""The compiled part of a network, and how compiled functions are found."""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.layers import Geometry
from ablations.dqn.network import Network
from ablations.engines.native import library
from ablations.engines.reference import NUMPY

SUFFIX = {torch.float32: "f32", torch.float64: "f64"}

NUMBERS, BYTES, SHARES = range(3)
"""What observations are made of: ``Shown`` in convolutions.hpp."""

Chain = list[tuple[str, bool]]
"""Consecutive layers: their names, and whether a relu follows."""


TRUNKS, HEADS = frozenset(ops.Trunk), frozenset(ops.Head)
"""The ops that there are bodies for."""


class Model:
    """A compiled network and its scratch memory, freed with it; ``columns`` numbers per row come out of it.

    ``advantage`` is the layer that a dueling head takes for A(s, .), ``axes`` how many an observation has, and
    ``shares`` whether its bytes are divided by 255.
    """

    axes, shares = 1, False

    def __init__(
        self,
        specs: list[library.LayerSpec],
        head: int,
        columns: int,
        advantage: int,
        network: Network,
        dtype: torch.dtype,
        bins: library.Bins | None = None,
    ) -> None:
        self.columns, self.dtype, self.actions = columns, dtype, network.actions
        self.handle = ctypes.c_void_p(
            function_of("model_new", dtype)(
                (library.LayerSpec * len(specs))(*specs), len(specs), head, columns, advantage, network.size,
                bins or library.Bins(count=1),
            )
        )  # fmt: skip
        weakref.finalize(self, function_of("model_free", dtype), self.handle)
        self._outputs = function_of("model_outputs", dtype)

    def outputs(self, flat: Tensor, obs: Tensor, keep: bool = False, values: bool = False) -> Tensor:
        """By the parameters ``flat`` (L, P): (L, B, *shape) -> (L, B, columns), or (L, *shape) -> (L, columns).

        With ``keep`` every lane's activations stay for a backward pass, until the next call. With ``values`` it is what
        a known loss reads from them: (L, B, A), or (L, A).
        """
        return self.outputs_of_rows(flat, self.rows(obs), keep, values)

    def outputs_of_rows(self, flat: Tensor, obs: Tensor, keep: bool = False, values: bool = False) -> Tensor:
        """``outputs`` of what ``rows`` gave."""
        lanes, stride = flat.shape
        by_lane, by_row = (*obs.stride()[:-1], 0)[:2]
        batch = obs.shape[1] if obs.dim() == 3 else 1
        out = empty((*obs.shape[:-1], self.actions if values else self.columns), self.dtype)
        self._outputs(
            self.handle, lanes, batch, flat.data_ptr(), stride, obs.data_ptr(), by_lane, by_row, self.shown(obs),
            out.data_ptr(), keep, values,
        )  # fmt: skip
        return out

    def rows(self, obs: Tensor) -> Tensor:
        """Observations (..., *shape) as (..., D), each contiguous."""
        return in_rows(obs if self.axes == 1 else obs.flatten(-self.axes), self.dtype)

    def shown(self, obs: Tensor) -> int:
        """What they are made of."""
        if obs.dtype == self.dtype:
            return NUMBERS
        return SHARES if self.shares and obs.dtype == torch.uint8 else BYTES


class Compiled(Model):
    """The part of a network that is compiled, from the observation on.

    With ``whole`` that is trunk and head, and what comes out are the outputs of the actions, A Z numbers; without it is
    the trunk alone, and they are its features.
    """

    def __init__(self, network: Network, dtype: torch.dtype, whole: bool) -> None:
        trunk, streams = network.trunk.layers(), network.head.streams() if whole else []
        self.axes, self.shares = (
            len(network.observation),
            ops.op_of(network.trunk) is ops.Trunk.CONVOLUTIONAL,
        )
        self.whole, self.knows_values = whole, whole and ops.op_of(network.loss) is not None
        self.names = [name for chain in (trunk, *streams) for name, _ in chain]
        columns = (
            network.actions * network.loss.outputs_per_action
            if whole
            else network.trunk.width(network.observation)
        )
        super().__init__(
            list(_specs(network, trunk, streams)),
            ops.op_of(network.head) if whole else 0,
            columns,
            len(trunk) + len(streams[0]) - 1 if streams else 0,
            network,
            dtype,
            _bins(network) if self.knows_values else None,
        )


def compiled_part(network: Network, dtype: torch.dtype) -> Compiled | None:
    """What of this network is compiled; None if nothing is."""
    if ops.op_of(network.trunk) not in TRUNKS:
        return None
    whole = ops.op_of(network.head) in HEADS
    if not whole and not network.trunk.layers():
        return None  # a trunk without layers
    return Compiled(network, dtype, whole)


def _bins(network: Network) -> library.Bins:
    """What a known loss takes an action's outputs for."""
    loss = network.loss
    numbers = {to: getattr(loss, name, 0.0) for to, name in BINS.items()}
    return library.Bins(count=loss.outputs_per_action, **numbers)


BINS = {"low": "v_min", "high": "v_max", "sigma": "sigma"}
"""Numbers of bins, and what a loss calls them."""


def _specs(network: Network, trunk: Chain, streams: list[Chain]) -> Iterator[library.LayerSpec]:
    for i, (name, relu) in enumerate(trunk):
        yield spec_of(network, name, relu, i - 1, network.convolutions.get(name))
    before = len(trunk)
    for chain in streams:
        for i, (name, relu) in enumerate(chain):
            yield spec_of(network, name, relu, before + i - 1 if i else len(trunk) - 1)
        before += len(chain)


def spec_of(
    network: Network, name: str, relu: bool, source: int, convolution: Geometry | None = None
) -> library.LayerSpec:
    """A layer as the compiled network takes it; ``source`` is the layer whose output it takes, -1 the observation."""
    layout = network.layout
    weight = layout[f"{name}.weight"]
    *inputs, outputs = weight.shape
    start = [layout[f"{name}.{part}"].start if f"{name}.{part}" in layout else -1 for part in PARTS]
    of = convolution or Geometry(0, 0, 0, 0, 0, 0)
    return library.LayerSpec(
        source, math.prod(inputs), outputs, relu, weight.turned, weight.start, *start,
        of.height, of.width, of.channels, of.kernel, of.stride,
    )  # fmt: skip


PARTS = ("bias", "gain", "shift")
"""Parameters that a layer may have beside its weight."""


def in_rows(obs: Tensor, dtype: torch.dtype) -> Tensor:
    """Observations (L, B, D) of this type, or of bytes or truth values, whose last axis is contiguous."""
    if obs.dtype not in (dtype, torch.uint8, torch.bool):
        raise TypeError(f"observations of {obs.dtype} for a network of {dtype}")
    return obs if obs.stride(-1) == 1 or obs.shape[-1] == 1 else obs.contiguous()


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """``torch.empty``; by way of numpy it takes half the time."""
    return torch.from_numpy(np.empty(shape, NUMPY[dtype]))


@cache
def function_of(name: str, dtype: torch.dtype) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(library.load(), f"{name}_{SUFFIX[dtype]}")
    return function
