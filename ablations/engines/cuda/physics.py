"""Classic control as tensor arithmetic, after ``gymnasium/envs/classic_control``: states (..., S) in float64.

Each world is functions of states, actions (...) that count from 0 and uniform draws: ``starts(u)`` makes starting
states of (..., draws) numbers in [0, 1), ``seen(states)`` what an agent sees (..., D) in float32, ``step`` the next
states, rewards and terminations.

Results agree with Gymnasium's to rounding: sines, cosines and sums are a device's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

PhysicsStep = tuple[Tensor, Tensor, Tensor]
"""Next states (..., S), rewards (...) and terminations (...)."""


@dataclass(frozen=True)
class CartPole:
    """CartPole-v1 (Barto, Sutton and Anderson 1983): x, x_dot, theta, theta_dot; all of it is seen; reward 1."""

    features: ClassVar[int] = 4
    actions: ClassVar[int] = 2
    draws: ClassVar[int] = 4

    def starts(self, u: Tensor) -> Tensor:
        return 0.1 * u - 0.05

    def seen(self, states: Tensor) -> Tensor:
        return states.float()

    def step(self, states: Tensor, actions: Tensor) -> PhysicsStep:
        gravity, pole_mass, total_mass, length, tau = 9.8, 0.1, 1.1, 0.5, 0.02  # length: half of the pole's
        x, x_dot, theta, theta_dot = states.unbind(-1)
        force = 20.0 * actions.double() - 10.0
        cos, sin = theta.cos(), theta.sin()
        temp = (force + pole_mass * length * theta_dot * theta_dot * sin) / total_mass
        theta_acc = (gravity * sin - cos * temp) / (length * (4 / 3 - pole_mass * cos * cos / total_mass))
        x_acc = temp - pole_mass * length * theta_acc * cos / total_mass
        moved = states + tau * torch.stack((x_dot, x_acc, theta_dot, theta_acc), dim=-1)
        terminated = (moved[..., 0].abs() > 2.4) | (moved[..., 2].abs() > 12 * 2 * math.pi / 360)
        return moved, torch.ones_like(x), terminated


@dataclass(frozen=True)
class MountainCar:
    """MountainCar-v0 (Moore 1990): position, velocity; both are seen; reward -1."""

    features: ClassVar[int] = 2
    actions: ClassVar[int] = 3
    draws: ClassVar[int] = 1

    def starts(self, u: Tensor) -> Tensor:
        return torch.cat((0.2 * u - 0.6, torch.zeros_like(u)), dim=-1)

    def seen(self, states: Tensor) -> Tensor:
        return states.float()

    def step(self, states: Tensor, actions: Tensor) -> PhysicsStep:
        position, velocity = states.unbind(-1)
        velocity = (velocity + 0.001 * (actions.double() - 1.0) - 0.0025 * (3 * position).cos()).clamp(
            -0.07, 0.07
        )
        position = (position + velocity).clamp(-1.2, 0.6)
        velocity = torch.where((position == -1.2) & (velocity < 0), 0.0, velocity)
        terminated = (position >= 0.5) & (velocity >= 0)
        return torch.stack((position, velocity), dim=-1), torch.full_like(position, -1.0), terminated


@dataclass(frozen=True)
class Acrobot:
    """Acrobot-v1 (Sutton 1996; the book's equations): theta1, theta2 and their rates.

    Masses, lengths and moments of inertia are 1, centres of mass lie at 1/2. Seen are cosine and sine of both angles,
    and the rates. Reward -1 per step, 0 for the one that swings the tip above the bar.
    """

    features: ClassVar[int] = 6
    actions: ClassVar[int] = 3
    draws: ClassVar[int] = 4

    def starts(self, u: Tensor) -> Tensor:
        """Rounded to float32, as Gymnasium's are."""
        return (0.2 * u - 0.1).float().double()

    def seen(self, states: Tensor) -> Tensor:
        angles = states[..., :2]
        turned = torch.stack((angles.cos(), angles.sin()), dim=-1).flatten(-2)  # cos 1, sin 1, cos 2, sin 2
        return torch.cat((turned, states[..., 2:]), dim=-1).float()

    def step(self, states: Tensor, actions: Tensor) -> PhysicsStep:
        """Runge and Kutta's fourth order over 0.2 seconds; angles are wrapped into [-pi, pi], rates bounded."""
        dt, torque = 0.2, actions.double() - 1.0
        k1 = self.rates(states, torque)
        k2 = self.rates(states + dt / 2 * k1, torque)
        k3 = self.rates(states + dt / 2 * k2, torque)
        k4 = self.rates(states + dt * k3, torque)
        moved = states + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        angles = moved[..., :2]
        angles = angles - 2 * math.pi * (angles / (2 * math.pi)).round()
        first = moved[..., 2].clamp(-4 * math.pi, 4 * math.pi)
        second = moved[..., 3].clamp(-9 * math.pi, 9 * math.pi)
        theta1, theta2 = angles.unbind(-1)
        terminated = -theta1.cos() - (theta2 + theta1).cos() > 1.0
        return torch.stack((theta1, theta2, first, second), dim=-1), terminated.double() - 1.0, terminated

    def rates(self, states: Tensor, torque: Tensor) -> Tensor:
        """Time derivatives: (..., 4), (...) -> (..., 4)."""
        gravity = 9.8
        theta1, theta2, dtheta1, dtheta2 = states.unbind(-1)
        cos, sin = theta2.cos(), theta2.sin()
        d1 = 0.25 + (1.25 + cos) + 2
        d2 = 0.25 + 0.5 * cos + 1
        phi2 = 0.5 * gravity * (theta1 + theta2 - math.pi / 2).cos()
        phi1 = (
            -0.5 * dtheta2 * dtheta2 * sin
            - dtheta2 * dtheta1 * sin
            + 1.5 * gravity * (theta1 - math.pi / 2).cos()
            + phi2
        )
        acc2 = (torque + d2 / d1 * phi1 - 0.5 * dtheta1 * dtheta1 * sin - phi2) / (1.25 - d2 * d2 / d1)
        acc1 = -(d2 * acc2 + phi1) / d1
        return torch.stack((dtheta1, dtheta2, acc1, acc2), dim=-1)


KINDS: dict[str, type[CartPole | Acrobot | MountainCar]] = {
    "CartPole-v1": CartPole,
    "Acrobot-v1": Acrobot,
    "MountainCar-v0": MountainCar,
}
