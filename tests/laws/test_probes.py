"""Probe worlds: five environments of one property each, whose action values are known. A short training finds them.

Where one fails, its property names the fault: reward alone, observation, discount, action, time limit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from ablations.dqn.target import Hard, Soft
from ablations.dqn.variants import NAMED, Variant

from .toys import Observation, Seen
from .worlds import trained

GAMMA = 0.5
TOLERANCE = 0.06


class Probe(gymnasium.Env[Any, Any]):
    """One number is seen, two actions are there, an episode lasts a step."""

    def __init__(self) -> None:
        self.observation_space = Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = Discrete(2)
        self.state = 0.0

    def start(self) -> float:
        """The state that an episode begins in."""
        return 1.0

    def result(self, action: int) -> tuple[float, bool, bool]:
        """(reward, terminated, truncated) of an action; it may change the state."""
        raise NotImplementedError

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = self.start()
        return np.array([self.state], np.float32), {}

    def step(self, action: Any) -> Seen:
        reward, terminated, truncated = self.result(int(action))
        return np.array([self.state], np.float32), reward, terminated, truncated, {}


class ConstantReward(Probe):
    """Every step pays 1 and ends: Q = 1."""

    def result(self, action: int) -> tuple[float, bool, bool]:
        return 1.0, True, False


class ObservationReward(Probe):
    """Every step pays what is seen, -1 or 1, and ends: Q(s) = s."""

    def start(self) -> float:
        return float(self.np_random.choice([-1.0, 1.0]))

    def result(self, action: int) -> tuple[float, bool, bool]:
        return self.state, True, False


class Discounting(Probe):
    """0 is paid in -1, then 1 in 1, then it ends: Q(-1) = gamma, Q(1) = 1."""

    def start(self) -> float:
        return -1.0

    def result(self, action: int) -> tuple[float, bool, bool]:
        if self.state < 0:
            self.state = 1.0
            return 0.0, False, False
        return 1.0, True, False


class ActionReward(Probe):
    """Action 1 pays 1, action 0 pays -1, and it ends."""

    def result(self, action: int) -> tuple[float, bool, bool]:
        return 1.0 if action == 1 else -1.0, True, False


class TimeLimit(Probe):
    """Every step pays 1, for ever, but a time limit cuts after two steps, in the states -1 and 1.

    Bootstrapped through the limit Q = 1 / (1 - gamma); cut there, Q(1) = 1 and Q(-1) = 1 + gamma. The successor of
    the last step looks like the first: a learner that takes the next episode's start for it sees no difference, but
    one that drops the discount does.
    """

    def start(self) -> float:
        return -1.0

    def result(self, action: int) -> tuple[float, bool, bool]:
        over = self.state > 0
        self.state = -self.state
        return 1.0, False, over


PROBES: tuple[Any, ...] = (ConstantReward, ObservationReward, Discounting, ActionReward, TimeLimit)
for probe in PROBES:
    gymnasium.register(f"tests/{probe.__name__}-v0", probe)

VARIANTS = [
    "dqn",
    "no-replay",
    "no-target",
    "soft-target",
    "double",
    "inverse-double",
    "dueling",
    "per",
    "combined",
]


def quick(name: str) -> Variant:
    """A named variant whose target follows fast enough for a short training."""
    variant = NAMED[name].variant
    if isinstance(variant.target, Hard):
        return replace(variant, target=Hard(10))
    if isinstance(variant.target, Soft):
        return replace(variant, target=Soft(0.2))
    return variant


def values(name: str, probe: str, bootstrap_truncated: bool = True) -> Any:
    """Q in the states -1 and 1 after a short training: (L, 2, A)."""
    learner = trained(
        quick(name),
        env_id=f"tests/{probe}-v0",
        total_timesteps=700,
        learning_starts=30,
        buffer_size=500,
        batch_size=16,
        gamma=GAMMA,
        learning_rate=3e-3 if name == "no-replay" else 1e-2,
        start_e=1.0,
        end_e=1.0,  # off-policy: both actions are tried throughout
        hidden=(16,),
        bootstrap_truncated=bootstrap_truncated,
    )
    with torch.no_grad():
        return learner.q(torch.tensor([[[-1.0], [1.0]]]).repeat(2, 1, 1)).numpy()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_constant_reward_is_learned(name: str) -> None:
    np.testing.assert_allclose(values(name, "ConstantReward")[:, 1], 1.0, atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_reward_that_depends_on_the_observation_is_told_apart(name: str) -> None:
    q = values(name, "ObservationReward")
    np.testing.assert_allclose(q[:, 0], -1.0, atol=TOLERANCE)
    np.testing.assert_allclose(q[:, 1], 1.0, atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_later_reward_is_discounted_once(name: str) -> None:
    q = values(name, "Discounting")
    np.testing.assert_allclose(q[:, 1], 1.0, atol=TOLERANCE)
    np.testing.assert_allclose(q[:, 0], GAMMA, atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_reward_that_depends_on_the_action_is_told_apart(name: str) -> None:
    np.testing.assert_allclose(values(name, "ActionReward")[:, 1], [[-1.0, 1.0]] * 2, atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_time_limit_is_bootstrapped_through(name: str) -> None:
    np.testing.assert_allclose(values(name, "TimeLimit"), 1 / (1 - GAMMA), atol=2 * TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_time_limit_cuts_the_bootstrap_if_the_study_says_so(name: str) -> None:
    q = values(name, "TimeLimit", bootstrap_truncated=False)
    np.testing.assert_allclose(q[:, 1], 1.0, atol=TOLERANCE)
    np.testing.assert_allclose(q[:, 0], 1 + GAMMA, atol=TOLERANCE)
