"""A made-up world of frames, which costs next to nothing to step."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

FRAMES = "bench/Frames-v0"


class Frames(gymnasium.Env[Any, Any]):
    """Truth values that stand for nothing; an episode lasts 100 steps."""

    action_space = Discrete(3)

    def __init__(self, shape: tuple[int, ...] = (10, 10, 4)) -> None:
        self.observation_space = Box(0, 1, shape, np.bool_)
        self.shown = np.random.default_rng(0).random((500, *shape)) < 0.2
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.shown[self.steps % 500], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self.shown[self.steps % 500], float(self.steps % 7 == 0), self.steps % 100 == 0, False, {}


gymnasium.register(FRAMES, lambda **args: Frames(**args))
