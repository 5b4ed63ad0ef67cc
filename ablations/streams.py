"""Random numbers are an argument: one independent stream per (entropy, seed, role).

A stream is PCG64 seeded by ``SeedSequence(entropy, spawn_key=(seed, role))``. The variant is not in the key, so at one
seed every variant meets the same initial weights, resets and exploration draws and differences can be paired.
The position of a lane is not in the key either, so a run's numbers don't depend on what runs beside it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Role(IntEnum):
    """What a stream is for. The integers are part of every stored result: append, never renumber."""

    ENVIRONMENT = 0
    WEIGHTS = 1
    HEAD = 2
    VALUE = 3
    ADVANTAGE_HIDDEN = 4
    EXPLORATION = 5
    REPLAY = 6
    EVALUATION = 7
    PROBES = 8
    RANDOM_POLICY = 9


def stream(entropy: int, seed: int, role: Role) -> np.random.Generator:
    """The generator of one seed's role, always the same for the same arguments."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=(seed, int(role)))))
