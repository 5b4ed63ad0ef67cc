"""The head without a bias: what it computes and what it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from ablations.dqn.head import BiasFree
from ablations.dqn.layers import dense
from ablations.dqn.learner import Learner, learn
from ablations.dqn.network import ALIGN, Network
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import DQN, NAMED, PIECES, Variant
from ablations.envs.gym import GymLanes
from ablations.rng.streams import Role
from tests import configured

SMALL: dict[str, Any] = {
    "total_timesteps": 120,
    "learning_starts": 50,
    "batch_size": 8,
    "buffer_size": 100,
    "hidden": (16,),
}


def trained(variant: Variant, **settings: Any) -> Learner:
    made = configured.learner(
        variant, GymLanes("CartPole-v1", {}, 0, [0, 1]), [0, 1], **{**SMALL, **settings}
    )
    for _ in learn(made):
        pass
    return made


def test_its_one_layer_has_weights_alone() -> None:
    (weight,) = BiasFree().parameters(8, 7, 1)
    assert (weight,) == dense("advantage", 8, 7, Role.HEAD, bias=False)
    assert weight.size == 56


@pytest.mark.parametrize("actions", [2, 9])  # stored by output, and by input
def test_its_value_of_nothing_is_zero_and_its_values_are_h_times_w(actions: int) -> None:
    network = Network((3,), actions, Mlp(()), BiasFree())
    flat = network.initial(0, [0, 1], torch.float64)
    params = network.views(flat)
    obs = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 2.0, 3.0]]] * 2, dtype=torch.float64)
    values = network.values(params, obs)
    weight = params["advantage.weight"]
    assert values[:, 0].count_nonzero() == 0
    assert torch.equal(values[:, 1], weight[:, 1])
    torch.testing.assert_close(values[:, 2], weight[:, 0] + 2 * weight[:, 1] + 3 * weight[:, 2])


def test_it_takes_the_draws_of_the_linear_head() -> None:
    network = Network((4,), 2, Mlp((16,)), BiasFree())
    mine = network.views(network.initial(0, [5], torch.float32))
    theirs = Network((4,), 2, Mlp((16,)), DQN.head)
    linear = theirs.views(theirs.initial(0, [5], torch.float32))
    for name in ("trunk_0.weight", "trunk_0.bias", "advantage.weight"):
        assert torch.equal(mine[name], linear[name])
    assert "advantage.bias" not in mine


def test_only_weights_are_learned_and_stored() -> None:
    learner = trained(replace(DQN, head=BiasFree()))
    used = 4 * 16 + 16 + 16 * 2
    assert learner.network.size == -(-used // ALIGN) * ALIGN
    assert learner.online.flat[:, used:].count_nonzero() == 0
    assert list(learner.online.params) == ["trunk_0.weight", "trunk_0.bias", "advantage.weight"]


def test_a_study_may_name_it_though_no_shipped_variant_uses_it() -> None:
    assert PIECES["head"]["bias-free"] is BiasFree
    assert all(named.variant.head != BiasFree() for named in NAMED.values())
