"""CartPole-v1 over arrays, after ``gymnasium/envs/classic_control/cartpole.py`` (Barto, Sutton and Anderson 1983)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ablations.envs.dynamics import Array, PhysicsStep, Seen, constant

GRAVITY = constant(9.8)
POLE_MASS = constant(0.1)
TOTAL_MASS = constant(0.1 + 1.0)
LENGTH = constant(0.5)  # half of the pole's
POLE_MASS_LENGTH = constant(0.1 * 0.5)
FOUR_THIRDS = constant(4.0 / 3.0)
FORCE = constant([-10.0, 10.0])  # by action
TAU = constant(0.02)  # seconds per step
MOST_X = 2.4
MOST_THETA = 12 * 2 * math.pi / 360
X_LIMIT, THETA_LIMIT = constant(MOST_X), constant(MOST_THETA)


@dataclass(frozen=True)
class CartPole:
    """A state is x, x_dot, theta, theta_dot; all of it is seen.

    Reward 1 per step; with ``sutton_barto_reward`` 0, and -1 for the step that ends the episode.
    """

    sutton_barto_reward: bool = False

    arguments: ClassVar[Mapping[str, tuple[type, ...]]] = {"sutton_barto_reward": (bool,)}
    draws: ClassVar[int] = 4
    features: ClassVar[int] = 4
    actions: ClassVar[int] = 2
    state_bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (-MOST_X, MOST_X),
        (-4.0, 4.0),
        (-MOST_THETA, MOST_THETA),
        (-4.0, 4.0),
    )

    def starts(self, generator: np.random.Generator, n: int) -> Array:
        return generator.uniform(-0.05, 0.05, (n, 4)).T

    def first_obs(self, states: Array) -> Seen:
        return self.obs(states)

    def obs(self, states: Array) -> Seen:
        return np.ascontiguousarray(states.T, dtype=np.float32)

    def step(self, states: Array, actions: npt.NDArray[np.int64]) -> PhysicsStep:
        x_dot, theta, theta_dot = states[1], states[2], states[3]
        cos, sin = np.cos(theta), np.sin(theta)
        temp = (FORCE[actions] + POLE_MASS_LENGTH * np.square(theta_dot) * sin) / TOTAL_MASS
        theta_acc = (GRAVITY * sin - cos * temp) / (
            LENGTH * (FOUR_THIRDS - POLE_MASS * np.square(cos) / TOTAL_MASS)
        )
        rates = np.empty_like(states)
        rates[0] = x_dot
        rates[1] = temp - POLE_MASS_LENGTH * theta_acc * cos / TOTAL_MASS
        rates[2] = theta_dot
        rates[3] = theta_acc
        moved = states + TAU * rates
        terminated = (np.abs(moved[0]) > X_LIMIT) | (np.abs(moved[2]) > THETA_LIMIT)
        if self.sutton_barto_reward:
            return PhysicsStep(moved, np.where(terminated, -1.0, 0.0), terminated)
        return PhysicsStep(moved, np.ones(len(terminated)), terminated)
