"""Made-up environments that show pictures in whose pixels episode and step are written, so that a mix-up shows.

Episodes last from one to a dozen steps and end by termination or by truncation, all by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import FrameStackObservation

Array = npt.NDArray[Any]

BITS = 40
"""Of a picture's number: its episode's, drawn at the reset, times 256 and the step."""


@cache
def _noise(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).integers(256, size=(2, *shape), dtype=np.uint8)


def picture(number: int, shape: tuple[int, ...], dtype: Any) -> Array:
    """The picture of a number: its bits in the first pixels, and behind them a pattern by its lowest bit."""
    drawn = _noise(shape)[number % 2].reshape(-1).copy()
    drawn[:BITS] = number >> np.arange(BITS) & 1
    shown: Array = (drawn % 2 if np.dtype(dtype) == np.bool_ else drawn).astype(dtype)
    return shown.reshape(shape)


def number_of(shown: Array) -> int:
    """The number in a picture, after checking that all of it is that number's."""
    number = int((np.asarray(shown).reshape(-1)[:BITS].astype(np.int64) << np.arange(BITS)).sum())
    assert np.array_equal(shown, picture(number, shown.shape, shown.dtype))
    return number


class Pictures(gymnasium.Env[Any, Any]):
    """One picture at a time. The reward depends on picture and action."""

    def __init__(self, shape: Sequence[int] = (10, 10, 4), dtype: str = "bool") -> None:
        high = 1 if dtype == "bool" else 255
        self.observation_space = Box(0, high, tuple(shape), np.dtype(dtype).type)
        self.action_space = Discrete(3)
        self.episode, self.step_of, self.length, self.cut = 0, 0, 0, False

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode, self.step_of = int(self.np_random.integers(2**31)), 0
        self.length, self.cut = int(self.np_random.integers(1, 13)), bool(self.np_random.integers(2))
        return self._shown(), {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        self.step_of += 1
        over = self.step_of == self.length
        reward = float((self.episode + self.step_of + action) % 5) / 4
        return self._shown(), reward, over and not self.cut, over and self.cut, {}

    def _shown(self) -> Array:
        number = self.episode * 256 + self.step_of
        space = self.observation_space
        assert space.shape is not None
        return picture(number, space.shape, space.dtype)


def stacked(size: int = 4, padding: Any = "reset", **args: Any) -> gymnasium.Env[Any, Any]:
    """Pictures in stacks; ``padding`` is the wrapper's, or "sevens" for one of our own."""
    env = Pictures(**args)
    if padding == "sevens":
        padding = np.full(env.observation_space.shape, 7, env.observation_space.dtype)
    return FrameStackObservation(env, size, padding_type=padding)


def as_rows(**args: Any) -> gymnasium.Env[Any, Any]:
    """The same numbers as a row of floats."""
    env = Pictures(**args)
    shape = env.observation_space.shape
    assert shape is not None
    space = Box(0, 255, (int(np.prod(shape)),), np.float32)
    return gymnasium.wrappers.TransformObservation(
        env, lambda shown: shown.reshape(-1).astype(np.float32), space
    )


gymnasium.register("tests/Pictures-v0", lambda **args: Pictures(**args))
gymnasium.register("tests/StackedPictures-v0", stacked)
gymnasium.register("tests/PicturesAsRows-v0", as_rows)
