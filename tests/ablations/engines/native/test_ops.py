"""The compiled engine against the reference on random shapes, and one instruction set against another, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ablations import engines
from ablations.dqn.head import BiasFree, Dueling, Linear
from ablations.dqn.network import Network, Trainable
from ablations.dqn.trunk import Mlp
from ablations.dqn.types import Batch, Transition
from ablations.dqn.variants import Piece
from ablations.engines import reference
from ablations.engines.native import library
from tests.configured import configured

pytestmark = pytest.mark.skipif(bool(library.missing()), reason=f"no compiled library: {library.missing()}")
native = engines.of("native")

HEADS: tuple[Piece, ...] = (Linear(), BiasFree(), Dueling(), Dueling((5,)), Dueling((16, 9)))
widths = st.integers(1, 40) | st.sampled_from([16, 32, 48, 64])
networks = st.builds(
    Network,
    observation=st.integers(1, 20),
    actions=st.integers(1, 19),
    trunk=st.lists(widths, max_size=3).map(tuple).map(Mlp),
    head=st.sampled_from(HEADS),
)
dtypes = st.sampled_from([torch.float32, torch.float64])
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def rows_of(network: Network, dtype: torch.dtype, lanes: int, batch: int, rng: torch.Generator) -> Batch:
    """A random batch as a ring gives it: views into wider rows."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype)

    d = network.observation
    rows = normal(lanes, batch, 2 * d + 3)
    return Batch(
        obs=rows[..., :d],
        next_obs=rows[..., d : 2 * d],
        action=torch.randint(network.actions, (lanes, batch), generator=rng),
        reward=rows[..., 2 * d],
        discount=rows[..., 2 * d + 1],
        weight=normal(lanes, batch).abs(),
        index=torch.zeros(lanes, batch, dtype=torch.int64),
    )


def trained(engine: str, network: Network, dtype: torch.dtype, seed: int, steps: int, **numbers: Any) -> Any:
    """(parameters, moments, updates) after a few updates on random batches of changing size."""
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(seed)
    lanes = 1 + seed % 4
    online = Trainable(network, network.initial(0, range(lanes), dtype))
    optimizer = engines.of(engine).optimizer(online, *configured(**numbers))
    updates, norms = [], []
    for step in range(steps):
        batch = rows_of(network, dtype, lanes, 1 + (seed + 13 * step) % 70, rng)
        updates.append(optimizer.descend(batch, batch.reward))
        norms.append(optimizer.gradient_norm())
    return online.flat, torch.cat([optimizer.moments.first, optimizer.moments.second], -1), updates, norms


@quick
@given(networks, dtypes, st.integers(0, 999), st.integers(1, 150))
def test_values_are_the_references_on_any_network_and_batch(
    network: Network, dtype: torch.dtype, seed: int, batch: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    flat = network.initial(seed, range(3), dtype)
    obs = rows_of(network, dtype, 3, batch, rng).next_obs
    found, expected = (each.evaluator(network, flat)(obs) for each in (native, reference))
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@quick
@given(
    networks,
    st.integers(0, 999),
    st.sampled_from(["adam", "rmsprop", "sgd"]),
    st.sampled_from(["squared", "huber"]),
    st.sampled_from([0.0, 0.1]),
)
def test_updates_are_the_references_under_every_rule_loss_and_clipping(
    network: Network, seed: int, rule: str, loss: str, clip: float
) -> None:
    numbers = {"optimizer": rule, "loss": loss, "max_grad_norm": clip, "learning_rate": 0.01}
    if rule != "sgd":
        numbers["adam_eps"] = 1e-3
    mine, its = (
        trained(engine, network, torch.float64, seed, 4, **numbers) for engine in ("native", "reference")
    )
    torch.testing.assert_close(mine[0], its[0], rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(mine[1], its[1], rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(mine[3], its[3], rtol=1e-7, atol=1e-9)
    for one, other in zip(mine[2], its[2], strict=True):
        for name in ("q", "delta", "loss", "largest_q"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-7, atol=1e-9)
        assert not one.froze


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """A function that makes a built library the one in use."""

    def use(path: Path) -> str:
        bound = library.bind(path)
        monkeypatch.setattr(library, "load", lambda: bound)
        return library.instruction_set()

    return use


@pytest.mark.skipif(len(library.built()) < 2, reason="one instruction set here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("hidden", [(), (7,), (64, 64), (33, 16, 20)], ids=str)
def test_every_instruction_set_gives_the_same_bits(
    loaded: Callable[[Path], str], hidden: tuple[int, ...], head: Piece, dtype: torch.dtype
) -> None:
    network = Network(5, 3, Mlp(hidden), head)
    results = {}
    for path in library.built():
        name = loaded(path)
        results[name] = trained("native", network, dtype, 6, 12, max_grad_norm=0.5, loss="huber")
    assert len(results) == len(library.built())
    for one, other in combinations(results.values(), 2):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
        assert all(torch.equal(a.q, b.q) for a, b in zip(one[2], other[2], strict=True))
    assert not torch.equal(one[0], network.initial(0, range(3), dtype))


@quick
@given(
    st.integers(1, 4), st.integers(1, 9), st.integers(1, 20), st.integers(1, 40), dtypes, st.integers(0, 99)
)
def test_rows_are_stored_and_taken_as_by_the_reference(
    lanes: int, capacity: int, features: int, batch: int, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    mine, its = (torch.zeros(lanes, capacity, 2 * features + 3, dtype=dtype) for _ in range(2))
    for slot in range(capacity):
        numbers = torch.randn(2 * features + 2, lanes, generator=rng, dtype=torch.float64).to(dtype)
        transition = Transition(
            obs=numbers[:features].T,
            action=torch.randint(1 << 20, (lanes,), generator=rng),
            reward=numbers[-2],
            discount=numbers[-1],
            next_obs=numbers[features : 2 * features].T,
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
@given(st.integers(1, 5), st.integers(1, 20), dtypes, st.integers(0, 999), st.sampled_from([0.0, 0.5, 1.0]))
def test_actions_are_the_references_among_ties_infinities_and_nan(
    lanes: int, actions: int, dtype: torch.dtype, seed: int, epsilon: float
) -> None:
    rng = torch.Generator().manual_seed(seed)
    kinds = torch.tensor([-1.0, 0.0, -0.0, 1.0, float("inf"), float("-inf"), float("nan")], dtype=dtype)
    values = kinds[torch.randint(len(kinds) - seed % 2, (lanes, actions), generator=rng)]
    u = torch.rand(lanes, 2, generator=rng, dtype=torch.float64)
    found, expected = (each.epsilon_greedy(values, u, epsilon) for each in (native, reference))
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


def test_an_action_out_of_range_is_an_error_and_changes_nothing() -> None:
    network = Network(3, 2, Mlp((8,)), Linear())
    online = Trainable(network, network.initial(0, range(2), torch.float32))
    before = online.flat.clone()
    batch = rows_of(network, torch.float32, 2, 4, torch.Generator().manual_seed(0))
    batch.action[1, 3] = 2
    with pytest.raises(IndexError, match=r"0 \.\.\. 1"):
        native.optimizer(online, *configured()).descend(batch, batch.reward.contiguous())
    assert torch.equal(online.flat, before)


def test_numbers_of_another_type_are_refused() -> None:
    network = Network(3, 2, Mlp((8,)), Linear())
    flat = network.initial(0, range(2), torch.float32)
    with pytest.raises(TypeError, match="float64"):
        native.evaluator(network, flat)(torch.zeros(2, 4, 3, dtype=torch.float64))
    with pytest.raises(TypeError, match="float32"):
        native.epsilon_greedy(torch.zeros(2, 3), torch.zeros(2, 2), 0.5)


class Doubled(Linear):
    """A head of a user's own: twice the linear one."""

    def apply(self, layers: Any, h: Tensor) -> Tensor:
        return 2 * super().apply(layers, h)


def test_a_head_that_is_not_compiled_runs_on_the_reference() -> None:
    network = Network(3, 2, Mlp((8,)), Doubled())
    flat = network.initial(0, range(2), torch.float32)
    obs = torch.ones(2, 4, 3)
    assert torch.equal(native.evaluator(network, flat)(obs), reference.evaluator(network, flat)(obs))


def test_a_library_built_from_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "digest", lambda: "0" * 16)
    with pytest.raises(library.Unusable, match="other sources"):
        library.bind(library.built()[0])
