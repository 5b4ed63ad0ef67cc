"""The array namespace: what physics and recorders ask of numpy on the host, and of torch on a device.

Names that numpy and torch share mean what they mean there; the others are spelled out here.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = Any
"""An array of numpy's, or a tensor. What is indexed, assigned to or computed with operators reads the same for both."""


class Namespace(Protocol):
    """Arrays of one place."""

    cos: Any
    sin: Any
    abs: Any
    square: Any
    float_power: Any
    minimum: Any
    maximum: Any
    where: Any
    asarray: Any
    count_nonzero: Any
    look_every: int  # steps between two questions whether all episodes are over

    def constant(self, numbers: Any) -> Array:
        """A number without axes, or a table of numbers, in float64."""
        ...

    def zeros(self, shape: tuple[int, ...], kind: type) -> Array:
        """Of Python's ``float``, ``int`` or ``bool``: float64, int64, bool."""
        ...

    def full(self, count: int, number: float) -> Array:
        """(n,) float64."""
        ...

    def rows(self, *rows: Array) -> Array:
        """Rows (n,) below each other: (S, n)."""
        ...

    def math_cos(self, angles: Array) -> Array:
        """The C library's cosines (n,), where it can be asked."""
        ...

    def single(self, states: Array) -> Array:
        """In float32."""
        ...

    def seen(self, states: Array) -> Array:
        """(D, n) -> (n, D) float32."""
        ...

    def turned(self, angles: Array, pi: Array, turn: Array) -> Array:
        """By whole turns into [-pi, pi]."""
        ...

    def fetched(self, array: Array) -> npt.NDArray[Any]:
        """A copy on the host."""
        ...


class HostArrays:
    """numpy. Constants are arrays, even without axes: it multiplies by them twice as fast as by Python floats."""

    cos, sin, abs, square, float_power = np.cos, np.sin, np.abs, np.square, np.float_power
    minimum, maximum, where = np.minimum, np.maximum, staticmethod(np.where)
    asarray, count_nonzero = staticmethod(np.asarray), staticmethod(np.count_nonzero)
    look_every = 1

    def constant(self, numbers: Any) -> Array:
        array = np.array(numbers, dtype=np.float64)
        array.flags.writeable = False
        return array

    def zeros(self, shape: tuple[int, ...], kind: type) -> Array:
        return np.zeros(shape, dtype=kind)

    def full(self, count: int, number: float) -> Array:
        array = np.empty(count)
        array.fill(number)  # twice as fast as numpy's full
        return array

    def rows(self, *rows: Array) -> Array:
        return np.array(rows)

    def math_cos(self, angles: Array) -> Array:
        """One by one: numpy's own may differ in the last bit."""
        return np.fromiter(map(math.cos, angles.tolist()), np.float64, len(angles))

    def single(self, states: Array) -> Array:
        return states.astype(np.float32)

    def seen(self, states: Array) -> Array:
        return states.T.astype(np.float32, order="C")

    def turned(self, angles: Array, pi: Array, turn: Array) -> Array:
        """Turn by turn as Gymnasium does, for each subtraction rounds."""
        while np.count_nonzero(far := np.abs(angles) > pi):
            angles = angles - np.where(far, np.copysign(turn, angles), 0.0)
        return angles

    def fetched(self, array: Array) -> npt.NDArray[Any]:
        return np.array(array)


NUMPY = HostArrays()
