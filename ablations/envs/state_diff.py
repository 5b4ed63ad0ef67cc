"""Whether two objects hold the same plain numbers, as far as can be seen without their help."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from gymnasium.spaces import Space

DEEPEST = 8
MOST = 20_000
"""Values that are looked at, so that a huge object doesn't take for ever."""

PLAIN = (bool, int, float, complex, str, bytes, np.generic)

Pair = tuple[str, Any, Any]


def difference(one: Any, other: Any) -> str:
    """The attribute in which two objects differ, such as ``.engine.steps``, or an empty text. Breadth first.

    Compared are numbers, texts, arrays and random generators, in containers and attributes to any sensible depth.
    Whatever else there is (windows, functions, spaces, foreign objects without attributes) is taken for equal.
    """
    seen: set[int] = set()
    waiting: deque[tuple[int, Pair]] = deque([(0, ("", one, other))])
    for _ in range(MOST):
        if not waiting:
            break
        depth, (name, a, b) = waiting.popleft()
        if _differ(a, b):
            return name
        if depth < DEEPEST and id(a) not in seen:
            seen.add(id(a))
            waiting.extend((depth + 1, pair) for pair in _inside(name, a, b))
    return ""


def _differ(a: Any, b: Any) -> bool:
    """Whether two values differ by themselves, not in what is inside of them."""
    if isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator):
        return bool(a.bit_generator.state != b.bit_generator.state)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype != b.dtype or a.shape != b.shape or (a.dtype != object and a.tobytes() != b.tobytes())
    if isinstance(a, PLAIN) and isinstance(b, PLAIN):
        return bool(a != b) and not bool(a != a and b != b)  # NaN is like NaN
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() != b.keys()
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) != len(b)
    return (a is None) != (b is None)


def _inside(name: str, a: Any, b: Any) -> Iterator[Pair]:
    """What is inside of two values of one kind, pair by pair."""
    if isinstance(a, Space | type | ModuleType | FunctionType) or type(a) is not type(b):
        return
    if isinstance(a, dict):
        yield from ((f"{name}[{key!r}]", a[key], b[key]) for key in a if key in b)
    elif isinstance(a, list | tuple):
        yield from ((f"{name}[{i}]", *pair) for i, pair in enumerate(zip(a, b, strict=False)))
    elif hasattr(a, "__dict__"):
        mine, its = vars(a), vars(b)
        yield from ((f"{name}.{key}", mine[key], its[key]) for key in mine if key in its)
