"""What a part of a training holds at a moment, so that another process can go on from there: plain data, no torch.

Each part offers ``state()`` and ``restore(state)``. A state is flat: arrays that lead with the lanes, (L, ...), so that
some lanes of a cohort can go on without the others, and numbers, texts and flags that all lanes share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]
State = dict[str, "Array | Tensor | int | float | str | bool"]


class Part(Protocol):
    """A part of a training. ``restore`` gets arrays where ``state`` gave arrays or tensors, and the rest as it was."""

    def state(self) -> State:
        """Views or copies; whoever asks is done with them before training goes on."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there. Raises ValueError, KeyError or RuntimeError where the state is not of this part."""
        ...


def packed(rows: Iterable[Sequence[Any] | Array], kind: npt.DTypeLike) -> tuple[Array, npt.NDArray[np.int64]]:
    """One list per lane as an array (L, longest), zeros behind the shorter ones, and the lengths (L,)."""
    lanes = [np.array(each, dtype=kind) for each in rows]
    lengths = np.array([len(each) for each in lanes], dtype=np.int64)
    table = np.zeros((len(lanes), int(lengths.max(initial=0))), dtype=kind)
    for row, each in zip(table, lanes, strict=True):
        row[: len(each)] = each
    return table, lengths


def unpacked(table: Array, lengths: npt.NDArray[np.int64]) -> list[list[Any]]:
    """The lists that were ``packed``; rows of a structured array become tuples of Python numbers."""
    return [row[:length].tolist() for row, length in zip(table, lengths.tolist(), strict=True)]


def stacked(rows: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Rows of columns (L, ...) as one array (L, rows, ...) per column."""
    return {name: np.stack([row[name] for row in rows], axis=1) for name in (rows[0] if rows else ())}


def unstacked(columns: Mapping[str, Array]) -> list[dict[str, Array]]:
    """The rows that were ``stacked``."""
    count = next((column.shape[1] for column in columns.values()), 0)
    return [{name: column[:, i] for name, column in columns.items()} for i in range(count)]
