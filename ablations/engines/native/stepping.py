"""Environments over arrays whose step is compiled: CartPole's physics, time limits and the next episodes.

Every number and every state it leaves is ``ArrayLanes``', bit for bit, so that either can go on after the other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ablations.engines.native import library
from ablations.envs.cartpole import CartPole
from ablations.envs.classic import ClassicEnvironment
from ablations.envs.dynamics import PhysicsStep
from ablations.envs.gym import Steps
from ablations.envs.namespace import Array
from ablations.envs.vectorized import BLOCK, ArrayLanes
from ablations.rng.streams import Role

TRIED = 200
"""States that the self-test of compiled physics compares."""


class CompiledLanes(ArrayLanes):
    """``ArrayLanes`` with a compiled ``step``. What it hands out is a copy: arrays of its own are written in place."""

    def __init__(
        self, known: ClassicEnvironment, entropy: int, seeds: Sequence[int], role: Role = Role.ENVIRONMENT
    ) -> None:
        super().__init__(known, entropy, seeds, role)
        lanes = len(seeds)
        self.moved = np.empty_like(self.states)
        self.cos, self.sin, self.reward = np.empty((3, lanes))
        self.terminated, self.truncated = np.empty((2, lanes), np.bool_)
        self.next_obs, self.next_seen = np.empty((2, *self.obs.shape), np.float32)
        self.arguments = library.SteppingArguments(
            lanes=lanes,
            features=self.obs.shape[1],
            numbers=len(self.states),
            obs=address(self.next_seen),
            block=BLOCK,
            limit=self.limit,
            sutton_barto=isinstance(self.dynamics, CartPole) and self.dynamics.sutton_barto_reward,
            **{name: address(getattr(self, name)) for name in OWN},
        )
        self.pointed_at: Array | None = None
        self.reference = ctypes.byref(self.arguments)
        compiled = type(self.dynamics) is CartPole and cartpole_agrees(self.dynamics)
        self.physics = self._cartpole if compiled else self._dynamics
        self.step_cartpole, self.step_on = library.load().step_cartpole, library.load().step_on

    def step(self, actions: Any) -> Steps:
        """Step every lane that has not failed; finished episodes are reset and ``obs`` moves on."""
        if self.failures:  # what is left of such lanes ``ArrayLanes`` knows
            return super().step(actions)
        self.steps += 1
        self.action = actions.numpy() if isinstance(actions, Tensor) else np.asarray(actions)
        self.arguments.action = self.action.ctypes.data
        if self.states is not self.pointed_at:  # ``ArrayLanes`` has been here
            self.pointed_at, self.arguments.states = self.states, address(self.states)
        self.physics()
        if self.step_on(self.reference):
            self.draw_ahead()
        self.obs = self.next_seen.copy()
        return Steps(self.next_obs.copy(), self.reward.copy(), self.terminated.copy(), self.truncated.copy())

    def _cartpole(self) -> None:
        """Angles' cosines and sines are numpy's, as in Gymnasium: another library's may differ in the last bit."""
        theta = self.states[2]
        np.cos(theta, out=self.cos)
        np.sin(theta, out=self.sin)
        self.step_cartpole(self.reference)

    def _dynamics(self) -> None:
        self.moved[:], self.reward[:], self.terminated[:] = self.dynamics.step(self.states, self.action)
        self.next_obs[:] = self.dynamics.obs(self.moved)


OWN = (
    "cos", "sin", "moved", "reward", "terminated", "truncated", "next_obs", "elapsed", "used", "starts",
    "first_obs",
)  # fmt: skip
"""Pointers of the arguments that lead to arrays of ``CompiledLanes``, which stay where they are."""


def address(array: npt.NDArray[Any]) -> int:
    """Where a contiguous array begins."""
    if not array.flags.c_contiguous:
        raise ValueError("an array that is not contiguous")
    return array.ctypes.data


@cache
def cartpole_agrees(dynamics: CartPole) -> bool:
    """Whether the compiled physics gives the bits of the one over arrays, from states spread over all of them."""
    rng = np.random.default_rng(0)
    low, high = np.array(dynamics.state_bounds).T
    states = np.ascontiguousarray(rng.uniform(low * 1.1, high * 1.1, (TRIED, 4)).T)
    actions = rng.integers(dynamics.actions, size=TRIED)
    expected, found = dynamics.step(states, actions), cartpole_step(dynamics, states, actions)
    return all(a.tobytes() == np.asarray(b).tobytes() for a, b in zip(found, expected, strict=True))


def cartpole_step(dynamics: CartPole, states: Array, actions: npt.NDArray[np.int64]) -> PhysicsStep:
    """``CartPole.step``, compiled."""
    lanes = states.shape[1]
    cos, sin, reward = np.cos(states[2]), np.sin(states[2]), np.empty(lanes)
    moved, terminated, next_obs = (
        np.empty_like(states),
        np.empty(lanes, np.bool_),
        np.empty((lanes, 4), np.float32),
    )
    arguments = library.SteppingArguments(
        lanes=lanes, sutton_barto=dynamics.sutton_barto_reward, states=address(states), action=address(actions),
        cos=address(cos), sin=address(sin), moved=address(moved), reward=address(reward),
        terminated=address(terminated), next_obs=address(next_obs),
    )  # fmt: skip
    library.load().step_cartpole(ctypes.byref(arguments))
    return PhysicsStep(moved, reward, terminated)
