"""The sum tree against a plain list."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.dqn.replay.sumtree import SumTree

from ..coded import draws, space


def tree_of(*leaves: list[float]) -> SumTree:
    """A tree with the given leaves, by lane."""
    tree = SumTree(space(lanes=len(leaves)), len(leaves[0]), torch.float64)
    for slot in range(len(leaves[0])):
        tree.set_slot(slot, torch.tensor([row[slot] for row in leaves], dtype=torch.float64))
    return tree


def leaf_under(leaves: list[float], mass: float) -> int:
    """The first slot whose running sum is above the mass."""
    return int(np.searchsorted(np.cumsum(leaves), mass, side="right"))


@pytest.mark.parametrize(
    ("capacity", "leaves"), [(1, 2), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (10_000, 16_384)]
)
def test_the_leaves_are_padded_to_a_power_of_two(capacity: int, leaves: int) -> None:
    tree = SumTree(space(), capacity, torch.float64)
    assert tree.leaves == leaves
    assert tree.nodes.shape == (2, 2 * leaves)


def test_a_draw_on_the_border_of_two_leaves_belongs_to_the_right_one() -> None:
    tree = tree_of([3.0, 1.0, 4.0, 1.0, 5.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    mass = draws([0.0, 2.9, 3.0, 3.9, 4.0, 7.9, 8.0, 9.0, 13.9], [0, 0.9, 1, 1.9, 2, 3, 3.9, 4, 4.9])
    assert tree.find(mass).tolist() == [[0, 0, 1, 1, 2, 2, 3, 4, 4], [0, 0, 1, 1, 2, 3, 3, 4, 4]]


def test_a_leaf_of_zero_is_never_found() -> None:
    tree = tree_of([0.0, 2.0, 0.0, 0.0, 3.0, 0.0])
    mass = draws([0.0, 1.9, 2.0, 4.9])
    assert tree.find(mass).tolist() == [[1, 1, 4, 4]]


def test_lanes_have_trees_of_their_own() -> None:
    tree = tree_of([1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0])
    assert tree.total.tolist() == [[1.0], [2.0], [3.0]]
    assert tree.find(draws([0.5], [0.5], [0.5])).tolist() == [[0], [1], [2]]
    tree.set_many(torch.tensor([[2], [2], [0]]), draws([5.0], [0.0], [7.0]))
    assert tree.total.tolist() == [[6.0], [2.0], [10.0]]


def test_of_duplicates_the_last_one_counts_and_the_sums_hold() -> None:
    tree = tree_of([1.0, 2.0, 3.0, 4.0])
    tree.set_many(torch.tensor([[1, 1, 3, 1]]), draws([9.0, 8.0, 5.0, 7.0]))
    assert tree.values(torch.arange(4)[None]).tolist() == [[1.0, 7.0, 3.0, 5.0]]
    assert tree.nodes[0, 1:].tolist() == [16.0, 8.0, 8.0, 1.0, 7.0, 3.0, 5.0]


def test_sums_do_not_drift_however_often_leaves_change() -> None:
    tree = tree_of([1.0] * 6)
    generator = np.random.default_rng(0)
    for scale in 10.0 ** generator.integers(-8, 9, 2000):
        index = torch.from_numpy(generator.integers(6, size=(1, 3)))
        tree.set_many(index, torch.from_numpy(scale * generator.random((1, 3))))
    tree.set_many(torch.arange(6)[None], draws([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert tree.total.item() == 21.0


@settings(max_examples=60, deadline=None)
@given(data=st.data(), capacity=st.integers(1, 20))
def test_it_equals_a_list_along_random_operations(data: st.DataObject, capacity: int) -> None:
    """Whole numbers, so that every sum is exact in whatever order it is taken."""
    value = st.integers(0, 50).map(float)
    slot = st.integers(0, capacity - 1)
    tree = SumTree(space(lanes=2), capacity, torch.float64)
    lists = [[0.0] * capacity for _ in range(2)]
    for _ in range(data.draw(st.integers(1, 12))):
        if data.draw(st.booleans()):
            one, values = data.draw(slot), data.draw(st.tuples(value, value))
            tree.set_slot(one, torch.tensor(values, dtype=torch.float64))
            for lane in range(2):
                lists[lane][one] = values[lane]
        else:
            count = data.draw(st.integers(1, 6))
            index = [data.draw(st.lists(slot, min_size=count, max_size=count)) for _ in range(2)]
            values_of = [data.draw(st.lists(value, min_size=count, max_size=count)) for _ in range(2)]
            tree.set_many(torch.tensor(index), torch.tensor(values_of, dtype=torch.float64))
            for lane in range(2):
                for i, v in zip(index[lane], values_of[lane], strict=True):
                    lists[lane][i] = v
        assert tree.values(torch.arange(capacity).repeat(2, 1)).tolist() == lists
        assert tree.total.squeeze(1).tolist() == [sum(each) for each in lists]
        if min(sum(each) for each in lists) > 0:
            u = data.draw(st.lists(st.floats(0, 0.999), min_size=2, max_size=2))
            masses = [min(each * sum(row), sum(row) - 0.5) for each, row in zip(u, lists, strict=True)]
            found = tree.find(torch.tensor(masses, dtype=torch.float64)[:, None]).squeeze(1).tolist()
            assert found == [leaf_under(row, mass) for row, mass in zip(lists, masses, strict=True)]
