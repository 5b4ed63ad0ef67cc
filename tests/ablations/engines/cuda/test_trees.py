"""Sum trees on the device are the reference's, to the bit, whatever is written in whatever order."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablations.engines import reference
from ablations.engines.cuda import ops

VALUE = st.floats(0, 1e6, width=32)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), depth=st.integers(1, 6))
def test_trees_stay_the_references_along_random_operations(data: st.DataObject, depth: int) -> None:
    leaves = 2**depth
    ours, theirs = (torch.zeros(2, 2 * leaves, dtype=torch.float64) for _ in range(2))
    slot = st.integers(0, leaves - 1)
    for _ in range(data.draw(st.integers(1, 8))):
        if data.draw(st.booleans()):
            one, value = data.draw(slot), torch.tensor(data.draw(st.tuples(VALUE, VALUE))).double() / 7
            ops.tree_put(ours, torch.tensor(one), value)
            reference.tree_put(theirs, one, value)
        else:
            count = data.draw(st.integers(1, 9))
            index = torch.tensor([[data.draw(slot) for _ in range(count)] for _ in range(2)])
            value = torch.tensor([[data.draw(VALUE) for _ in range(count)] for _ in range(2)]).double() / 7
            ops.tree_set(ours, index, value)
            reference.tree_set(theirs, index, value)
        assert torch.equal(ours, theirs)
    u = torch.tensor([[data.draw(st.floats(0, 0.999)) for _ in range(5)] for _ in range(2)])
    mass = u.double() * theirs[:, 1:2]
    assert torch.equal(ops.tree_find(ours, mass), reference.tree_find(theirs, mass))


def test_of_duplicates_the_last_one_counts_for_whoever_writes_first() -> None:
    """All writes of one leaf carry one value, so that their order makes no difference."""
    nodes = torch.zeros(1, 8, dtype=torch.float64)
    ops.tree_set(nodes, torch.tensor([[1, 1, 3, 1]]), torch.tensor([[9.0, 8.0, 5.0, 7.0]]).double())
    assert nodes[0, 1:].tolist() == [12.0, 7.0, 5.0, 0.0, 7.0, 0.0, 5.0]
