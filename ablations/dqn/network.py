"""The Q-network over lanes: a trunk and a head, all parameters in one (L, P) buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.dqn.layers import Dense, Layer
from ablations.rng.streams import stream

ALIGN = 64
"""A lane's slice is a multiple of this many numbers, so that vector bodies and scalar tails of the optimiser's loops
(which round differently) never meet inside a lane."""

NARROW = 8
"""Layers with fewer outputs are stored by output, (O, I): batched products are several times faster that way."""

Layers = Mapping[str, Layer]


@dataclass(frozen=True)
class Network:
    """Q(s, .) = head(trunk(s)) for observations of D numbers and A actions; both are pieces of their slots."""

    observation: int  # D
    actions: int  # A
    trunk: Any
    head: Any

    @cached_property
    def layers(self) -> tuple[Dense, ...]:
        """All dense layers, trunk first, in the order of the buffer."""
        trunk = self.trunk.layers(self.observation)
        features = trunk[-1].fan_out if trunk else self.observation
        return (*trunk, *self.head.layers(features, self.actions))

    @cached_property
    def size(self) -> int:
        """P: numbers per lane, padded to ``ALIGN``."""
        return -(-sum(layer.size for layer in self.layers) // ALIGN) * ALIGN

    def views(self, flat: Tensor) -> dict[str, Layer]:
        """Named views into a buffer (L, P): nothing is copied."""
        lanes, views, start = len(flat), {}, 0
        for name, i, o, _, has_bias in self.layers:
            numbers = flat[:, start : start + i * o]
            weight = numbers.view(lanes, i, o) if o >= NARROW else numbers.view(lanes, o, i).transpose(1, 2)
            start += i * o
            if has_bias:
                bias = flat[:, start : start + o].view(lanes, 1, o)
                start += o
            else:
                bias = flat.new_zeros(lanes, 1, o)
            views[name] = Layer(weight, bias)  # (L, I, O), (L, 1, O)
        return views

    def parameters(self, layers: Layers) -> dict[str, Tensor]:
        """What is learned of these layers, in the order of the buffer: weights, and biases where there are any."""
        found = {}
        for dense in self.layers:
            found[f"{dense.name}.weight"] = layers[dense.name].weight
            if dense.bias:
                found[f"{dense.name}.bias"] = layers[dense.name].bias
        return found

    def initial(self, entropy: int, seeds: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Fresh parameters (L, P): weights and biases uniform in +-1 / sqrt(fan_in), PyTorch's default for Linear.

        Each layer draws from the stream of its role, layers that share a role in their order.
        """
        flat = torch.zeros((len(seeds), self.size), dtype=dtype)
        views = self.views(flat)
        for lane, seed in enumerate(seeds):
            streams = {role: stream(entropy, seed, role) for role in {layer.role for layer in self.layers}}
            for name, i, o, role, has_bias in self.layers:
                bound = 1 / np.sqrt(i)
                views[name].weight[lane] = torch.from_numpy(streams[role].uniform(-bound, bound, (i, o)))
                if has_bias:
                    views[name].bias[lane] = torch.from_numpy(streams[role].uniform(-bound, bound, (1, o)))
        return flat

    def activations(self, layers: Layers, obs: Tensor) -> list[Tensor]:
        """Every hidden layer of the trunk, first to last: (L, B, D) -> [(L, B, width)]."""
        activations: list[Tensor] = self.trunk.activations(layers, obs)
        return activations

    def values(self, layers: Layers, obs: Tensor) -> Tensor:
        """Q: (L, B, D) -> (L, B, A)."""
        features = [obs, *self.activations(layers, obs)][-1]  # (L, B, F)
        values: Tensor = self.head.apply(layers, features)
        return values


class Trainable:
    """The online parameters: a buffer, its gradient, and views of both, layer by layer."""

    def __init__(self, network: Network, flat: Tensor) -> None:
        self.network = network
        self.flat = flat  # (L, P)
        self.grad = torch.zeros_like(flat)  # (L, P): the padding's gradient stays zero
        self.layers = {
            name: Layer(*(part.detach().requires_grad_() for part in layer))
            for name, layer in network.views(flat).items()
        }
        self._leaves = list(network.parameters(self.layers).values())
        self._gradients = list(network.parameters(network.views(self.grad)).values())

    def differentiate(self, loss: Tensor) -> Tensor:
        """The gradient of the scalar ``loss`` by all parameters: ``grad`` (L, P), overwritten."""
        for stored, fresh in zip(self._gradients, torch.autograd.grad(loss, self._leaves), strict=True):
            stored.copy_(fresh)
        return self.grad
