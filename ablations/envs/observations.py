"""What environments show: the shape in which networks see it, its type, and of which frames it is made.

Observations of one axis are vectors of float32. All others keep their shape, channels last, and uint8 and bool their
type (bytes of 0 and 1 are bools); every other type becomes float32. A stack of frames (Mnih et al. 2015) is known by
Gymnasium's wrapper: they are the channels, the oldest first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.wrappers import (
    FrameStackObservation,
    OrderEnforcing,
    PassiveEnvChecker,
    RecordEpisodeStatistics,
    TimeLimit,
)

Env = gymnasium.Env[Any, Any]
Array = npt.NDArray[Any]

FLOAT32 = np.dtype(np.float32)
SMALL = (np.dtype(np.uint8), np.dtype(np.bool_))
"""Types that are kept as they are."""
LONGEST = 256
"""Frames of a stack, at most: longer ones are taken for observations like any other."""
PASSING = (OrderEnforcing, PassiveEnvChecker, RecordEpisodeStatistics, TimeLimit)
"""Wrappers that hand on what they are shown."""


class UnsupportedSpace(Exception):
    """An environment that this suite cannot train on; the text names the space."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames that are shown together: the newest K of an episode, the newest last."""

    size: int  # K
    frame: tuple[int, ...]  # shape of one
    padding: Array | None  # what stands before an episode's first frame; None: that frame again


@dataclass(frozen=True, eq=False)
class Observation:
    """What one observation is to those who store it and learn from it."""

    shape: tuple[int, ...]  # (D,), or channels last
    dtype: np.dtype[Any] = FLOAT32  # float32 stands for the training's own type
    stack: Stack | None = None  # None: a frame by itself

    @property
    def numbers(self) -> int:
        """How many numbers one holds: D."""
        return math.prod(self.shape)

    @property
    def is_vector(self) -> bool:
        """True for a row of floats."""
        return len(self.shape) == 1 and self.dtype == FLOAT32

    @property
    def frame(self) -> tuple[int, ...]:
        """The shape of what a step adds to what has been seen before."""
        return self.shape if self.stack is None else self.stack.frame

    def seen(self, given: Array) -> Array:
        """What an environment gave, of its space's shape, as networks see it."""
        return given.reshape(self.shape) if self.stack is None else channels_last(given)

    def newest(self, seen: Any) -> Any:
        """The newest frame of arrays or tensors (..., *shape): (..., *frame)."""
        if self.stack is None:
            return seen
        return seen[..., -1] if len(self.frame) == 2 else seen[..., -self.frame[-1] :]


def vector(numbers: int) -> Observation:
    """Rows of so many floats."""
    return Observation((numbers,))


def channels_last(frames: Array) -> Array:
    """Frames (K, H, W) as (H, W, K), (K, H, W, C) as (H, W, K C) and (K, D) as (K D,): contiguous, oldest first."""
    *inner, channels = frames.shape[1:] if frames.ndim != 3 else (*frames.shape[1:], 1)
    split = frames.reshape(len(frames), *inner, channels)
    return np.ascontiguousarray(np.moveaxis(split, 0, -2)).reshape(*inner, len(frames) * channels)


def observation_of(env: Env) -> Observation:
    """What an environment shows. Raises ``UnsupportedSpace`` for other spaces than Box."""
    space = env.observation_space
    if not isinstance(space, gymnasium.spaces.Box):
        raise UnsupportedSpace(f"its observation space is {type(space).__name__}; only Box is supported")
    shape, dtype = space.shape, _kept_type(space)
    stack = _stack_of(env)
    if stack is not None and len(stack.frame) > 1:
        inner, channels = stack.frame[:2], math.prod(stack.frame[2:])
        return Observation((*inner, stack.size * channels), dtype, stack)
    if stack is not None and dtype in SMALL:
        return Observation((math.prod(shape),), dtype, stack)
    rows_of_vectors = stack is not None and len(shape) == 2
    return Observation((math.prod(shape),) if rows_of_vectors or not shape else shape, dtype)


def _kept_type(space: gymnasium.spaces.Box) -> np.dtype[Any]:
    """The type of what is seen: bytes none of which may exceed 1 are bools (MinAtar declares its bools so)."""
    if space.dtype == np.uint8 and (space.high <= 1).all():
        return np.dtype(np.bool_)
    return np.dtype(space.dtype) if space.dtype in SMALL else FLOAT32


def actions_of(env: Env) -> int:
    """The number of actions. Raises ``UnsupportedSpace`` for other spaces than Discrete."""
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Discrete):
        raise UnsupportedSpace(f"its action space is {type(space).__name__}; only Discrete is supported")
    return int(space.n)


def _stack_of(env: Any) -> Stack | None:
    """The stack that is shown, if nothing around it may change what it shows."""
    while _passes(env):
        env = env.env
    if type(env) is not FrameStackObservation or env.stack_size > LONGEST:
        return None
    frame = env.env.observation_space.shape
    if frame is None or not 1 <= len(frame) <= 3:
        return None
    return Stack(env.stack_size, frame, None if env.padding_type == "reset" else np.array(env.padding_value))


def _passes(env: Any) -> bool:
    """True for a wrapper that hands on observations as they are: one of Gymnasium's, or one without a say in them."""
    if not isinstance(env, gymnasium.Wrapper) or env._observation_space is not None:
        return False
    kind = type(env)
    steps = (gymnasium.Wrapper.step, gymnasium.RewardWrapper.step, gymnasium.ActionWrapper.step)
    return kind in PASSING or (kind.step in steps and kind.reset is gymnasium.Wrapper.reset)
