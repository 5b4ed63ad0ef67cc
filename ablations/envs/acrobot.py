"""Acrobot-v1 over arrays, after ``gymnasium/envs/classic_control/acrobot.py`` (Sutton 1996; the book's equations).

Masses, lengths and moments of inertia are 1 and centres of mass lie at 1/2, so most of the products of the general
equations are by 1 and left out here, which changes no bit. Squares are the C library's ``pow``, as those of Gymnasium's
numpy scalars are; it differs from x * x in the last bit once in a thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ablations.envs.dynamics import Array, Flags, PhysicsStep, Seen, constant

DT = 0.2  # seconds per step
FULL, HALF_STEP, SIXTH = constant(DT), constant(DT / 2.0), constant(DT / 6.0)
TORQUE = constant([-1.0, 0.0, 1.0])  # by action
PI, TURN, QUARTER = constant(pi), constant(2 * pi), constant(pi / 2)
FASTEST = constant([[4 * pi], [9 * pi]])
ONE, TWO, HALF = constant(1.0), constant(2.0), constant(0.5)
FOURTH, FIVE_FOURTHS = constant(0.25), constant(1.25)
GRAVITY_1 = constant(1.5 * 9.8)  # (m1 lc1 + m2 l1) g
GRAVITY_2 = constant(0.5 * 9.8)  # m2 lc2 g


@dataclass(frozen=True)
class Acrobot:
    """A state is theta1, theta2 and their rates; seen are the angles' cosines and sines, and the rates.

    Reward -1 per step, 0 for the one that swings the tip above the bar.
    """

    arguments: ClassVar[Mapping[str, tuple[type, ...]]] = {}
    draws: ClassVar[int] = 4
    features: ClassVar[int] = 6
    actions: ClassVar[int] = 3
    state_bounds: ClassVar[tuple[tuple[float, float], ...]] = (
        (-pi, pi),
        (-pi, pi),
        (-4 * pi, 4 * pi),
        (-9 * pi, 9 * pi),
    )

    def starts(self, generator: np.random.Generator, n: int) -> Array:
        """Rounded to float32, as Gymnasium's are."""
        return generator.uniform(-0.1, 0.1, (n, 4)).astype(np.float32).T.astype(np.float64)

    def first_obs(self, states: Array) -> Seen:
        """Cosines and sines of float32 angles: those of starting states alone."""
        return _seen(states.astype(np.float32))

    def obs(self, states: Array) -> Seen:
        return _seen(states)

    def step(self, states: Array, actions: npt.NDArray[np.int64]) -> PhysicsStep:
        """Runge and Kutta's fourth order over ``DT``, angles then wrapped and rates bounded."""
        torque = TORQUE[actions]
        k1 = rates(states, torque)
        k2 = rates(states + HALF_STEP * k1, torque)
        k3 = rates(states + HALF_STEP * k2, torque)
        k4 = rates(states + FULL * k3, torque)
        moved = states + SIXTH * (k1 + TWO * k2 + TWO * k3 + k4)
        _wrap(moved[:2])
        np.minimum(np.maximum(moved[2:], -FASTEST), FASTEST, out=moved[2:])
        terminated: Flags = -np.cos(moved[0]) - np.cos(moved[1] + moved[0]) > ONE
        return PhysicsStep(moved, terminated - ONE, terminated)


def rates(states: Array, torque: Array) -> Array:
    """Time derivatives: (4, n), (n,) -> (4, n)."""
    theta1, theta2, dtheta1, dtheta2 = states
    cos2, sin2 = np.cos(theta2), np.sin(theta2)
    spin = HALF * np.float_power(states[2:], TWO) * sin2  # (2, n): m2 l1 lc2 dtheta^2 sin(theta2)
    d1 = FOURTH + (FIVE_FOURTHS + cos2) + ONE + ONE
    d2 = FOURTH + HALF * cos2 + ONE
    phi2 = GRAVITY_2 * np.cos(theta1 + theta2 - QUARTER)
    phi1 = -spin[1] - dtheta2 * dtheta1 * sin2 + GRAVITY_1 * np.cos(theta1 - QUARTER) + phi2
    found = np.empty_like(states)
    found[:2] = states[2:]
    found[3] = (torque + d2 / d1 * phi1 - spin[0] - phi2) / (FIVE_FOURTHS - np.float_power(d2, TWO) / d1)
    found[2] = -(d2 * found[3] + phi1) / d1
    return found


def _wrap(angles: Array) -> None:
    """Turn by whole turns into [-pi, pi], in place. A step turns by less than two."""
    while (far := angles > PI).any():
        np.subtract(angles, TURN, out=angles, where=far)
    while (far := angles < -PI).any():
        np.add(angles, TURN, out=angles, where=far)


def _seen(states: npt.NDArray[np.floating]) -> Seen:
    seen = np.empty((states.shape[1], 6), dtype=np.float32)
    columns = seen.T
    np.cos(states[:2], out=columns[0:4:2], casting="same_kind")
    np.sin(states[:2], out=columns[1:4:2], casting="same_kind")
    columns[4:] = states[2:]
    return seen
