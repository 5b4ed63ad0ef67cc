"""The Q-network over lanes: a trunk and a head, all parameters in one (L, P) buffer."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ablations.dqn.layers import numbers
from ablations.dqn.loss import Squared
from ablations.rng.streams import stream

if TYPE_CHECKING:
    from ablations.dqn.layers import Geometry, Parameter, Params

ALIGN = 64
"""A lane's slice is a multiple of this many numbers, so that vector bodies and scalar tails of the optimizer's loops
(which round differently) never meet inside a lane."""

NARROW = 8
"""Weights (I, O) with fewer outputs are stored as (O, I): batched products are several times faster that way."""


SQUARED = Squared()
"""The loss of one output per action, its value."""


class Place(NamedTuple):
    """Where a parameter lies in a lane's slice of the buffer."""

    start: int
    shape: tuple[int, ...]

    @property
    def turned(self) -> bool:
        """A narrow weight: stored with its axes swapped."""
        return len(self.shape) == 2 and self.shape[1] < NARROW

    def view(self, flat: Tensor) -> Tensor:
        """The parameter of every lane, (L, *shape): a view into (L, P)."""
        numbers = flat[:, self.start : self.start + math.prod(self.shape)]
        if self.turned:
            return numbers.view(len(flat), *self.shape[::-1]).transpose(1, 2)
        return numbers.view(len(flat), *self.shape)


@dataclass(frozen=True)
class Network:
    """Q(s, .) = values(head(trunk(s))) for observations of a shape and A actions, by the pieces of these slots.

    D numbers have the shape (D,), images (height, width, channels).
    """

    observation: tuple[int, ...]
    actions: int  # A
    trunk: Any
    head: Any
    loss: Any = SQUARED

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is learned, the trunk's first, in the order of the buffer."""
        features = self.trunk.width(self.observation)
        return (
            *self.trunk.parameters(self.observation),
            *self.head.parameters(features, self.actions, self.loss.outputs_per_action),
        )

    @cached_property
    def convolutions(self) -> dict[str, Geometry]:
        """Which layers of the trunk are convolutions; of a trunk of a user's own that is not known."""
        geometry = getattr(self.trunk, "geometry", None)
        return geometry(self.observation) if geometry else {}

    @cached_property
    def multiplications(self) -> int:
        """Of one observation's forward pass, roughly: each parameter's, filters at each position."""
        filters = {f"{name}.weight": of.positions - 1 for name, of in self.convolutions.items()}
        return self.size + sum(each.size * filters.get(each.name, 0) for each in self.parameters)

    @cached_property
    def streams(self) -> list[list[str]]:
        """Names of the layers from the observation to each of the head's ends; a layer's parameters are its name.*."""
        trunk = [name for name, _ in self.trunk.layers()]
        return [[*trunk, *(name for name, _ in stream)] for stream in self.head.streams()]

    @cached_property
    def layout(self) -> dict[str, Place]:
        """Where each parameter lies."""
        places, start = {}, 0
        for parameter in self.parameters:
            places[parameter.name] = Place(start, parameter.shape)
            start += parameter.size
        return places

    @cached_property
    def size(self) -> int:
        """P: numbers per lane, padded to ``ALIGN``."""
        return -(-sum(parameter.size for parameter in self.parameters) // ALIGN) * ALIGN

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Named views into a buffer (L, P): nothing is copied."""
        return {name: place.view(flat) for name, place in self.layout.items()}

    def initial(self, entropy: int, seeds: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Fresh parameters (L, P), each from the stream of its role."""
        flat = torch.zeros((len(seeds), self.size), dtype=dtype)
        views = self.views(flat)
        for lane, seed in enumerate(seeds):
            streams = {role: stream(entropy, seed, role) for role in {each.role for each in self.parameters}}
            for name, shape, init, role in self.parameters:
                u = streams[role].random(shape) if init.drawn else np.zeros(shape)
                views[name][lane] = torch.from_numpy(init.of(u))
        return flat

    def activations(self, params: Params, obs: Tensor) -> list[Tensor]:
        """Every hidden layer of the trunk, first to last: (L, B, *shape) -> [(L, B, units)]."""
        activations: list[Tensor] = self.trunk.activations(params, obs)
        return activations

    def features(self, params: Params, obs: Tensor) -> Tensor:
        """What the head sees: (L, B, *shape) -> (L, B, F)."""
        activations = self.activations(params, obs)
        return activations[-1] if activations else numbers(params, obs.flatten(2))

    def outputs(self, params: Params, features: Tensor) -> Tensor:
        """What the head gives: (L, B, F) -> (L, B, A, Z)."""
        outputs: Tensor = self.head.outputs(params, features)  # (L, B, A Z)
        return self.by_action(outputs)

    def by_action(self, outputs: Tensor) -> Tensor:
        """(L, B, A Z) -> (L, B, A, Z)."""
        return outputs.view(*outputs.shape[:-1], self.actions, -1)

    def values(self, params: Params, obs: Tensor) -> Tensor:
        """Q: (L, B, *shape) -> (L, B, A)."""
        values: Tensor = self.loss.values(self.outputs(params, self.features(params, obs)))
        return values


class Trainable:
    """The online parameters: a buffer, its gradient, and named views of both."""

    def __init__(self, network: Network, flat: Tensor) -> None:
        self.network = network
        self.flat = flat  # (L, P)
        self.grad = torch.zeros_like(flat)  # (L, P): the padding's gradient stays zero
        self.params = {name: view.detach().requires_grad_() for name, view in network.views(flat).items()}
        self.grads = network.views(self.grad)

    def differentiate(
        self, losses: Tensor, shares: Tensor, names: Collection[str], *others: Tensor
    ) -> Sequence[Tensor]:
        """The gradient of the sum of shares * losses: by the parameters of these names into ``grad`` (L, P).

        Gives those by ``others``.
        """
        leaves = [*(self.params[name] for name in names), *others]
        fresh = torch.autograd.grad(losses, leaves, shares)
        for name, part in zip(names, fresh, strict=False):  # those by others come behind
            self.grads[name].copy_(part)
        return fresh[len(names) :]
