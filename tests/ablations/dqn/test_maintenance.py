"""Resets on networks whose layers are few: which numbers are new, which stay, and what the optimizer forgets."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ablations.dqn.head import BiasFree, Dueling, Linear
from ablations.dqn.loss import HlGauss
from ablations.dqn.maintenance import NoMaintenance, Reset
from ablations.dqn.network import Network, Trainable
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import DQN, Piece
from ablations.engines.descent import ReferenceOptimizer
from tests.configured import configured

TRUNK = Mlp((4, 3), layer_norm=True)


def made(head: Piece, lanes: int = 2, loss: Piece = DQN.loss) -> tuple[Trainable, Tensor, ReferenceOptimizer]:
    """theta of ones, theta- of twos, moments of threes."""
    network = Network((5,), 2, TRUNK, head, loss)
    online = Trainable(network, torch.ones(lanes, network.size, dtype=torch.float64))
    optimizer = ReferenceOptimizer(online, *configured())
    for each in (optimizer.moments.first, optimizer.moments.second, optimizer.moments.count):
        each.fill_(3.0)
    return online, torch.full_like(online.flat, 2.0), optimizer


def draws(network: Network, piece: Reset, lanes: int) -> Tensor:
    """Uniform numbers (L, W), all different."""
    width = piece.draws(network)
    return (torch.arange(lanes * width, dtype=torch.float64).view(lanes, width) + 0.5) / (lanes * width)


def changed(online: Trainable, flat: Tensor, value: float) -> set[str]:
    """Names of the parameters of which no number is ``value`` any more; of the others none may have changed."""
    views = online.network.views(flat)
    new = {name for name, part in views.items() if (part != value).all()}
    assert all((part == value).all() for name, part in views.items() if name not in new)
    return new


DEEP = {f"{stream}_hidden_0.{part}" for stream in ("advantage", "value") for part in ("weight", "bias")}
ENDS = {f"{stream}.{part}" for stream in ("advantage", "value") for part in ("weight", "bias")}
LINEAR = {"advantage.weight", "advantage.bias"}
LAST = {"trunk_1.weight", "trunk_1.bias"}


@pytest.mark.parametrize(
    ("head", "layers", "names"),
    [
        (Linear(), 1, LINEAR),
        (BiasFree(), 1, {"advantage.weight"}),
        (Linear(), 2, LINEAR | LAST),
        (Dueling(), 1, ENDS),
        (Dueling((3,)), 1, ENDS),
        (Dueling((3,)), 2, ENDS | DEEP),
        (Dueling((3,)), 3, ENDS | DEEP | LAST),
    ],
)
def test_the_last_layers_of_each_stream_are_drawn_anew_alike_in_both_networks(
    head: Piece, layers: int, names: set[str]
) -> None:
    online, target_params, optimizer = made(head)
    piece = Reset(layers=layers)
    piece.maintain(online, target_params, optimizer, draws(online.network, piece, 2))
    shift = {"trunk_1.shift"} if names >= LAST else set()  # of a norm: 0 again, its gain 1
    gain = {"trunk_1.gain"} if shift else set()
    assert changed(online, online.flat, 1.0) == names | shift
    assert changed(online, target_params, 2.0) == names | shift | gain
    for moment in (optimizer.moments.first, optimizer.moments.second):
        assert changed(online, moment, 3.0) == names | shift | gain
        assert all((online.network.views(moment)[name] == 0).all() for name in names)
    assert optimizer.moments.count == 3
    fresh = (online.network.views(flat) for flat in (online.flat, target_params))
    for one, other in zip(*([part[name] for name in names] for part in fresh), strict=True):
        assert torch.equal(one, other)
        assert not torch.equal(one[0], one[1])  # lanes draw apart


def test_fresh_numbers_are_uniform_within_one_over_the_root_of_the_fan_in_in_the_order_of_the_draws() -> None:
    online, target_params, optimizer = made(Linear(), lanes=1)
    Reset().maintain(online, target_params, optimizer, torch.tensor([[0.0, 0.25, 0.5, 0.75, 1, 0, 0.5, 1]]))
    bound = 3**-0.5
    expected = [[[-1, -0.5], [0, 0.5], [1, -1]]]
    torch.testing.assert_close(
        online.params["advantage.weight"].detach() / bound, torch.tensor(expected, dtype=torch.float64)
    )
    assert (online.params["advantage.bias"][0] / bound).tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize(("frozen", "living"), [([0, 7, 0], [0, 2]), ([7, 0, 0], [1, 2])])
def test_a_lane_that_is_frozen_stays_untouched(frozen: Sequence[int], living: list[int]) -> None:
    online, target_params, optimizer = made(Dueling(), lanes=3)
    optimizer.frozen_at.copy_(torch.tensor(frozen))
    piece = Reset()
    piece.maintain(online, target_params, optimizer, draws(online.network, piece, 3))
    (dead,) = {0, 1, 2} - set(living)
    for flat, value in (
        (online.flat, 1.0),
        (target_params, 2.0),
        (optimizer.moments.first, 3.0),
        (optimizer.moments.second, 3.0),
    ):
        assert (flat[dead] == value).all()
        assert changed(online, flat[living], value) == ENDS


def test_all_outputs_of_a_distribution_are_reset() -> None:
    loss = HlGauss(atoms=7, v_min=0.0, v_max=1.0)
    online, target_params, optimizer = made(Linear(), loss=loss)
    piece = Reset()
    assert piece.draws(online.network) == (3 + 1) * 2 * 7
    piece.maintain(online, target_params, optimizer, draws(online.network, piece, 2))
    assert changed(online, online.flat, 1.0) == LINEAR


def test_a_reset_is_due_after_every_so_many_updates_and_none_never() -> None:
    assert [update for update in range(1, 13) if Reset(every=4).due(update)] == [4, 8, 12]
    assert not any(map(NoMaintenance().due, range(1, 13)))
