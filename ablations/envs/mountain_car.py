"""MountainCar-v0 over arrays, after ``gymnasium/envs/classic_control/mountain_car.py`` (Moore 1990)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ablations.envs.dynamics import Array, PhysicsStep, Seen, constant

LEFT_END, RIGHT_END, TOP_SPEED = -1.2, 0.6, 0.07
LEFT, RIGHT = constant(LEFT_END), constant(RIGHT_END)
FASTEST, SLOWEST = constant(TOP_SPEED), constant(-TOP_SPEED)
GOAL = constant(0.5)
FORCE = constant([-0.001, 0.0, 0.001])  # by action
GRAVITY = constant(-0.0025)
THREE, ZERO = constant(3.0), constant(0.0)


@dataclass(frozen=True)
class MountainCar:
    """A state is position, velocity; all of it is seen. Reward -1 per step."""

    goal_velocity: float = 0.0

    arguments: ClassVar[Mapping[str, tuple[type, ...]]] = {"goal_velocity": (int, float)}
    draws: ClassVar[int] = 1
    features: ClassVar[int] = 2
    actions: ClassVar[int] = 3
    state_bounds: ClassVar[tuple[tuple[float, float], ...]] = ((LEFT_END, RIGHT_END), (-TOP_SPEED, TOP_SPEED))

    def starts(self, generator: np.random.Generator, n: int) -> Array:
        return np.stack((generator.uniform(-0.6, -0.4, n), np.zeros(n)))

    def first_obs(self, states: Array) -> Seen:
        return self.obs(states)

    def obs(self, states: Array) -> Seen:
        return np.ascontiguousarray(states.T, dtype=np.float32)

    def step(self, states: Array, actions: npt.NDArray[np.int64]) -> PhysicsStep:
        position, velocity = states
        # the C library's cosine, one by one as Gymnasium takes it: numpy's own may differ in the last bit
        slope = np.fromiter(map(math.cos, (THREE * position).tolist()), np.float64, len(position))
        velocity = velocity + (FORCE[actions] + slope * GRAVITY)
        velocity = np.minimum(np.maximum(velocity, SLOWEST), FASTEST)
        moved = np.empty_like(states)
        position = np.minimum(np.maximum(position + velocity, LEFT), RIGHT, out=moved[0])
        stopped = (position == LEFT) & (velocity < ZERO)
        velocity[stopped] = 0.0
        moved[1] = velocity
        terminated = (position >= GOAL) & (velocity >= self.goal_velocity)
        return PhysicsStep(moved, np.full(len(position), -1.0), terminated)
