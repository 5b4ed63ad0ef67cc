"""An observation of two numbers that a wrapper takes apart, as if it were (observation, info).

An environment of an older interface gives its observation alone. A wrapper that unpacks it keeps half of it and may
hand over an information of its own, so that nothing looks wrong from outside. A wrapper that adapts the older interface
looks the same and takes the observation whole: what is seen depends on the second number, too. That is tried out, by
resets between which wrappers forget what they have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from ablations.envs import running_statistics

Env = gymnasium.Env[Any, Any]
FRAMEWORK = "gymnasium"
"""Whose own wrappers pass on what they unpack."""


def first_reset(env: Env, reset: Callable[[], Any]) -> Any:
    """What ``reset`` gives. Raises ValueError where a wrapper takes an observation of two numbers apart."""
    base = env.unwrapped
    if not _foreign_wrappers(env):
        return reset()
    gave: list[Any] = []
    statistics = running_statistics.numbers_of(env)

    def again() -> Any:
        running_statistics.put_back(env, statistics)
        return reset()

    def note(given: Any) -> Any:
        gave.append(given)
        return given

    with _changed(base, note):
        given = reset()
    if not gave or not _is_alone(gave[-1]):
        return given
    for second in _others(base, gave[-1]):
        other = np.array([gave[-1][0], second], dtype=np.asarray(gave[-1]).dtype)
        with _changed(base, partial(_instead, other)):
            seen = again()
        if not _same(seen, given):
            return again()
    raise ValueError(
        f"reset of {type(base).__name__} gave two numbers, and a wrapper unpacks them: what is seen does not depend on "
        "the second at the first reset; expected a pair (observation, info)"
    )


def _instead(other: Any, given: Any) -> Any:
    return other


def _foreign_wrappers(env: Env) -> bool:
    while isinstance(env, gymnasium.Wrapper):
        if type(env).__module__.partition(".")[0] != FRAMEWORK:
            return True
        env = env.env
    return False


@contextmanager
def _changed(base: Env, change: Callable[[Any], Any]) -> Iterator[None]:
    """Change what the resets of one environment give. On its class, so that no copy of the environment keeps it."""
    kind = type(base)
    own, reset = vars(kind).get("reset"), kind.reset

    def changed(self: Env, *values: Any, **named: Any) -> Any:
        given = reset(self, *values, **named)
        return change(given) if self is base else given

    with suppress(TypeError):  # a class that can't be changed
        kind.reset = changed  # type: ignore[method-assign]
    try:
        yield
    finally:
        if own is not None:
            kind.reset = own  # type: ignore[method-assign]
        elif "reset" in vars(kind):
            del kind.reset


def _is_alone(given: Any) -> bool:
    """True for two numbers, which no information is among."""
    try:
        return (
            len(given) == 2 and not isinstance(given[1], Mapping | None) and np.asarray(given).shape == (2,)
        )
    except Exception:
        return False


def _others(base: Env, given: Any) -> list[float]:
    """Other second numbers that the environment could give."""
    space = base.observation_space
    ends = []
    if isinstance(space, gymnasium.spaces.Box) and space.shape == (2,):
        ends = [float(end) for end in (space.low[1], space.high[1]) if np.isfinite(end)]
    return [end for end in ends if end != given[1]] or [float(given[1]) + 1.0, float(given[1]) - 1.0]


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(np.array_equal(np.asarray(one[0]), np.asarray(other[0])))
    except Exception:
        return False
