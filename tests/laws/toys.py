"""Tiny Gymnasium environments of known behaviour, registered for the tests alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space

from ablations.envs.gym import GymLanes, Steps
from tests.ablations.envs import pictures  # noqa: F401  (registers environments)

Observation = np.ndarray[Any, Any]
Seen = tuple[Observation, float, bool, bool, dict[str, Any]]


class Walk(gymnasium.Env[Any, Any]):
    """A random walk on which every number matters: any number of features and actions, episodes of a dozen steps.

    The reward depends on observation and action, the end on chance, so that a single flipped bit soon shows.
    """

    def __init__(self, features: int = 4, actions: int = 2) -> None:
        self.observation_space = Box(-np.inf, np.inf, (features,), np.float32)
        self.action_space = Discrete(actions)
        self.state = np.zeros(features)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=self.state.shape)
        return self.state.astype(np.float32), {}

    def step(self, action: Any) -> Seen:
        push = math.sin(1.0 + 2.0 * action)
        reward = float(np.tanh(push * self.state[0]) + 0.1 * self.state[-1])
        self.state = 0.9 * self.state + 0.3 * self.np_random.normal(size=self.state.shape)
        self.state[action % len(self.state)] += 0.2 * push
        return self.state.astype(np.float32), reward, bool(self.np_random.random() < 0.08), False, {}


class Counter(gymnasium.Env[Any, Any]):
    """Observes [episode, steps done in it], so that each transition says where it belongs.

    Episodes last ``length`` steps and end by termination, or by truncation where ``cut``. The reward is the action
    as the environment got it.
    """

    def __init__(
        self,
        length: int = 3,
        cut: bool = False,
        start: int = 0,
        shape: Sequence[int] = (2,),
        actions: int = 3,
    ) -> None:
        self.observation_space = Box(-np.inf, np.inf, tuple(shape), np.float32)
        self.action_space = Discrete(actions, start=start)
        self.length, self.cut = length, cut
        self.episode, self.done = -1, 0

    def seen(self) -> Observation:
        """The observation: its first two numbers count, the others number their places."""
        shape = self.observation_space.shape
        assert shape is not None
        flat = np.arange(math.prod(shape), dtype=np.float32)
        flat[:2] = self.episode, self.done
        return flat.reshape(shape)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode, self.done = self.episode + 1, 0
        return self.seen(), {}

    def step(self, action: Any) -> Seen:
        self.done += 1
        over = self.done == self.length
        return self.seen(), float(action), over and not self.cut, over and self.cut, {}


class Fragile(Walk):
    """A walk that raises in seeds whose first draw is odd: at a given step, or at a given reset (0 = the first)."""

    def __init__(self, at_step: int | None = None, at_reset: int | None = None) -> None:
        super().__init__()
        self.at_step, self.at_reset = at_step, at_reset
        self.doomed, self.steps, self.resets = False, 0, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        if seed is not None:
            self.doomed = seed % 2 == 1
        if self.doomed and self.resets == self.at_reset:
            raise ConnectionError("the simulator did not come back")
        self.resets += 1
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Seen:
        self.steps += 1
        if self.doomed and self.steps == self.at_step:
            raise ZeroDivisionError("the physics went wrong")
        return super().step(action)


class Spiky(Walk):
    """A walk whose reward is ``spike`` once, at a given step, in seeds whose first draw is odd."""

    def __init__(self, at_step: int, spike: float) -> None:
        super().__init__()
        self.at_step, self.spike = at_step, spike
        self.doomed, self.steps = False, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        if seed is not None:
            self.doomed = seed % 2 == 1
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Seen:
        seen, reward, terminated, truncated, info = super().step(action)
        self.steps += 1
        return (
            seen,
            self.spike if self.doomed and self.steps == self.at_step else reward,
            terminated,
            truncated,
            info,
        )


WRONG_STEPS: Mapping[str, tuple[Callable[..., Any], str]] = {
    "four things": (lambda seen, r, over, cut, info: (seen, r, over, info), "step gave a tuple of 4 at step"),
    "one thing": (lambda seen, *rest: seen, "step gave an array of float32 and the shape (4,)"),
    "nothing": (lambda *given: None, "step gave None"),
    "a text": (lambda *given: "abcde", "step gave 'abcde'"),
    "an observation too many": (lambda seen, *rest: (np.append(seen, 0), *rest), "has the shape (5,)"),
    "a number for an observation": (lambda seen, *rest: (3.0, *rest), "has the shape ()"),
    "a column": (lambda seen, *rest: (seen[:, None], *rest), "has the shape (4, 1)"),
    "no observation": (lambda seen, *rest: (None, *rest), "the observation is None"),
    "a dictionary": (lambda seen, *rest: ({"a": seen}, *rest), "the observation is a dict"),
    "complex numbers": (lambda seen, *rest: (seen + 1j, *rest), "an array of complex64 and the shape (4,)"),
    "texts": (lambda seen, *rest: (["1", "2", "3", "4"], *rest), "the observation is a list of 4"),
    "unequal lists": (lambda seen, *rest: ([[1], [1, 2], 3, 4], *rest), "which makes no array"),
    "a sensor without a number": (lambda seen, *rest: (_put(seen, 2, np.nan), *rest), "NaN in place 2"),
    "a sensor at infinity": (lambda seen, *rest: (_put(seen, 0, -np.inf), *rest), "-inf in place 0"),
    "more than float32 holds": (lambda seen, *rest: ([0.0, 1e300, 0, 0], *rest), "inf in place 1"),
    "two rewards": (lambda seen, r, *rest: (seen, np.array([r, r]), *rest), "the reward has the shape (2,)"),
    "no reward": (lambda seen, r, *rest: (seen, None, *rest), "the reward is None"),
    "a reward in words": (lambda seen, r, *rest: (seen, "1.0", *rest), "the reward is '1.0'"),
    "a reward that is none": (lambda seen, r, *rest: (seen, np.float32("nan"), *rest), "the reward is NaN"),
    "an infinite reward": (lambda seen, r, *rest: (seen, -math.inf, *rest), "the reward is -inf"),
    "a reward beyond float32": (lambda seen, r, *rest: (seen, 2e39, *rest), "the reward is 2e+39"),
    "no flag": (lambda seen, r, over, *rest: (seen, r, None, *rest), "terminated is None"),
    "information for a flag": (lambda seen, r, over, cut, info: (seen, r, over, {}, info), "truncated is {}"),
    "half a flag": (lambda seen, r, over, *rest: (seen, r, 0.5, *rest), "terminated is 0.5"),
    "a flag for each": (
        lambda seen, r, over, cut, info: (seen, r, over, np.zeros(2, bool), info),
        "truncated is an array of bool and the shape (2,)",
    ),
}
"""Ways to misbehave in a step: what is made of the five things that are right, and what is said of it."""
WRONG_RESETS: Mapping[str, tuple[Callable[..., Any], str]] = {
    "the observation alone": (lambda seen, info: seen, "reset gave an array of float32 and the shape (4,)"),
    "two numbers": (lambda seen, info: [0.5, -0.5], "reset gave a list of 2"),
    "three things": (lambda seen, info: (seen, info, 0), "reset gave a tuple of 3"),
    "no information": (lambda seen, info: (seen, seen), "reset gave a tuple of 2"),
    "another shape": (lambda seen, info: (seen[:3], info), "has the shape (3,)"),
    "no number": (lambda seen, info: (_put(seen, 3, np.nan), info), "NaN in place 3"),
}
"""Ways to misbehave in a reset."""


def _put(seen: Observation, place: int, number: float) -> Observation:
    seen[place] = number
    return seen


class Misbehaving(Walk):
    """A walk that hands over what it may not from a step on, or at its second reset, where its first draw is odd."""

    def __init__(self, how: str, at_step: int = 30) -> None:
        super().__init__()
        self.how, self.at_step = how, at_step
        self.doomed, self.steps, self.resets = False, 0, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.doomed = seed % 2 == 1
        self.resets += 1
        given = super().reset(seed=seed, options=options)
        wrong = self.doomed and self.resets > 1 and self.how in WRONG_RESETS
        return WRONG_RESETS[self.how][0](*given) if wrong else given

    def step(self, action: Any) -> Any:
        self.steps += 1
        given = super().step(action)
        wrong = self.doomed and self.steps >= self.at_step and self.how in WRONG_STEPS
        return WRONG_STEPS[self.how][0](*given) if wrong else given


class Strange(gymnasium.Env[Any, Any]):
    """Spaces that are not supported."""

    def __init__(self, observes: Space[Any], acts: Space[Any]) -> None:
        self.observation_space, self.action_space = observes, acts


def poison(envs: GymLanes, lane: int, at_step: int, spike: float) -> None:
    """Let a lane's reward be ``spike`` at a step, behind the back of those who look at what environments hand over."""
    step = envs.step

    def poisoned(actions: Any) -> Steps:
        steps = step(actions)
        if envs.steps == at_step:
            steps.reward[lane] = spike
        return steps

    envs.step = poisoned  # type: ignore[method-assign]


def odd_and_even(count: int = 1) -> tuple[list[int], list[int]]:
    """Seeds whose environment's first draw is odd, and even: ``count`` of each."""
    from ablations.rng.streams import Role, stream

    by_rest: dict[int, list[int]] = {0: [], 1: []}
    seed = 0
    while min(len(each) for each in by_rest.values()) < count:
        by_rest[int(stream(0, seed, Role.ENVIRONMENT).integers(2**31)) % 2].append(seed)
        seed += 1
    return by_rest[1][:count], by_rest[0][:count]


BOX = Box(-1.0, 1.0, (2,), np.float32)
UNSUPPORTED: dict[str, tuple[Space[Any], Space[Any]]] = {
    "observation space is Discrete": (Discrete(3), Discrete(2)),
    "observation space is MultiBinary": (MultiBinary(3), Discrete(2)),
    "action space is Box": (BOX, BOX),
    "action space is MultiDiscrete": (BOX, MultiDiscrete([2, 2])),
}

REGISTERED: tuple[Any, ...] = (Walk, Counter, Fragile, Spiky, Misbehaving, Strange)
for made in REGISTERED:
    gymnasium.register(f"tests/{made.__name__}-v0", made)
