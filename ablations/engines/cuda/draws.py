"""A run's random numbers on the device: as many per call as asked for, drawn many calls ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ablations.rng.philox import keys, uniforms
from ablations.rng.streams import Role
from ablations.state import State

AHEAD = 2**22
"""How many numbers of all lanes together are drawn ahead at most, if that is more than one call's."""
MOST_CALLS = 256


class DeviceDraws:
    """Uniform doubles in [0, 1), ``width`` per lane and call; call n of a lane is Philox at counter n of its key."""

    def __init__(self, entropy: int, seeds: Sequence[int], role: Role, width: int, device: str) -> None:
        self.keys = keys(entropy, seeds, role, device)  # (L, 2)
        self.width = width
        self.calls = 0
        self.ahead = min(MOST_CALLS, max(1, AHEAD // max(1, len(seeds) * width)))
        self.buffer = torch.empty((0, len(seeds), width), dtype=torch.float64, device=device)  # (K, L, W)
        self.used = 0

    def next(self) -> Tensor:
        """The next draws: (L, W) float64, until as many calls later as are drawn ahead."""
        if self.used == len(self.buffer):
            calls = torch.arange(self.calls, self.calls + self.ahead, device=self.buffer.device)
            self.buffer = uniforms(self.keys, calls[:, None], self.width)  # (L, 2), (K, 1) -> (K, L, W)
            self.used = 0
        self.used += 1
        self.calls += 1
        return self.buffer[self.used - 1]

    def state(self) -> State:
        """How many calls have been made."""
        return {"calls": self.calls}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.calls, self.used = state["calls"], len(self.buffer)
