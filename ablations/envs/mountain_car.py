"""MountainCar-v0 over arrays, after ``gymnasium/envs/classic_control/mountain_car.py`` (Moore 1990)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ablations.envs.dynamics import PhysicsStep
from ablations.envs.namespace import NUMPY, Array, Namespace

LEFT_END, RIGHT_END, TOP_SPEED = -1.2, 0.6, 0.07


class Constants(NamedTuple):
    """Of the physics: numbers, then arrays of a namespace."""

    left: Any = LEFT_END
    right: Any = RIGHT_END
    fastest: Any = TOP_SPEED
    slowest: Any = -TOP_SPEED
    goal: Any = 0.5
    force: Any = (-0.001, 0.0, 0.001)  # by action
    gravity: Any = -0.0025
    three: Any = 3.0
    zero: Any = 0.0


@dataclass(frozen=True)
class MountainCar:
    """A state is position, velocity; all of it is seen. Reward -1 per step."""

    goal_velocity: float = 0.0
    xp: Namespace = NUMPY
    constants: Constants = field(init=False, repr=False, compare=False)

    arguments: ClassVar[Mapping[str, tuple[type, ...]]] = {"goal_velocity": (int, float)}
    draws: ClassVar[int] = 1
    start_range: ClassVar[tuple[float, float]] = (-0.6, -0.4)
    features: ClassVar[int] = 2
    actions: ClassVar[int] = 3
    state_bounds: ClassVar[tuple[tuple[float, float], ...]] = ((LEFT_END, RIGHT_END), (-TOP_SPEED, TOP_SPEED))

    def __post_init__(self) -> None:
        """Constants are made here, since a step may be recorded."""
        object.__setattr__(self, "constants", Constants(*map(self.xp.constant, Constants())))

    def starts(self, drawn: Array) -> Array:
        (position,) = drawn
        return self.xp.rows(position, self.xp.full(len(position), 0.0))

    def obs(self, states: Array) -> Array:
        return self.xp.seen(states)

    def step(self, states: Array, actions: Array) -> PhysicsStep:
        xp, c = self.xp, self.constants
        position, velocity = states[0], states[1]
        velocity = velocity + (c.force[actions] + xp.math_cos(c.three * position) * c.gravity)
        velocity = xp.minimum(xp.maximum(velocity, c.slowest), c.fastest)
        position = xp.minimum(xp.maximum(position + velocity, c.left), c.right)
        stopped = (position == c.left) & (velocity < c.zero)
        velocity = xp.where(stopped, c.zero, velocity)
        terminated = (position >= c.goal) & (velocity >= self.goal_velocity)
        return PhysicsStep(xp.rows(position, velocity), xp.full(len(position), -1.0), terminated)
