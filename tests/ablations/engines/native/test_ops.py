"""Compiled ops on storage against the reference, on random shapes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations import engines
from ablations.dqn.types import Transition
from ablations.engines import reference
from ablations.engines.native import library

from .networks import dtypes, needs_library, quick

pytestmark = needs_library
native = engines.of("native")


@quick
@given(
    st.integers(1, 4), st.integers(1, 9), st.integers(1, 20), st.integers(1, 40), dtypes, st.integers(0, 99)
)
def test_rows_are_stored_and_taken_as_by_the_reference(
    lanes: int, capacity: int, features: int, batch: int, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    mine, its = (torch.zeros(lanes, capacity, 2 * features + 4, dtype=dtype) for _ in range(2))
    for slot in range(capacity):
        numbers = torch.randn(2 * features + 3, lanes, generator=rng, dtype=torch.float64).to(dtype)
        transition = Transition(
            obs=numbers[:features].T,
            action=torch.randint(1 << 20, (lanes,), generator=rng),
            reward=numbers[-3],
            discount=numbers[-2],
            next_obs=numbers[features : 2 * features].T,
            ended=numbers[-1],
        )
        native.put(mine, slot, transition)
        reference.put(its, slot, transition)
    assert torch.equal(mine, its)
    index = torch.randint(capacity, (lanes, batch), generator=rng)
    for found, expected in zip(
        native.take(mine, index, features), reference.take(its, index, features), strict=True
    ):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)


@quick
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 80), st.integers(0, 999))
def test_sum_trees_are_the_references_bit_for_bit(lanes: int, capacity: int, batch: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    leaves = 1 << max(1, (capacity - 1).bit_length())
    mine, its = (torch.zeros(lanes, 2 * leaves, dtype=torch.float64) for _ in range(2))
    for _ in range(3):
        index = torch.randint(capacity, (lanes, batch), generator=rng)
        value = torch.rand(lanes, batch, generator=rng, dtype=torch.float64)
        native.tree_set(mine, index, value)
        reference.tree_set(its, index, value)
        slot = int(index[0, 0])
        native.tree_put(mine, slot, value[:, 0])
        reference.tree_put(its, slot, value[:, 0])
        assert torch.equal(mine, its)
        mass = torch.rand(lanes, batch, generator=rng, dtype=torch.float64) * mine[:, 1:2]
        assert torch.equal(native.tree_find(mine, mass), reference.tree_find(its, mass))


@pytest.mark.parametrize("wrong", [-1, 4])
def test_an_index_out_of_range_is_an_error_and_nothing_is_read_or_written(wrong: int) -> None:
    rows = torch.zeros(2, 4, 5)
    with pytest.raises(IndexError, match=r"0 \.\.\. 3"):
        native.take(rows, torch.tensor([[0], [wrong]]), 1)
    nodes = torch.zeros(2, 8, dtype=torch.float64)
    with pytest.raises(IndexError, match=r"0 \.\.\. 3"):
        native.tree_set(nodes, torch.tensor([[0], [wrong]]), torch.ones(2, 1, dtype=torch.float64))
    with pytest.raises(IndexError, match=r"0 \.\.\. 3"):
        native.tree_put(nodes, wrong, torch.ones(2, dtype=torch.float64))
    assert nodes.count_nonzero() == 0


def test_a_library_built_from_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "digest", lambda: "0" * 16)
    with pytest.raises(library.Unusable, match="other sources"):
        library.bind(library.built()[0])
