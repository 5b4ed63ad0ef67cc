"""The compiled part of a network against the reference."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations import engines
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.loss import Squared
from ablations.dqn.network import Network
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import Piece
from ablations.engines import reference
from ablations.engines.native.network import compiled_part
from tests.own_pieces import Bounded, Louder, Ranked, Sines, TwoMeans

from .networks import HEADS, NORMALIZED, dtypes, needs_library, networks, quick, rows_of

pytestmark = needs_library
native = engines.of("native")


def values(network: Network, dtype: torch.dtype, batch: int, seed: int = 0) -> list[torch.Tensor]:
    """Of the compiled network and of the reference, from gains and shifts that are not ones and zeros."""
    rng = torch.Generator().manual_seed(seed)
    flat = network.initial(seed, range(3), dtype)
    for name, part in network.views(flat).items():
        if name.endswith((".gain", ".shift")):
            part += torch.randn(part.shape, generator=rng, dtype=torch.float64).to(dtype) / 4
    obs = rows_of(network, dtype, 3, batch, rng).next_obs
    return [each.evaluator(network, flat)(obs) for each in (native, reference)]


@quick
@given(networks, dtypes, st.integers(0, 999), st.integers(1, 150))
def test_values_are_the_references_on_any_network_and_batch(
    network: Network, dtype: torch.dtype, seed: int, batch: int
) -> None:
    if network.trunk.layer_norm:  # of two units that are nearly equal it multiplies rounding by hundreds
        dtype, tolerance = torch.float64, 1e-8
    else:
        tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(*values(network, dtype, batch, seed), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("head", [Linear(), Dueling((5,))], ids=str)
@pytest.mark.parametrize("hidden", NORMALIZED, ids=str)
def test_values_behind_layer_norm_are_the_references(
    hidden: tuple[int, ...], head: Piece, dtype: torch.dtype, tolerance: float
) -> None:
    network = Network((6,), 3, Mlp(hidden, layer_norm=True), head)
    for batch in (1, 5, 64, 100):
        torch.testing.assert_close(*values(network, dtype, batch), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("layer_norm", [False, True])
def test_values_have_the_same_bits_alone_and_among_lanes(layer_norm: bool, head: Piece) -> None:
    network = Network((6,), 3, Mlp((17, 16), layer_norm), head)
    flat = network.initial(0, range(64), torch.float32)
    obs = torch.randn(64, 33, 6, generator=torch.Generator().manual_seed(0))
    together, alone = native.evaluator(network, flat)(obs), native.evaluator(network, flat[41:42])(obs[41:42])
    assert torch.equal(together[41:42], alone)


@dataclass(frozen=True)
class Negated(Squared):
    """Its values are the negated outputs."""

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        return -super().values(outputs)


@pytest.mark.parametrize(
    ("network", "columns"),
    [
        (Network((3,), 2, Mlp((8,)), Louder()), 8),  # the trunk alone: its features
        (Network((3,), 2, Mlp((8,)), Bounded(), TwoMeans()), 8),
        (Network((3,), 2, Mlp((8,)), Dueling(), TwoMeans()), 4),
        (Network((3,), 2, Mlp((8,)), Linear(), TwoMeans()), 4),  # two outputs per action
        (Network((3,), 2, Mlp((8,)), Linear(), Negated()), 2),
        (Network((3,), 2, Mlp((8,), layer_norm=True), Dueling(), Ranked()), 2),
        (Network((3,), 2, Mlp(()), Linear(), TwoMeans()), 4),
        (Network((3,), 2, Mlp(()), Louder()), None),  # nothing
        (Network((3,), 2, Sines(), Linear()), None),
    ],
    ids=str,
)
def test_what_is_compiled_ends_where_a_piece_is_unknown_and_the_rest_is_torchs(
    network: Network, columns: int | None
) -> None:
    part = compiled_part(network, torch.float64)
    assert (part and part.columns) == columns
    torch.testing.assert_close(*values(network, torch.float64, 5), rtol=1e-12, atol=1e-12)


def test_numbers_of_another_type_are_refused() -> None:
    network = Network((3,), 2, Mlp((8,)), Linear())
    with pytest.raises(TypeError, match="float64"):
        native.evaluator(network, network.initial(0, range(2), torch.float32))(
            torch.zeros(2, 4, 3, dtype=torch.float64)
        )
