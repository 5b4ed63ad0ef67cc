"""Whose code an environment is."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
from gymnasium.wrappers import NormalizeObservation

from ablations.envs.running_statistics import names_of
from ablations.envs.source import layers, source_of
from tests.laws import toys


class Simulator:
    """No environment, and without a dictionary of attributes."""

    __slots__ = ("now",)

    def step(self) -> None:
        """It goes on."""


class Holds(toys.Walk):
    """Calls something its env."""

    def __init__(self, env: Any) -> None:
        super().__init__()
        self.env = env


class Remote:
    """Of another machine: it can be asked for anything, and not now."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError(name)


@pytest.mark.parametrize("inner", ["plant", 3, None, Simulator(), Remote()], ids=type)
def test_what_an_environment_calls_its_env_may_be_none(inner: Any) -> None:
    env = NormalizeObservation(Holds(inner))
    assert [type(layer) for layer in layers(env)] == [NormalizeObservation, Holds]
    assert names_of(env) == ["NormalizeObservation.obs_rms"]
    assert __name__ in source_of("Holds-v0", env)["modules"]


def test_an_environment_of_another_make_inside_is_looked_at() -> None:
    class Old:
        """Of an older interface."""

        def reset(self) -> None:
            """Begin."""

        def step(self, action: int) -> None:
            """Go on."""

    kinds = [type(layer) for layer in layers(gymnasium.wrappers.TimeLimit(Holds(Old()), 5))]
    assert kinds == [gymnasium.wrappers.TimeLimit, Holds, Old]
