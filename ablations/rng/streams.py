"""Random numbers are an argument: one independent stream per (entropy, seed, role).

A stream is PCG64 seeded by ``SeedSequence(entropy, spawn_key=(seed, role))``. The variant is not in the key, so at one
seed every variant meets the same initial weights, resets and exploration draws and differences can be paired.
The position of a lane is not in the key either, so a run's numbers don't depend on what runs beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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
    RESETS = 10
    EVALUATION_ACTIONS = 11


def stream(entropy: int, seed: int, role: Role) -> np.random.Generator:
    """The generator of one seed's role, always the same for the same arguments."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=(seed, int(role)))))


_HALF = 2**64
POSITION = 6
"""How many numbers say where a generator stands."""


def position(state: Mapping[str, Any]) -> npt.NDArray[np.uint64]:
    """The state of a PCG64 generator as numbers (6,): state and increment by halves, high first, and half a draw left.

    Raises ValueError for the state of another kind of generator.
    """
    import numpy as np

    if state.get("bit_generator") != "PCG64":
        raise ValueError(f"the generator is {state.get('bit_generator')}; only PCG64 can be stored")
    inner = state["state"]
    numbers = [*divmod(inner["state"], _HALF), *divmod(inner["inc"], _HALF)]
    return np.array([*numbers, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def put(generator: np.random.Generator, numbers: npt.NDArray[np.uint64]) -> None:
    """Put a PCG64 generator where ``position`` found one."""
    high, low, inc_high, inc_low, left, half = numbers.tolist()
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high * _HALF + low, "inc": inc_high * _HALF + inc_low},
        "has_uint32": left,
        "uinteger": half,
    }
