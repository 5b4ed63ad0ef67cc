"""Compiled convolutions, forward and back, against the reference, among lanes, and on every instruction set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations import engines
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.loss import HlGauss, Squared
from ablations.dqn.network import Network, Trainable
from ablations.dqn.trunk import MinAtarCnn, NatureCnn
from ablations.dqn.types import Batch
from ablations.dqn.variants import DQN, Piece
from ablations.engines import reference
from ablations.engines.native import library
from tests.configured import configured
from tests.own_pieces import Bounded, Heavy, Louder, Pseudo

from .networks import HEADS, assert_close, assert_equal, dtypes, needs_library, quick, rows_of, trained

pytestmark = needs_library
native = engines.of("native")
SMOOTH: dict[str, Any] = {"adam_eps": 1e-3, "learning_rate": 0.01}
"""Numbers under which an update does not multiply rounding."""
SHOWN = (None, torch.uint8, torch.bool)
SMALL = Network((6, 5, 3), 3, MinAtarCnn((5, 7), (2, 3), (1, 2), (9,)), Linear())
BYTES = replace(SMALL, trunk=replace(SMALL.trunk, filters=(16, 5), layer_norm=True), head=Dueling((5,)))


@st.composite
def convolutional(draw: st.DrawFn) -> Network:
    """A network of one to three convolutions over images that are just large enough, or larger."""
    count = draw(st.integers(1, 3))
    filters = tuple(draw(st.integers(1, 20) | st.sampled_from([16, 32])) for _ in range(count))
    kernels, strides = (tuple(draw(st.integers(1, 4)) for _ in range(count)) for _ in range(2))
    height = width = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        height, width = (stride * (side - 1) + kernel for side in (height, width))
    shape: tuple[int, ...] = (
        height + draw(st.integers(0, 3)),
        width + draw(st.integers(0, 3)),
        draw(st.integers(1, 10)),
    )
    hidden = tuple(draw(st.lists(st.integers(1, 40) | st.sampled_from([16, 64]), max_size=2)))
    trunk = MinAtarCnn(filters, kernels, strides, hidden)
    if shape[2] == 1 and draw(st.booleans()):
        shape = shape[:2]
    return Network(shape, draw(st.integers(1, 9)), trunk, draw(st.sampled_from(HEADS)))


def values(
    network: Network, dtype: torch.dtype, batch: int, seed: int, shows: torch.dtype | None
) -> list[torch.Tensor]:
    """Of the compiled network and of the reference, of batches and of a single observation."""
    rng = torch.Generator().manual_seed(seed)
    flat = network.initial(seed, range(3), dtype)
    obs = rows_of(network, dtype, 3, batch, rng, shows).next_obs
    return [
        torch.cat([evaluate(obs), evaluate(obs[:, 0])[:, None]], 1)
        for evaluate in (each.evaluator(network, flat) for each in (native, reference))
    ]


@quick
@given(convolutional(), dtypes, st.integers(0, 999), st.integers(1, 80), st.sampled_from(SHOWN))
def test_values_are_the_references_on_any_shape(
    network: Network, dtype: torch.dtype, seed: int, batch: int, shows: torch.dtype | None
) -> None:
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(*values(network, dtype, batch, seed, shows), rtol=tolerance, atol=tolerance)


@quick
@given(
    convolutional(),
    st.integers(0, 999),
    st.sampled_from(["adam", "rmsprop", "sgd"]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from(SHOWN),
)
def test_fused_updates_are_the_references_on_any_shape(
    network: Network, seed: int, rule: str, most: float, shows: torch.dtype | None
) -> None:
    smooth = SMOOTH if rule == "adam" else {"learning_rate": 0.01}
    numbers = {**smooth, "max_grad_norm": most, "optimizer": rule, "shows": shows}
    found, expected = (
        trained(e, network, torch.float64, seed, 4, **numbers) for e in ("native", "reference")
    )
    assert_close(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("shows", SHOWN, ids=str)
@pytest.mark.parametrize(
    ("head", "loss"),
    [
        (Linear(), Squared()),
        (Dueling((5,)), HlGauss(atoms=11, v_min=-3.0, v_max=3.0)),
        (Louder(), Squared()),  # the general path: a head, a loss or a rule of somebody else's
        (Bounded(), Pseudo()),
        (Dueling(), Pseudo()),
    ],
    ids=str,
)
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("hidden", [(), (9,)], ids=str)
def test_both_paths_train_as_the_reference_whatever_is_compiled_beside_the_trunk(
    hidden: tuple[int, ...], layer_norm: bool, head: Piece, loss: Piece, shows: torch.dtype | None
) -> None:
    trunk = replace(SMALL.trunk, hidden=hidden, layer_norm=layer_norm)
    network = replace(SMALL, trunk=trunk, head=head, loss=loss)
    for rule in (DQN.optimizer, Heavy(max_grad_norm=0.5)):
        variant = replace(DQN, trunk=trunk, head=head, loss=loss, optimizer=rule)
        found, expected = (
            trained(e, network, torch.float64, 6, 3, variant, shows=shows, learning_rate=0.01)
            for e in ("native", "reference")
        )
        assert_close(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("network", [SMALL, BYTES], ids=["numbers", "bytes"])
def test_updates_have_the_same_bits_alone_and_among_64_lanes(network: Network) -> None:
    shows = torch.uint8 if network is BYTES else None
    rng = torch.Generator().manual_seed(0)
    batch = rows_of(network, torch.float32, 64, 33, rng, shows)
    flat = network.initial(0, range(64), torch.float32)
    made = []
    for part in (slice(0, 64), slice(41, 42)):
        online = Trainable(network, flat[part].clone())
        optimizer = native.optimizer(online, *configured(replace(DQN, head=network.head)))
        mine = Batch(*(getattr(batch, field.name)[part] for field in fields(batch)))
        q = native.evaluator(network, online.flat)(mine.next_obs)
        made.append((online.flat, q, optimizer.descend(mine, mine.reward.contiguous()).q))
    for together, alone in zip(*made, strict=True):
        assert torch.equal(together[41:42] if len(together) == 64 else together, alone)


def test_a_lane_without_a_number_freezes_and_poisons_nobody() -> None:
    rng = torch.Generator().manual_seed(0)
    batch = rows_of(SMALL, torch.float32, 3, 8, rng)
    flats = []
    for broken in (False, True):
        online = Trainable(SMALL, SMALL.initial(0, range(3), torch.float32))
        optimizer = native.optimizer(online, *configured())
        obs = batch.obs.clone()
        if broken:
            obs[1, 3, 2, 2, 1] = torch.nan
        for _ in range(2):
            optimizer.descend(replace(batch, obs=obs), batch.reward.contiguous())
        assert optimizer.frozen_at.tolist() == [0, int(broken), 0]
        flats.append(online.flat)
    assert torch.equal(flats[0][[0, 2]], flats[1][[0, 2]])
    assert torch.equal(flats[1][1], SMALL.initial(0, range(3), torch.float32)[1])


@pytest.mark.skipif(len(library.built()) < 2, reason="one instruction set here")
@pytest.mark.parametrize("shows", SHOWN, ids=str)
@pytest.mark.parametrize("network", [SMALL, BYTES], ids=["plain", "normalized"])
def test_every_instruction_set_gives_the_same_bits(
    loaded: Callable[[Path], str], network: Network, shows: torch.dtype | None
) -> None:
    results = {}
    for path in library.built():
        name, variant = loaded(path), replace(DQN, trunk=network.trunk, head=network.head)
        results[name] = trained("native", network, torch.float32, 6, 6, variant, shows=shows)
    first, *others = results.values()
    for other in others:
        assert_equal(first, other)


@pytest.mark.slow
@pytest.mark.parametrize("trunk", [MinAtarCnn(), NatureCnn()], ids=lambda trunk: trunk.kind)
def test_the_networks_of_the_papers_train_as_the_reference(trunk: Piece) -> None:
    network = Network(trunk.usual, 6, trunk, Linear())
    found, expected = (
        trained(e, network, torch.float32, 4, 2, shows=torch.uint8, optimizer="sgd", learning_rate=0.01)
        for e in ("native", "reference")
    )
    torch.testing.assert_close(found.flat, expected.flat, rtol=1e-4, atol=1e-5)
