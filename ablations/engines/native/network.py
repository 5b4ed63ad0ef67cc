"""Networks of the compiled kind, and how compiled functions are found."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.network import NARROW, Network
from ablations.engines.native import library
from ablations.engines.reference import NUMPY

SUFFIX = {torch.float32: "f32", torch.float64: "f64"}


def compiled_network(network: Network) -> bool:
    """Whether the compiled network knows this trunk and this head."""
    return ops.op_of(network.trunk) is not None and ops.op_of(network.head) is not None


def layer_specs(network: Network) -> tuple[list[library.LayerSpec], int]:
    """The layers as the compiled network takes them, and the index of the advantage's last layer (-1: no streams)."""
    trunk = len(network.trunk.layers(network.observation))
    dueling = ops.op_of(network.head) is ops.Head.DUELING
    specs: list[library.LayerSpec] = []
    start, advantage = 0, -1
    for i, (name, inputs, outputs, _, has_bias) in enumerate(network.layers):
        weights = inputs * outputs
        first_of_stream = i >= trunk and (i == trunk or (name.startswith("value") and i == advantage + 1))
        source = trunk - 1 if first_of_stream else i - 1
        last_of_stream = name in ("advantage", "value")
        if name == "advantage" and dueling:
            advantage = i
        bias = start + weights if has_bias else -1
        specs.append(
            library.LayerSpec(
                source, inputs, outputs, not last_of_stream, outputs < NARROW, start, bias
            )
        )  # fmt: skip
        start += weights + (outputs if has_bias else 0)
    return specs, advantage


class Compiled:
    """A network of the compiled kind and its scratch memory, freed with it."""

    def __init__(self, network: Network, dtype: torch.dtype) -> None:
        specs, advantage = layer_specs(network)
        make = function_of("network_new", dtype)
        self.handle = ctypes.c_void_p(
            make(
                (library.LayerSpec * len(specs))(*specs), len(specs), network.actions, advantage, network.size
            )
        )
        weakref.finalize(self, function_of("network_free", dtype), self.handle)
        self.actions, self.dtype = network.actions, dtype

    def evaluator(self, flat: Tensor) -> Callable[[Tensor], Tensor]:
        """Q(s, .) by ``flat`` (L, P)."""
        values = function_of("network_values", self.dtype)
        lanes, stride = flat.shape
        parameters = flat.data_ptr()

        def q(obs: Tensor, keep: object = (self, flat)) -> Tensor:
            obs = in_rows(obs, self.dtype)
            batch = obs.shape[1]
            out = empty((lanes, batch, self.actions), self.dtype)
            by_lane, by_row, _ = obs.stride()
            values(
                self.handle, lanes, batch, parameters, stride, obs.data_ptr(), by_lane, by_row, out.data_ptr()
            )
            return out

        return q


def in_rows(obs: Tensor, dtype: torch.dtype) -> Tensor:
    """Observations (L, B, D) whose last axis is contiguous."""
    if obs.dtype != dtype:
        raise TypeError(f"observations of {obs.dtype} for a network of {dtype}")
    return obs if obs.stride(-1) == 1 or obs.shape[-1] == 1 else obs.contiguous()


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """``torch.empty``; by way of numpy it takes half the time."""
    return torch.from_numpy(np.empty(shape, NUMPY[dtype]))


def function_of(name: str, dtype: torch.dtype) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(library.load(), f"{name}_{SUFFIX[dtype]}")
    return function
