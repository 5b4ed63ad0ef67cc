"""What an environment holds, as text: how one is brought back that a reset does not make forget.

Everything that can be reached from it through attributes and containers is written down: numbers, texts, arrays, random
generators, and objects by their attributes. ``Opaque`` is raised where something lies behind foreign code. Putting back
imports nothing and runs no constructor: objects are filled in where they stand, or made of classes that are loaded.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Space

LEFT = (
    EnvSpec,
    type,
    ModuleType,
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    logging.Logger,
    MappingProxyType,
)
"""What no step changes: it stays as it is in a new environment."""
SEQUENCES: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
HEAP = 1 << 9
"""Of the flags of a class: made by a class statement, not compiled."""
GENERATORS: dict[str, Callable[[], Any]] = {
    "PCG64": lambda: np.random.Generator(np.random.PCG64()),
    "PCG64DXSM": lambda: np.random.Generator(np.random.PCG64DXSM()),
    "MT19937": lambda: np.random.Generator(np.random.MT19937()),
    "Philox": lambda: np.random.Generator(np.random.Philox()),
    "SFC64": lambda: np.random.Generator(np.random.SFC64()),
    "RandomState": np.random.RandomState,
    "Random": random.Random,
}
MOST = 1_000_000
"""Values in one environment."""

Node = Any
"""A value as JSON has it: itself if JSON knows it, else a list of a kind and what is needed to make it again."""


class Opaque(ValueError):
    """Where something lies that can't be written down, such as ``.game.engine``."""


def taken(env: Any) -> str:
    """All that an environment holds. Raises Opaque."""
    return json.dumps(_Writer().node("", env), separators=(",", ":"))


def put_back(env: Any, text: str) -> None:
    """Make an environment, a new one of its kind after its first reset, hold what was ``taken``. Raises ValueError."""
    _Reader().value(json.loads(text), env)


class _Writer:
    """Numbers what it meets, so that what is held twice is written once."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.kept: list[Any] = []  # or another object might get the same id

    def node(self, name: str, value: Any) -> Node:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, LEFT):
            if getattr(value, "__closure__", None):  # may count on, unseen
                raise Opaque(name)
            return ["left"]
        if isinstance(value, Enum):
            return ["enum", value.name]
        if isinstance(value, np.generic | bytes | complex):
            return self._bytes(value)
        if id(value) in self.numbers:
            return ["again", self.numbers[id(value)]]
        self.numbers[id(value)] = len(self.kept)
        self.kept.append(value)
        if len(self.kept) > MOST:
            raise Opaque(f"{name}, behind more than {MOST:,} values")
        return self._inside(name, value)

    def _bytes(self, value: Any) -> Node:
        if isinstance(value, complex) and not isinstance(value, np.generic):
            return ["complex", value.real, value.imag]
        if isinstance(value, bytes):
            return ["bytes", base64.b64encode(value).decode()]
        return ["number", value.dtype.str, base64.b64encode(value.tobytes()).decode()]

    def _inside(self, name: str, value: Any) -> Node:
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject or type(value) is not np.ndarray:
                raise Opaque(name)
            return ["array", value.dtype.str, value.shape, base64.b64encode(value.tobytes()).decode()]
        if isinstance(value, np.random.Generator):
            return [
                "generator",
                type(value.bit_generator).__name__,
                self.node(name, dict(value.bit_generator.state)),
            ]
        if isinstance(value, np.random.RandomState):
            return ["generator", "RandomState", self.node(name, dict(value.get_state(legacy=False)))]
        if isinstance(value, random.Random):
            return ["generator", "Random", self.node(name, value.getstate())]
        if isinstance(value, Space):  # which an environment may sample from
            return ["space", self.node(name, value._np_random)]
        if type(value) is dict:
            pairs = [
                (self.node(name, key), self.node(f"{name}[{key!r}]", each)) for key, each in value.items()
            ]
            return ["dict", pairs]
        if type(value) is deque:
            return ["deque", value.maxlen, [self.node(f"{name}[{i}]", each) for i, each in enumerate(value)]]
        if type(value) in (list, *SEQUENCES.values()):
            return [type(value).__name__, [self.node(f"{name}[{i}]", each) for i, each in enumerate(value)]]
        if hasattr(type(value), "cloneSystemState"):  # the emulator of Atari games, its generator included
            return ["emulator", base64.b64encode(value.cloneSystemState().__getstate__()).decode()]
        kind: Any = type(value)
        if kind.__reduce_ex__ == object.__reduce_ex__ and kind.__dictoffset__ and not _has_more(value):
            of = {key: self.node(f"{name}.{key}", each) for key, each in vars(value).items()}
            return ["object", kind.__module__, kind.__qualname__, of]
        raise Opaque(name)


def _has_more(value: Any) -> bool:
    """Whether an object holds something besides its attributes: slots, or what a compiled base class keeps."""
    kinds = [kind for kind in type(value).__mro__ if kind not in (object, SimpleNamespace)]
    return any(kind.__dict__.get("__slots__") or not kind.__flags__ & HEAP for kind in kinds)


class _Reader:
    """Makes what was written again, in place where something of its kind stands already."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def value(self, node: Node, stands: Any) -> Any:
        """What a node says; ``stands`` is what the new environment holds in its place."""
        if not isinstance(node, list):
            return node
        kind, *rest = node
        if kind == "left":
            return stands
        if kind == "enum":
            return type(stands)[rest[0]]
        if kind == "complex":
            return complex(*rest)
        if kind == "bytes":
            return base64.b64decode(rest[0])
        if kind == "number":
            return np.frombuffer(base64.b64decode(rest[1]), rest[0])[0]
        if kind == "again":
            return self.made[rest[0]]
        return self._inside(kind, rest, stands)

    def _inside(self, kind: str, rest: list[Any], stands: Any) -> Any:
        at = len(self.made)
        self.made.append(stands)
        if kind == "array":
            dtype, shape, text = rest
            self.made[at] = np.frombuffer(base64.b64decode(text), dtype).reshape(shape).copy()
        elif kind == "generator":
            self.made[at] = _generator(rest[0], stands)
            _restore(self.made[at], self.value(rest[1], None))
        elif kind == "space":
            if rest[0] is not None:
                stands.seed(0)  # or it has no generator yet
            stands._np_random = self.value(rest[0], stands._np_random)
        elif kind == "emulator":
            kind_of_state: Any = type(stands.cloneSystemState())
            state = kind_of_state.__new__(kind_of_state)  # empty: its class fills in no other
            state.__setstate__(base64.b64decode(rest[0]))
            stands.restoreSystemState(state)
        elif kind == "dict":
            old = stands if type(stands) is dict else {}
            self.made[at] = made = {}
            for key, each in rest[0]:
                name = self.value(key, None)
                made[name] = self.value(each, old.get(name))
        elif kind in ("list", "deque"):  # first the container, which may hold itself
            *most, nodes = rest
            items: Any = deque(maxlen=most[0]) if most else []
            self.made[at] = items
            items.extend(self._each(nodes, stands))
        elif kind in SEQUENCES:
            self.made[at] = SEQUENCES[kind](self._each(rest[0], stands))
        elif kind == "object":
            self.made[at] = made = stands if _is_a(stands, *rest[:2]) else _new(*rest[:2])
            old = vars(made)
            filled = {key: self.value(each, old.get(key)) for key, each in rest[2].items()}
            old.clear()
            old.update(filled)
        else:
            raise ValueError(f"'{kind}' is nothing that an environment holds")
        return self.made[at]

    def _each(self, nodes: list[Node], stands: Any) -> list[Any]:
        old = list(stands) if isinstance(stands, list | tuple | deque) else []
        return [self.value(node, old[i] if i < len(old) else None) for i, node in enumerate(nodes)]


def _generator(kind: str, stands: Any) -> Any:
    """The generator that stands there, or a new one of this kind."""
    if kind not in GENERATORS:
        raise ValueError(f"'{kind}' is no generator")
    fresh = GENERATORS[kind]()
    same = type(stands) is type(fresh) and (
        not isinstance(stands, np.random.Generator) or type(stands.bit_generator).__name__ == kind
    )
    return stands if same else fresh


def _restore(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def _is_a(value: Any, module: str, name: str) -> bool:
    return (type(value).__module__, type(value).__qualname__) == (module, name)


def _new(module: str, name: str) -> Any:
    """An empty object of a class that is loaded. Nothing is imported, no constructor runs."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or "__dict__" not in dir(found):
        raise ValueError(f"there is no class {module}.{name} here")
    return object.__new__(found)
