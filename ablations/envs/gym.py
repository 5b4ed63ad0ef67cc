"""Gymnasium environments as lanes: one environment per lane, stepped one by one, reset by hand.

Vector environments' autoreset would store a junk transition between episodes, so none is used. An environment that
raises freezes its own lane and no other.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from ablations.envs import registry  # noqa: F401 (registers this package's own environments)
from ablations.streams import Role, stream


class Refused(Exception):
    """An environment that this suite cannot train on; the text names the space."""


class Steps(NamedTuple):
    """What one step of every lane gave."""

    next_obs: np.ndarray[Any, Any]  # (L, D) float32: true successors
    reward: np.ndarray[Any, Any]  # (L,) float64
    terminated: np.ndarray[Any, Any]  # (L,) bool
    truncated: np.ndarray[Any, Any]  # (L,) bool


@dataclass(frozen=True)
class Failure:
    """An exception that an environment raised: what the manifest of a failed run keeps."""

    step: int
    type: str
    message: str
    frames: tuple[traceback.FrameSummary, ...]


def failure_of(step: int, problem: Exception) -> Failure:
    """What is kept of an exception that was raised after ``step`` environment steps."""
    frames = tuple(traceback.extract_tb(problem.__traceback__))
    return Failure(step, type(problem).__name__, str(problem), frames)


def make(env_id: str, args: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """One environment, with Gymnasium's own wrappers (time limit, order enforcement)."""
    return gymnasium.make(env_id, disable_env_checker=True, **args)


def sizes(env: gymnasium.Env[Any, Any]) -> tuple[int, int]:
    """(numbers in an observation, number of actions). Raises Refused for spaces other than Box and Discrete."""
    observation, action = env.observation_space, env.action_space
    if not isinstance(observation, gymnasium.spaces.Box):
        raise Refused(f"its observation space is {type(observation).__name__}; only Box is supported")
    if not isinstance(action, gymnasium.spaces.Discrete):
        raise Refused(f"its action space is {type(action).__name__}; only Discrete is supported")
    return int(np.prod(observation.shape)), int(action.n)


class GymLanes:
    """L environments of one kind. ``obs`` holds what the agents see now: (L, D) float32."""

    def __init__(self, env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int]) -> None:
        self.failures: dict[int, Failure] = {}
        self.steps = 0
        self.envs = [make(env_id, args) for _ in seeds]
        self.features, self.actions = sizes(self.envs[0])
        self.first_action = int(self.envs[0].action_space.start)  # type: ignore[attr-defined]
        self.obs = np.zeros((len(seeds), self.features), dtype=np.float32)
        for lane, seed in enumerate(seeds):
            self._reset(lane, int(stream(entropy, seed, Role.ENVIRONMENT).integers(2**31)))

    def step(self, actions: Sequence[int]) -> Steps:
        """Step every lane that has not failed; finished episodes are reset and ``obs`` moves on."""
        self.steps += 1
        lanes = len(self.envs)
        next_obs = self.obs.copy()
        reward = np.zeros(lanes)
        terminated = np.zeros(lanes, dtype=bool)
        truncated = np.zeros(lanes, dtype=bool)
        for lane, env in enumerate(self.envs):
            if lane in self.failures:
                continue
            try:
                seen, gained, terminal, cut, _ = env.step(self.first_action + actions[lane])
                next_obs[lane] = np.reshape(seen, -1)
                reward[lane] = gained
                terminated[lane] = terminal
                truncated[lane] = cut
            except Exception as problem:
                self._fail(lane, problem)
                continue
            if terminal or cut:
                self._reset(lane)
            else:
                self.obs[lane] = next_obs[lane]
        return Steps(next_obs, reward, terminated, truncated)

    def close(self) -> None:
        """Release what the environments hold."""
        for env in self.envs:
            try:
                env.close()
            except Exception:
                continue  # an environment that can't be closed has nothing more to give

    def _reset(self, lane: int, seed: int | None = None) -> None:
        try:
            seen, _ = self.envs[lane].reset(seed=seed)
            self.obs[lane] = np.reshape(seen, -1)
        except Exception as problem:
            self._fail(lane, problem)

    def _fail(self, lane: int, problem: Exception) -> None:
        self.failures[lane] = failure_of(self.steps, problem)
