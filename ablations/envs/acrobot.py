"""Acrobot-v1 over arrays, after ``gymnasium/envs/classic_control/acrobot.py`` (Sutton 1996; the book's equations).

Masses, lengths and moments of inertia are 1 and centres of mass lie at 1/2, so most of the products of the general
equations are by 1 and left out here, which changes no bit. Squares are the C library's ``pow``, as those of Gymnasium's
numpy scalars are; it differs from x * x in the last bit once in a thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import pi
from typing import Any, ClassVar, NamedTuple

from ablations.envs.dynamics import PhysicsStep
from ablations.envs.namespace import NUMPY, Array, Namespace

DT = 0.2  # seconds per step


class Constants(NamedTuple):
    """Of the physics: numbers, then arrays of a namespace."""

    dt: Any = DT
    half_step: Any = DT / 2.0
    sixth: Any = DT / 6.0
    torque: Any = (-1.0, 0.0, 1.0)  # by action
    pi: Any = pi
    turn: Any = 2 * pi
    quarter: Any = pi / 2
    fastest: Any = ((4 * pi,), (9 * pi,))
    slowest: Any = ((-4 * pi,), (-9 * pi,))
    zero: Any = 0.0
    one: Any = 1.0
    minus_one: Any = -1.0
    two: Any = 2.0
    half: Any = 0.5
    fourth: Any = 0.25
    five_fourths: Any = 1.25
    gravity_1: Any = 1.5 * 9.8  # (m1 lc1 + m2 l1) g
    gravity_2: Any = 0.5 * 9.8  # m2 lc2 g


@dataclass(frozen=True)
class Acrobot:
    """A state is theta1, theta2 and their rates; seen are the angles' cosines and sines, and the rates.

    Reward -1 per step, 0 for the one that swings the tip above the bar.
    """

    xp: Namespace = NUMPY
    constants: Constants = field(init=False, repr=False, compare=False)

    arguments: ClassVar[Mapping[str, tuple[type, ...]]] = {}
    draws: ClassVar[int] = 4
    start_range: ClassVar[tuple[float, float]] = (-0.1, 0.1)
    features: ClassVar[int] = 6
    actions: ClassVar[int] = 3
    state_bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (-pi, pi),
        (-pi, pi),
        (-4 * pi, 4 * pi),
        (-9 * pi, 9 * pi),
    )

    def __post_init__(self) -> None:
        """Constants are made here, since a step may be recorded."""
        object.__setattr__(self, "constants", Constants(*map(self.xp.constant, Constants())))

    def starts(self, drawn: Array) -> Array:
        return self.xp.single(drawn)

    def obs(self, states: Array) -> Array:
        cos, sin = self.xp.cos(states[:2]), self.xp.sin(states[:2])
        return self.xp.seen(self.xp.rows(cos[0], sin[0], cos[1], sin[1], states[2], states[3]))

    def step(self, states: Array, actions: Array) -> PhysicsStep:
        """Runge and Kutta's fourth order over ``DT``, angles then wrapped and rates bounded."""
        xp, c = self.xp, self.constants
        torque = c.torque[actions]
        k1 = self.rates(states, torque)
        k2 = self.rates(states + c.half_step * k1, torque)
        k3 = self.rates(states + c.half_step * k2, torque)
        k4 = self.rates(states + c.dt * k3, torque)
        moved = states + c.sixth * (k1 + c.two * k2 + c.two * k3 + k4)
        moved[:2] = xp.turned(moved[:2], c.pi, c.turn)
        moved[2:] = xp.minimum(xp.maximum(moved[2:], c.slowest), c.fastest)
        terminated = -xp.cos(moved[0]) - xp.cos(moved[1] + moved[0]) > c.one
        return PhysicsStep(moved, xp.where(terminated, c.zero, c.minus_one), terminated)

    def rates(self, states: Array, torque: Array) -> Array:
        """Time derivatives: (4, n), (n,) -> (4, n)."""
        xp, c = self.xp, self.constants
        theta1, theta2, dtheta1, dtheta2 = states[0], states[1], states[2], states[3]
        cos2, sin2 = xp.cos(theta2), xp.sin(theta2)
        spin = c.half * xp.float_power(states[2:], c.two) * sin2  # (2, n): m2 l1 lc2 dtheta^2 sin(theta2)
        d1 = c.fourth + (c.five_fourths + cos2) + c.one + c.one
        d2 = c.fourth + c.half * cos2 + c.one
        phi2 = c.gravity_2 * xp.cos(theta1 + theta2 - c.quarter)
        phi1 = -spin[1] - dtheta2 * dtheta1 * sin2 + c.gravity_1 * xp.cos(theta1 - c.quarter) + phi2
        acc2 = (torque + d2 / d1 * phi1 - spin[0] - phi2) / (c.five_fourths - xp.float_power(d2, c.two) / d1)
        acc1 = -(d2 * acc2 + phi1) / d1
        return xp.rows(dtheta1, dtheta2, acc1, acc2)
