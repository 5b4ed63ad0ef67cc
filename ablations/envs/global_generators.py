"""Python's and numpy's global generators, as states that one environment has for itself.

For environments that draw from them: each instance gets states of its own, put in place around its calls alone, so that
lanes don't see each other and a seed decides what is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

States = tuple[Any, Any]


def states() -> States:
    """Where the two stand."""
    return random.getstate(), np.random.get_state()  # noqa: NPY002 (environments use it)


def put(there: States) -> None:
    """Let them go on from where ``states`` was taken."""
    random.setstate(there[0])
    np.random.set_state(there[1])  # noqa: NPY002


def differ(one: States, other: States) -> bool:
    """True where something was drawn, or seeded, between the two."""
    (python, (_, keys, *places)), (python_then, (_, keys_then, *places_then)) = one, other
    return python != python_then or places != places_then or bool((keys != keys_then).any())


class GlobalGenerators:
    """States that are in place while a ``with`` block runs, and go on from there in the next."""

    def __init__(self, seed: int) -> None:
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin anew."""
        self.own: States = random.Random(seed).getstate(), np.random.RandomState(seed).get_state()

    def __enter__(self) -> None:
        self.others = states()
        put(self.own)

    def __exit__(self, *raised: object) -> None:
        self.own = states()
        put(self.others)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call`` with these states in place."""

        @wraps(call)
        def within(*values: Any, **named: Any) -> Any:
            with self:
                return call(*values, **named)

        return within
