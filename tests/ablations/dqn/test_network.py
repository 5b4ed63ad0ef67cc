"""The Q-network over lanes: initial weights, views, padding, values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ablations.dqn.head import Dueling, Linear
from ablations.dqn.network import ALIGN, Network
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import Piece
from ablations.rng.streams import Role, stream

SHAPES = [(4, (64, 64), 2), (3, (8,), 4), (1, (), 1), (6, (24, 5, 7), 3), (2, (8, 9), 10)]


@pytest.mark.parametrize(("inputs", "hidden", "actions"), SHAPES)
@pytest.mark.parametrize("head", [Linear(), Dueling(), Dueling((8, 4))])
def test_views_cover_a_lane_without_overlap_and_leave_the_padding(
    inputs: int, hidden: tuple[int, ...], actions: int, head: Piece
) -> None:
    network = Network((inputs,), actions, Mlp(hidden), head)
    flat = torch.zeros(3, network.size)
    views = network.views(flat)
    for part in views.values():
        part += 1  # would be 2 where views overlap
    used = sum(parameter.size for parameter in network.parameters)
    assert network.size % ALIGN == 0
    assert used <= network.size < used + ALIGN
    assert (flat[:, :used] == 1).all()
    assert (flat[:, used:] == 0).all()
    for parameter in network.parameters:
        assert views[parameter.name].shape == (3, *parameter.shape)


@pytest.mark.parametrize("actions", [2, 7, 8, 9])
def test_views_share_memory_with_the_buffer_for_narrow_and_wide_layers(actions: int) -> None:
    network = Network((3,), actions, Mlp((5,)), Linear())
    flat = torch.zeros(2, network.size)
    network.views(flat)["advantage.weight"][1, 4, actions - 1] = 7.0
    assert flat[0].count_nonzero() == 0
    assert flat[1].sum() == 7.0
    flat[1] = 0.0
    assert network.views(flat)["advantage.weight"].count_nonzero() == 0


@pytest.mark.parametrize("head", [Linear(), Dueling(), Dueling((8,))])
def test_initial_weights_lie_within_one_over_the_root_of_the_inputs_and_fill_that_range(head: Piece) -> None:
    """fan_in is the number of inputs: axis 1 of (L, I, O); with the outputs' the range would be another."""
    network = Network((4,), 6, Mlp((100, 9)), head)
    views = network.views(network.initial(0, range(40), torch.float64))
    for name, part in views.items():
        inputs = views[name.rsplit(".", 1)[0] + ".weight"].shape[1]
        bound = 1 / np.sqrt(inputs)
        assert part.abs().max() <= bound
        assert part.abs().max() > 0.9 * bound
        assert part.mean().abs() < 0.2 * bound
    assert views["trunk_0.weight"].abs().max() > 0.4  # 1 / sqrt(4), not 1 / sqrt(100)
    assert views["trunk_1.weight"].abs().max() < 0.11  # 1 / sqrt(100), not 1 / sqrt(9)


def test_the_padding_starts_at_zero() -> None:
    network = Network((4,), 2, Mlp((5,)), Linear())
    used = sum(parameter.size for parameter in network.parameters)
    assert used < network.size
    assert network.initial(0, [1, 2], torch.float32)[:, used:].count_nonzero() == 0


def test_initial_weights_are_the_draws_of_their_roles_in_order_weights_before_biases() -> None:
    network = Network((3,), 2, Mlp((4, 5)), Dueling((6,)))
    views = network.views(network.initial(11, [8, 9], torch.float64))
    for role, names in {
        Role.WEIGHTS: ["trunk_0", "trunk_1"],
        Role.ADVANTAGE_HIDDEN: ["advantage_hidden_0"],
        Role.HEAD: ["advantage"],
        Role.VALUE: ["value_hidden_0", "value"],
    }.items():
        rng = stream(11, 9, role)
        for name in names:
            weight, bias = views[f"{name}.weight"][1], views[f"{name}.bias"][1]
            k = 1 / np.sqrt(len(weight))
            np.testing.assert_array_equal(weight, rng.uniform(-k, k, tuple(weight.shape)))
            np.testing.assert_array_equal(bias, rng.uniform(-k, k, tuple(bias.shape)))


def test_at_one_seed_dueling_starts_from_the_trunk_and_advantage_of_dqn() -> None:
    seeds = [0, 3]
    start = {}
    for head in (Linear(), Dueling()):
        network = Network((4,), 2, Mlp((64, 64)), head)
        start[head.kind] = network.views(network.initial(0, seeds, torch.float32))
    for name, part in start["linear"].items():
        assert torch.equal(part, start["dueling"][name])


def test_at_one_seed_layer_norm_starts_from_the_weights_of_dqn_with_gain_one_and_shift_zero() -> None:
    plain, normalized = (Network((4,), 2, Mlp((16, 8), layer_norm), Linear()) for layer_norm in (False, True))
    weights, both = (each.views(each.initial(0, [0, 3], torch.float32)) for each in (plain, normalized))
    for name, part in weights.items():
        assert torch.equal(part, both.pop(name))
    assert list(both) == ["trunk_0.gain", "trunk_0.shift", "trunk_1.gain", "trunk_1.shift"]
    for name, part in both.items():
        assert (part == (1.0 if name.endswith("gain") else 0.0)).all()


def test_every_seed_and_entropy_has_weights_of_its_own_wherever_its_lane_stands() -> None:
    network = Network((4,), 2, Mlp((8,)), Linear())
    forward, backward = (network.initial(0, seeds, torch.float32) for seeds in ([0, 1, 2], [2, 1, 0]))
    assert torch.equal(forward, backward.flip(0))
    assert len({tuple(row.tolist()) for row in forward}) == 3
    assert not torch.equal(forward, network.initial(1, [0, 1, 2], torch.float32))


def test_values_are_the_layers_applied_one_after_the_other() -> None:
    network = Network((2,), 2, Mlp((3, 9)), Linear())
    params = network.views(network.initial(0, [4, 5], torch.float64))
    obs = torch.tensor([[[1.0, -2.0], [0.5, 3.0]], [[0.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)
    q = network.values(params, obs)
    for lane in range(2):
        h = obs[lane].numpy()
        for name in ("trunk_0", "trunk_1"):
            h = np.maximum(
                h @ params[f"{name}.weight"][lane].numpy() + params[f"{name}.bias"][lane].numpy(), 0
            )
        expected = h @ params["advantage.weight"][lane].numpy() + params["advantage.bias"][lane].numpy()
        np.testing.assert_allclose(q[lane], expected, rtol=1e-12)


def test_without_hidden_layers_the_network_is_linear_in_the_observation() -> None:
    network = Network((3,), 2, Mlp(()), Linear())
    params = network.views(network.initial(0, [0], torch.float64))
    obs = torch.eye(3, dtype=torch.float64)[None]
    values = network.values(params, obs) - params["advantage.bias"]
    torch.testing.assert_close(values, params["advantage.weight"], rtol=1e-12, atol=1e-15)
