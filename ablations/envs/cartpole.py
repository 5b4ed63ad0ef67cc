"""CartPole-v1 over arrays, after ``gymnasium/envs/classic_control/cartpole.py`` (Barto, Sutton and Anderson 1983)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ablations.envs.dynamics import PhysicsStep
from ablations.envs.namespace import NUMPY, Array, Namespace

MOST_X = 2.4
MOST_THETA = 12 * 2 * math.pi / 360


class Constants(NamedTuple):
    """Of the physics: numbers, then arrays of a namespace."""

    gravity: Any = 9.8
    pole_mass: Any = 0.1
    total_mass: Any = 0.1 + 1.0
    length: Any = 0.5  # half of the pole's
    pole_mass_length: Any = 0.1 * 0.5
    four_thirds: Any = 4.0 / 3.0
    force: Any = (-10.0, 10.0)  # by action
    tau: Any = 0.02  # seconds per step
    most_x: Any = MOST_X
    most_theta: Any = MOST_THETA
    zero: Any = 0.0
    minus_one: Any = -1.0


@dataclass(frozen=True)
class CartPole:
    """A state is x, x_dot, theta, theta_dot; all of it is seen.

    Reward 1 per step; with ``sutton_barto_reward`` 0, and -1 for the step that ends the episode.
    """

    sutton_barto_reward: bool = False
    xp: Namespace = NUMPY
    constants: Constants = field(init=False, repr=False, compare=False)

    arguments: ClassVar[Mapping[str, tuple[type, ...]]] = {"sutton_barto_reward": (bool,)}
    draws: ClassVar[int] = 4
    start_range: ClassVar[tuple[float, float]] = (-0.05, 0.05)
    features: ClassVar[int] = 4
    actions: ClassVar[int] = 2
    state_bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (-MOST_X, MOST_X),
        (-4.0, 4.0),
        (-MOST_THETA, MOST_THETA),
        (-4.0, 4.0),
    )

    def __post_init__(self) -> None:
        """Constants are made here, since a step may be recorded."""
        object.__setattr__(self, "constants", Constants(*map(self.xp.constant, Constants())))

    def starts(self, drawn: Array) -> Array:
        return drawn

    def obs(self, states: Array) -> Array:
        return self.xp.seen(states)

    def step(self, states: Array, actions: Array) -> PhysicsStep:
        xp, c = self.xp, self.constants
        x_dot, theta, theta_dot = states[1], states[2], states[3]
        cos, sin = xp.cos(theta), xp.sin(theta)
        temp = (c.force[actions] + c.pole_mass_length * xp.square(theta_dot) * sin) / c.total_mass
        theta_acc = (c.gravity * sin - cos * temp) / (
            c.length * (c.four_thirds - c.pole_mass * xp.square(cos) / c.total_mass)
        )
        x_acc = temp - c.pole_mass_length * theta_acc * cos / c.total_mass
        moved = states + c.tau * xp.rows(x_dot, x_acc, theta_dot, theta_acc)
        terminated = (xp.abs(moved[0]) > c.most_x) | (xp.abs(moved[2]) > c.most_theta)
        if self.sutton_barto_reward:
            return PhysicsStep(moved, xp.where(terminated, c.minus_one, c.zero), terminated)
        return PhysicsStep(moved, xp.full(len(terminated), 1.0), terminated)
