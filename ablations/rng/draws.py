"""Lanes: many seeds as one tensor program. Every tensor leads with L, and nothing reduces across it.

A run's numbers must be the same bits alone or among 64 lanes. That holds because products over lanes are batched
(``baddbmm``), reductions run over trailing axes only, and each lane's parameters fill whole vector registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.rng.streams import Role, position, put, stream
from ablations.state import State

AHEAD = 2**21
"""How many numbers of all lanes together are drawn ahead at most, if that is more than one call's."""


class Draws:
    """Uniform doubles in [0, 1), ``width`` per lane and call, each lane from its own seed's stream.

    Drawn in blocks for speed; a stream gives the same doubles whatever the size of a block.
    """

    def __init__(self, entropy: int, seeds: Sequence[int], role: Role, width: int, block: int = 256) -> None:
        block = max(1, min(block, AHEAD // max(1, len(seeds) * width)))
        self.generators = [stream(entropy, seed, role) for seed in seeds]
        self.buffer = np.empty((block, len(seeds), width))  # (K, L, W)
        self.used = block

    def next(self) -> Tensor:
        """The next draws: (L, W) float64."""
        if self.used == len(self.buffer):
            for lane, generator in enumerate(self.generators):
                self.buffer[:, lane] = generator.random(self.buffer[:, lane].shape)
            self.used = 0
        self.used += 1
        return torch.from_numpy(self.buffer[self.used - 1])

    def state(self) -> State:
        """Where each lane's stream stands, as if nothing had been drawn ahead: (L, 6)."""
        ahead = (len(self.buffer) - self.used) * self.buffer.shape[-1]
        return {"generators": np.stack([position(_rewound(each, ahead)) for each in self.generators])}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        for generator, numbers in zip(self.generators, state["generators"], strict=True):
            put(generator, numbers)
        self.used = len(self.buffer)


def _rewound(generator: np.random.Generator, doubles: int) -> Mapping[str, Any]:
    """The state so many doubles before ``generator``'s; each double takes one step of PCG64."""
    copy = np.random.PCG64()
    copy.state = generator.bit_generator.state  # type: ignore[assignment]
    return copy.advance(-doubles).state
