"""Compiled updates against the reference, one instruction set against another, and what they do with tiny numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations import engines
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.loss import HlGauss
from ablations.dqn.network import Network, Trainable
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import DQN, Piece
from ablations.engines import reference
from ablations.engines.native import library
from ablations.engines.native.optimizer import NativeOptimizer
from tests.configured import configured
from tests.own_pieces import VARIANTS, Louder

from .networks import (
    HEADS,
    NORMALIZED,
    assert_close,
    assert_equal,
    needs_library,
    networks,
    quick,
    rows_of,
    trained,
)  # fmt: skip

pytestmark = needs_library
native = engines.of("native")
SMOOTH: dict[str, Any] = {"adam_eps": 1e-3, "learning_rate": 0.01}
"""Numbers under which an update does not multiply rounding."""


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
    numbers: Any = {"optimizer": rule, "loss": loss, "max_grad_norm": clip, "learning_rate": 0.01}
    if rule != "sgd":
        numbers["adam_eps"] = 1e-3
    mine, its = (
        trained(engine, network, torch.float64, seed, 4, **numbers) for engine in ("native", "reference")
    )
    assert_close(mine, its, rtol=1e-7, atol=1e-8)
    assert mine.frozen_at.count_nonzero() == 0


@quick
@given(
    networks, st.integers(0, 999), st.integers(2, 60), st.floats(0.05, 5), st.sampled_from([0.5, 3.0, 50.0])
)
def test_updates_and_values_of_distributions_are_the_references(
    network: Network, seed: int, atoms: int, sigma: float, bound: float
) -> None:
    """Targets lie inside and outside of the bins."""
    loss = HlGauss(atoms, sigma, -bound, bound)
    network = replace(network, loss=loss, trunk=replace(network.trunk, layer_norm=False))
    variant = replace(DQN, head=network.head, loss=loss)
    mine, its = (
        trained(engine, network, torch.float64, seed, 4, variant, **SMOOTH)
        for engine in ("native", "reference")
    )
    assert_close(mine, its, rtol=1e-7, atol=1e-8)
    obs = torch.randn(len(mine.flat), 70, *network.observation, dtype=torch.float64)
    found, expected = (each.evaluator(network, mine.flat)(obs) for each in (native, reference))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_a_distribution_around_no_number_freezes_its_lane_alone() -> None:
    loss = HlGauss(v_min=-1.0, v_max=1.0)
    network = Network((3,), 2, Mlp((8,)), Linear(), loss)
    online = Trainable(network, network.initial(0, range(2), torch.float32))
    before = online.flat.clone()
    batch = rows_of(network, torch.float32, 2, 4, torch.Generator().manual_seed(0))
    y = batch.reward.clone()
    y[1, 2] = torch.nan
    optimizer = native.optimizer(online, *configured(replace(DQN, loss=loss)))
    optimizer.descend(batch, y)
    assert optimizer.frozen_at.tolist() == [0, 1]
    assert [torch.equal(*pair) for pair in zip(online.flat, before, strict=True)] == [False, True]


@pytest.mark.parametrize(
    ("dtype", "steps", "tolerance"),
    [
        (torch.float32, 1, 2e-4),
        (torch.float32, 30, 2e-3),
        (torch.float64, 1, 1e-11),
        (torch.float64, 30, 1e-9),
    ],
)
@pytest.mark.parametrize("head", [Linear(), Dueling((5,))], ids=str)
@pytest.mark.parametrize("hidden", NORMALIZED, ids=str)
def test_updates_behind_layer_norm_are_the_references(
    hidden: tuple[int, ...], head: Piece, dtype: torch.dtype, steps: int, tolerance: float
) -> None:
    network = Network((6,), 3, Mlp(hidden, layer_norm=True), head)
    mine, its = (trained(engine, network, dtype, 6, steps, **SMOOTH) for engine in ("native", "reference"))
    assert_close(mine, its, rtol=tolerance, atol=tolerance)
    for name, start in network.views(network.initial(0, range(3), dtype)).items():
        assert (network.views(mine.flat)[name] != start).any(), name


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("own", VARIANTS)
def test_updates_with_pieces_of_a_users_own_are_the_references(own: str, layer_norm: bool) -> None:
    variant = VARIANTS[own]
    if variant.trunk == DQN.trunk:
        variant = replace(variant, trunk=Mlp((17, 5), layer_norm))
    network = Network((6,), 3, variant.trunk, variant.head, variant.loss)
    numbers: Any = SMOOTH if variant.optimizer == DQN.optimizer else {}
    mine, its = (
        trained(engine, network, torch.float64, 2, 30, variant, **numbers)
        for engine in ("native", "reference")
    )
    assert_close(mine, its, rtol=1e-8, atol=1e-9)
    if engines.path("native", variant) == "reference":
        assert_equal(mine, its)


@pytest.mark.skipif(len(library.built()) < 2, reason="one instruction set here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("head", [*HEADS, Louder()], ids=str)
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("hidden", [(), (7,), (64, 64), (33, 16, 20)], ids=str)
def test_every_instruction_set_gives_the_same_bits(
    loaded: Callable[[Path], str], hidden: tuple[int, ...], layer_norm: bool, head: Piece, dtype: torch.dtype
) -> None:
    network = Network((5,), 3, Mlp(hidden, layer_norm), head)
    results = {}
    for path in library.built():
        name = loaded(path)
        variant = replace(DQN, trunk=network.trunk, head=head)
        results[name] = trained("native", network, dtype, 6, 12, variant, max_grad_norm=0.5, loss="huber")
    assert len(results) == len(library.built())
    for one, other in combinations(results.values(), 2):
        assert_equal(one, other)
    assert not torch.equal(one.flat, network.initial(0, range(3), dtype))


def test_an_action_out_of_range_is_an_error_and_changes_nothing() -> None:
    for variant in (DQN, VARIANTS["penalty"]):
        network = Network((3,), 2, Mlp((8,)), variant.head, variant.loss)
        online = Trainable(network, network.initial(0, range(2), torch.float32))
        before = online.flat.clone()
        batch = rows_of(network, torch.float32, 2, 4, torch.Generator().manual_seed(0))
        batch.action[1, 3] = 2
        optimizer = native.optimizer(online, *configured(variant))
        with pytest.raises(IndexError, match=r"0 \.\.\. 1"):
            optimizer.descend(batch, batch.reward.contiguous())
        assert torch.equal(online.flat, before)
        assert optimizer.state()["updates"] == 0


def test_targets_of_another_type_are_refused() -> None:
    network = Network((3,), 2, Mlp((8,)), Linear())
    online = Trainable(network, network.initial(0, range(2), torch.float32))
    batch = rows_of(network, torch.float32, 2, 4, torch.Generator().manual_seed(0))
    with pytest.raises(TypeError, match="targets of torch"):
        native.optimizer(online, *configured()).descend(batch, batch.reward.double())


@pytest.mark.parametrize("rule", ["adam", "rmsprop"])
@pytest.mark.parametrize("head", [Linear(), Louder()], ids=["fused", "general"])
@pytest.mark.parametrize("hidden", [(8,), ()], ids=str)  # () and Louder: the rule alone is compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments_below_the_smallest_normal_number_become_zero_and_move_no_parameter(
    dtype: torch.dtype, hidden: tuple[int, ...], head: Piece, rule: str
) -> None:
    """Arithmetic on them would take a hundred times as long. The gradient is zero: no sample counts."""
    network = Network((3,), 2, Mlp(hidden), head)
    online = Trainable(network, network.initial(0, range(2), dtype))
    optimizer = native.optimizer(online, *configured(replace(DQN, head=head), optimizer=rule))
    assert isinstance(optimizer, NativeOptimizer)
    assert optimizer.fused is (head == Linear())
    smallest = torch.finfo(dtype).smallest_normal
    for moment in (optimizer.moments.first, optimizer.moments.second):
        moment[0] = smallest / 4
        moment[1] = smallest * 1.0001 if moment is optimizer.moments.second else smallest
    before = online.flat.clone()
    batch = rows_of(network, dtype, 2, 4, torch.Generator().manual_seed(0))
    batch.weight.zero_()
    update = optimizer.descend(batch, batch.reward)
    assert update.loss.tolist() == [0.0, 0.0]
    moved = (
        (optimizer.moments.first, optimizer.moments.second) if rule == "adam" else (optimizer.moments.second,)
    )
    for moment in moved:
        assert moment[0].count_nonzero() == 0
    assert optimizer.moments.second[1].count_nonzero() == 0  # 0.99 or 0.999 of the smallest is below it
    assert torch.equal(online.flat[0], before[0])


def test_after_a_compiled_update_the_callers_tiny_numbers_are_its_own_again() -> None:
    network = Network((3,), 2, Mlp((8,)), Linear())
    online = Trainable(network, network.initial(0, range(2), torch.float32))
    batch = rows_of(network, torch.float32, 2, 4, torch.Generator().manual_seed(0))
    native.optimizer(online, *configured()).descend(batch, batch.reward)
    tiny = np.full(4, np.finfo(np.float64).smallest_subnormal)
    assert (tiny * 3 > 0).all()
