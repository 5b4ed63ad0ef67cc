"""A sum tree per lane: draws in proportion to priority in O(log N), vectorised over lanes and draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Count, Space


class SumTree:
    """Complete binary trees in one (L, 2 M) float64 block, M the capacity rounded up to a power of two.

    Node 1 is the root, node i has the children 2 i and 2 i + 1, leaf k is node M + k. A parent is always recomputed
    as the sum of its children, so rounding doesn't drift however often leaves change.
    """

    def __init__(self, space: Space, capacity: int, dtype: object) -> None:
        self.depth = max(1, (capacity - 1).bit_length())
        self.leaves = 1 << self.depth
        self.nodes = space.zeros((space.lanes, 2 * self.leaves), dtype=dtype)  # (L, 2 M)
        self.engine = space.engine

    @property
    def total(self) -> Tensor:
        """The sum of all leaves of each lane: (L, 1)."""
        return self.nodes[:, 1:2]

    def set_slot(self, slot: Count, value: Tensor) -> None:
        """Leaf ``slot`` of every lane becomes ``value`` (L,)."""
        self.engine.tree_put(self.nodes, slot, value)

    def set_many(self, index: Tensor, value: Tensor) -> None:
        """Leaves ``index`` (L, B) become ``value`` (L, B); of duplicates the last one counts."""
        self.engine.tree_set(self.nodes, index, value)

    def find(self, mass: Tensor) -> Tensor:
        """The leaf under each point of the cumulated priorities: (L, B) in [0, total) -> (L, B) slots.

        From the root down: left while the mass is below the left child's sum, else right with that sum taken off.
        """
        return self.engine.tree_find(self.nodes, mass)

    def values(self, index: Tensor) -> Tensor:
        """The leaves at ``index``: (L, B)."""
        return self.nodes.gather(1, index + self.leaves)

    def first(self, count: int) -> Tensor:
        """The first leaves, which say it all: (L, count)."""
        return self.nodes[:, self.leaves : self.leaves + count]

    def plant(self, leaves: Tensor) -> None:
        """The tree over ``leaves`` (L, n), the others 0: each parent is summed from its children, as ever."""
        self.nodes.zero_()
        self.first(leaves.shape[1]).copy_(leaves)
        for depth in range(self.depth - 1, -1, -1):
            level = self.nodes[:, 2 << depth : 4 << depth]
            self.nodes[:, 1 << depth : 2 << depth] = level[:, ::2] + level[:, 1::2]
