"""Two numbers that a wrapper takes for an observation and its information."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import NormalizeObservation

from ablations.envs.checked import CheckedEnv
from ablations.envs.running_statistics import numbers_of
from tests.laws import toys

SPACES = [gymnasium.spaces.Box(-2.0, 2.0, (2,)), gymnasium.spaces.Box(-np.inf, np.inf, (2,))]


class Alone(toys.Walk):
    """Of an older interface."""

    def __init__(self, space: gymnasium.spaces.Box, give: Callable[[Any], Any]) -> None:
        super().__init__()
        self.observation_space, self.give, self.resets = space, give, 0

    def reset(self, **asked: Any) -> Any:
        self.resets += 1
        seen, _ = super().reset(**asked)
        return self.give(seen[:2])


class Unpacks(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Of the newer one."""

    def reset(self, **asked: Any) -> Any:
        seen, _ = self.env.reset(**asked)
        return np.full(2, seen, np.float32), {}


class Adapts(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Between the two."""

    def reset(self, **asked: Any) -> Any:
        seen: Any = self.env.reset(**asked)
        return np.clip(seen, -1, 1), {}


@pytest.mark.parametrize("around", [lambda env: env, NormalizeObservation])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("give", [np.array, list, tuple])
def test_a_wrapper_that_unpacks_an_observation_of_two_numbers_is_found(
    space: gymnasium.spaces.Box, give: Callable[[Any], Any], around: Callable[[Any], Any]
) -> None:
    env = around(Unpacks(Alone(space, give)))
    with pytest.raises(ValueError, match=r"reset of Alone gave two numbers, .* expected a pair"):
        CheckedEnv(env).reset(1)
    assert Alone.reset.__name__ == "reset"


@pytest.mark.parametrize("around", [lambda env: env, NormalizeObservation])
@pytest.mark.parametrize("space", SPACES)
def test_one_that_adapts_an_older_interface_is_none(
    space: gymnasium.spaces.Box, around: Callable[[Any], Any]
) -> None:
    """And what its wrappers keep is of one reset, as if nothing had been tried out."""
    env, expected = (around(Adapts(Alone(space, np.array))) for _ in range(2))
    assert CheckedEnv(env).reset(1).tolist() == expected.reset(seed=1)[0].tolist()
    assert str(numbers_of(env)) == str(numbers_of(expected))


def test_a_pair_is_asked_for_once_and_no_copy_keeps_anything_of_it() -> None:
    class Keeps(gymnasium.Wrapper[Any, Any, Any, Any]):
        def reset(self, **asked: Any) -> Any:
            given = self.env.reset(**asked)
            self.saved = deepcopy(self.env)
            return given

    env = Keeps(Alone(SPACES[0], lambda seen: (seen, {})))
    checked = CheckedEnv(env)
    checked.reset(1)
    checked.reset()
    assert (env.unwrapped.resets, env.saved.unwrapped.resets) == (2, 2)  # type: ignore[attr-defined]
    env.saved.reset(seed=3)
    assert env.unwrapped.resets == 2  # type: ignore[attr-defined]
