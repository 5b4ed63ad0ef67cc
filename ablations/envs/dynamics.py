"""Physics over arrays: what an environment must tell so that all lanes can be stepped at once.

States are arrays (S, n): a row per number of a state, a column per environment, so that each number of all environments
lies side by side in memory. Everything is float64 and in the order of operations of Gymnasium's own source: results are
the same bits. Constants are arrays without axes, which numpy multiplies by twice as fast as by Python floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Seen = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class PhysicsStep(NamedTuple):
    """What one step gave."""

    states: Array  # (S, n)
    reward: Array  # (n,)
    terminated: Flags  # (n,)


class Dynamics(Protocol):
    """An environment's physics, its arguments filled in. Functions of their arguments alone."""

    arguments: ClassVar[Mapping[str, tuple[type, ...]]]  # of the environment that it knows, with their types
    draws: ClassVar[int]  # doubles that a starting state takes from its generator
    features: ClassVar[int]
    actions: ClassVar[int]
    state_bounds: ClassVar[
        tuple[tuple[float, float], ...]
    ]  # of each number of a state: where self-tests look

    def starts(self, generator: np.random.Generator, n: int) -> Array:
        """The next ``n`` starting states of a generator: (S, n)."""
        ...

    def first_obs(self, states: Array) -> Seen:
        """What is seen of starting states: (S, n) -> (n, D)."""
        ...

    def obs(self, states: Array) -> Seen:
        """What is seen of states after a step: (S, n) -> (n, D)."""
        ...

    def step(self, states: Array, actions: npt.NDArray[np.int64]) -> PhysicsStep:
        """One step of each: (S, n), (n,)."""
        ...


def constant(value: float | list[float] | list[list[float]]) -> npt.NDArray[Any]:
    """A number, or a table of numbers, of the physics."""
    array = np.array(value, dtype=np.float64)
    array.flags.writeable = False
    return array
