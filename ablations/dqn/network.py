"""The Q-network over lanes: a trunk of dense ReLU layers and a head, all parameters in one (L, P) buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ablations.dqn.head import Head
from ablations.dqn.layers import Dense, Layer, affine
from ablations.rng.streams import Role, stream

ALIGN = 64
"""A lane's slice is a multiple of this many numbers, so that vector bodies and scalar tails of the optimiser's loops
(which round differently) never meet inside a lane."""

NARROW = 8
"""Layers with fewer outputs are stored by output, (O, I): batched products are several times faster that way."""

Layers = Mapping[str, Layer]


@dataclass(frozen=True)
class Network:
    """Q(s, .) = head(relu(... relu(s W_0 + b_0) ...)) for observations of D numbers and A actions."""

    observation: int  # D
    hidden: tuple[int, ...]
    actions: int  # A
    head: Head

    @cached_property
    def layers(self) -> tuple[Dense, ...]:
        """All dense layers, trunk first, in the order of the buffer."""
        widths = (self.observation, *self.hidden)
        trunk = (Dense(f"trunk_{i}", a, b, Role.WEIGHTS) for i, (a, b) in enumerate(pairwise(widths)))
        return (*trunk, *self.head.layers(widths[-1], self.actions))

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

    def features(self, layers: Layers, obs: Tensor) -> Tensor:
        """The last hidden layer: (L, B, D) -> (L, B, F)."""
        return [obs, *self.activations(layers, obs)][-1]

    def activations(self, layers: Layers, obs: Tensor) -> list[Tensor]:
        """Every hidden layer of the trunk, first to last: (L, B, D) -> [(L, B, width)]."""
        hidden = [obs]
        for i in range(len(self.hidden)):
            hidden.append(affine(layers[f"trunk_{i}"], hidden[-1]).relu_())
        return hidden[1:]

    def values(self, layers: Layers, obs: Tensor) -> Tensor:
        """Q: (L, B, D) -> (L, B, A)."""
        return self.head.apply(layers, self.features(layers, obs))
