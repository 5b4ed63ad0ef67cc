"""Running statistics of wrappers (``NormalizeObservation`` and its kind): carried from training to those who look on.

A network learns from what its environment showed after so many steps. Evaluations and ``play`` see with the same eyes:
they take mean, variance and count over, and keep them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.envs.source import layers

PREFIX = "wrapper."
"""Of the names of stored numbers; no parameter of a network begins like this."""
NUMBERS = ("mean", "var", "count")

Numbers = dict[str, npt.NDArray[Any]]


def names_of(env: Any) -> list[str]:
    """Which wrappers keep which statistics: 'NormalizeObservation.obs_rms'."""
    return [name.split(".", 2)[-1] for name in _statistics(env)]


def numbers_of(env: Any) -> Numbers:
    """All of them, as arrays by name."""
    return {
        f"{name}.{number}": np.array(getattr(found, number))
        for name, found in _statistics(env).items()
        for number in NUMBERS
    }


def put_back(env: Any, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put numbers in place of those that have come of what was seen since; what is kept since then alone stays."""
    for name, found in _statistics(env).items():
        for number in NUMBERS:
            value = numbers.get(f"{name}.{number}")
            if value is not None:
                setattr(found, number, value.copy() if value.shape else value.item())


def put(env: Any, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put the numbers of another such environment in place, for good: they follow what is seen here no longer."""
    put_back(env, numbers)
    for layer in _wrappers(env):
        if hasattr(type(layer), "update_running_mean"):
            layer.update_running_mean = False


def _statistics(env: Any) -> dict[str, Any]:
    """What has mean, variance and count, by its wrapper's place from within, its wrapper, its attribute."""
    return {
        f"{PREFIX}{place}.{type(layer).__name__}.{name}": value
        for place, layer in enumerate(reversed(_wrappers(env)))
        for name, value in vars(layer).items()
        if all(hasattr(value, number) and not callable(getattr(value, number)) for number in NUMBERS)
    }


def _wrappers(env: Any) -> list[Any]:
    """The outermost first."""
    *wrappers, _ = layers(env)
    return wrappers
