"""The kernel's ``act_and_store`` with compiled code around the physics of environments over arrays, and in CartPole's.

Every number and every state it leaves is the plain function's, bit for bit, so that either can go on after the other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.types import Clock, Transition
from ablations.engines.native import library
from ablations.engines.native.network import Compiled, compiled_network, function_of
from ablations.engines.reference import NUMPY
from ablations.envs.cartpole import CartPole
from ablations.envs.dynamics import PhysicsStep
from ablations.envs.gym import Steps
from ablations.envs.namespace import Array
from ablations.envs.vectorized import BLOCK, ArrayLanes

if TYPE_CHECKING:
    from ablations.dqn.learner import Learner

    Plain = Callable[[Learner, Tensor, Clock], Steps]

TRIED = 200
"""States that the self-test of compiled physics compares."""


class Interaction:
    """``plain``, the kernel's ``act_and_store``, for one learner and its environments."""

    def __init__(self, plain: Plain, envs: ArrayLanes) -> None:
        self.plain, self.envs = plain, envs
        self.buffers: Buffers | None = None
        self._knows: bool | None = None  # asked at the first step

    def __call__(self, a: Learner, u: Tensor, clock: Clock) -> Steps:
        """One environment step of every lane."""
        envs = self.envs
        if envs.failures or not self.knows(a):  # such lanes and pieces the plain function knows
            return self.plain(a, u, clock)
        b = self.buffers = self.buffers or Buffers(a, envs)
        x = b.arguments
        if envs.states is not b.states or envs.obs is not b.obs:  # the plain function has been here
            envs.obs = envs.obs.copy()  # what was seen last may be kept by others; here it is written over
            b.states, b.obs = envs.states, envs.obs
            x.states, x.obs = address(envs.states), address(envs.obs)
        u = u.contiguous()
        x.u, x.epsilon = u.data_ptr(), a.variant.exploration.rate(clock)
        b.act(b.network.handle, b.reference)
        b.physics()
        if b.settle(b.reference):
            envs.draw_ahead()
        envs.steps += 1
        steps = Steps(b.next_obs.copy(), b.reward.copy(), b.terminated.copy(), b.truncated.copy())
        a.variant.replay.add(a.memory, b.transition(steps))
        return steps

    def knows(self, a: Learner) -> bool:
        """Whether the learner's network and its way to explore are compiled."""
        if self._knows is None:
            greedy = ops.op_of(a.variant.exploration) is ops.Exploration.EPSILON_GREEDY
            self._knows = greedy and compiled_network(a.network)
        return self._knows


class Buffers:
    """Where an interaction's numbers lie, and the call's arguments, which point there."""

    def __init__(self, a: Learner, envs: ArrayLanes) -> None:
        lanes, features, s = len(a.seeds), envs.features, a.settings
        self.envs = envs
        number = NUMPY[a.dtype]
        self.same = number is np.float32  # observations are stored as they are seen
        self.states: npt.NDArray[Any] | None = None  # the environments' own, found at the first step
        self.obs: npt.NDArray[Any] | None = None
        self.before, self.stored_next = np.empty((2, lanes, features), number)
        self.q = np.empty((lanes, envs.actions), number)
        self.action = np.empty(lanes, np.int64)
        self.moved = np.empty_like(envs.states)
        self.cos, self.sin, self.reward = np.empty((3, lanes))
        self.terminated, self.truncated = np.empty((2, lanes), np.bool_)
        self.next_obs = np.empty((lanes, features), np.float32)
        self.stored_reward, self.stored_discount = np.empty((2, lanes), number)
        dynamics = envs.dynamics
        self.arguments = library.InteractionArguments(
            lanes=lanes,
            features=features,
            numbers=len(envs.states),
            actions=envs.actions,
            theta=a.online.flat.data_ptr(),
            stride=a.online.flat.shape[1],
            elapsed=address(envs.elapsed),
            used=address(envs.used),
            starts=address(envs.starts),
            first_obs=address(envs.first_obs),
            block=BLOCK,
            limit=envs.limit,
            bootstrap_truncated=s.bootstrap_truncated,
            sutton_barto=isinstance(dynamics, CartPole) and dynamics.sutton_barto_reward,
            gamma=s.gamma,
            **{name: address(getattr(self, name)) for name in OWN},
        )
        self.reference = ctypes.byref(self.arguments)
        self.network = Compiled(a.network, a.dtype)
        self.act, self.settle = (function_of(f"interaction_{name}", a.dtype) for name in ("act", "settle"))
        compiled = type(dynamics) is CartPole and cartpole_agrees(dynamics)
        self.physics = self._cartpole if compiled else self._dynamics
        self.compiled_physics = library.load().interaction_cartpole

    def _cartpole(self) -> None:
        """Angles' cosines and sines are numpy's, as in Gymnasium: another library's may differ in the last bit."""
        theta = self.envs.states[2]
        np.cos(theta, out=self.cos)
        np.sin(theta, out=self.sin)
        self.compiled_physics(self.reference)

    def _dynamics(self) -> None:
        self.moved[:], self.reward[:], self.terminated[:] = self.envs.dynamics.step(
            self.envs.states, self.action
        )
        self.next_obs[:] = self.envs.dynamics.obs(self.moved)

    def transition(self, steps: Steps) -> Transition:
        """What is stored of the step, in memory of its own: a replay may keep it."""
        from_numpy = torch.from_numpy
        return Transition(
            obs=from_numpy(self.before.copy()),
            action=from_numpy(self.action.copy()),
            reward=from_numpy(self.stored_reward.copy()),
            discount=from_numpy(self.stored_discount.copy()),
            next_obs=from_numpy(steps.next_obs if self.same else self.stored_next.copy()),
        )


OWN = (
    "before", "q", "action", "cos", "sin", "moved", "reward", "terminated", "truncated", "next_obs",
    "stored_reward", "stored_discount", "stored_next",
)  # fmt: skip
"""Pointers of the arguments that lead to arrays of ``Buffers``."""


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
    arguments = library.InteractionArguments(
        lanes=lanes, sutton_barto=dynamics.sutton_barto_reward, states=address(states), action=address(actions),
        cos=address(cos), sin=address(sin), moved=address(moved), reward=address(reward),
        terminated=address(terminated), next_obs=address(next_obs),
    )  # fmt: skip
    library.load().interaction_cartpole(ctypes.byref(arguments))
    return PhysicsStep(moved, reward, terminated)
