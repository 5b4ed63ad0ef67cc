"""Physics over arrays: what an environment must tell so that all lanes can be stepped at once, on the host or a device.

States are arrays (S, n): a row per number of a state, a column per environment, so that each number of all environments
lies side by side in memory. Everything is float64 and in the order of operations of Gymnasium's own source: over numpy
results are the same bits, on a device the same to rounding, for sines and cosines are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

from ablations.envs.namespace import Array, Namespace


class PhysicsStep(NamedTuple):
    """What one step gave."""

    states: Array  # (S, n)
    reward: Array  # (n,) float64
    terminated: Array  # (n,) bool


class Dynamics(Protocol):
    """An environment's physics, its arguments filled in. Functions of their arguments alone."""

    arguments: ClassVar[Mapping[str, tuple[type, ...]]]  # of the environment that it knows, with their types
    draws: ClassVar[int]  # numbers that a starting state is drawn from,
    start_range: ClassVar[tuple[float, float]]  # uniformly between these
    features: ClassVar[int]
    actions: ClassVar[int]
    state_bounds: ClassVar[
        tuple[tuple[float, float], ...]
    ]  # of each number of a state: where self-tests look

    @property
    def xp(self) -> Namespace:
        """Of the arrays that it steps."""
        ...

    def starts(self, drawn: Array) -> Array:
        """Starting states, float32 where Gymnasium shows them so: (draws, n) -> (S, n)."""
        ...

    def obs(self, states: Array) -> Array:
        """What is seen of states: (S, n) -> (n, D) float32."""
        ...

    def step(self, states: Array, actions: Array) -> PhysicsStep:
        """One step of each: (S, n), (n,) int64."""
        ...
