"""The heads on three numbers, and what parameters they declare."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ablations.dqn.head import Dueling, Linear
from ablations.dqn.layers import dense
from ablations.rng.streams import Role

Numbers = list[float]


def layer(name: str, weight: list[Numbers], bias: Numbers) -> dict[str, Tensor]:
    """One lane's layer: weights (I, O), biases (O,)."""
    return {
        f"{name}.weight": torch.tensor([weight], dtype=torch.float32),
        f"{name}.bias": torch.tensor([bias], dtype=torch.float32),
    }


def test_the_linear_head_is_one_affine_map() -> None:
    params = layer("advantage", [[1, -1], [0, 2]], [0.5, 0])
    assert Linear().outputs(params, torch.tensor([[[3.0, 4.0]]])).tolist() == [[[3.5, 5.0]]]


def test_dueling_subtracts_the_mean_advantage_of_each_state() -> None:
    """Two states with other means: a mean over the batch would let them influence each other."""
    params = {
        **layer("advantage", [[1, 2, 3], [0, 0, 9]], [0, 0, 0]),
        **layer("value", [[10], [100]], [1]),
    }
    h = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    # state 1: A = 1 2 3, mean 2, V = 11; state 2: A = 0 0 9, mean 3, V = 101
    assert Dueling().outputs(params, h).tolist() == [[[10, 11, 12], [98, 98, 107]]]
    alone = Dueling().outputs(params, h[:, 1:])
    assert alone.tolist() == [[[98, 98, 107]]]


def test_the_mean_of_dueling_values_is_the_state_value() -> None:
    params = {**layer("advantage", [[4, -7, 11]], [1, 2, 3]), **layer("value", [[5]], [-1])}
    q = Dueling().outputs(params, torch.tensor([[[2.0], [-3.0]]]))
    assert q.mean(-1).tolist()[0] == pytest.approx([9.0, -16.0])


def test_deep_dueling_passes_each_stream_through_its_own_relu_layer() -> None:
    params = {
        **layer("advantage_hidden_0", [[1, -1]], [0, 0]),
        **layer("advantage", [[1, 3], [100, 100]], [0, 0]),
        **layer("value_hidden_0", [[-1, 2]], [0, 0]),
        **layer("value", [[100], [1]], [0]),
    }
    # h = 2: A's hidden 2, relu(-2) = 0, A = 2 6, mean 4; V's hidden relu(-2) = 0, 4, V = 4
    assert Dueling((2,)).outputs(params, torch.tensor([[[2.0]]])).tolist() == [[[2, 6]]]


def test_several_outputs_of_an_action_lie_side_by_side_and_dueling_adds_output_by_output() -> None:
    """Z = 2: A of two actions is (1 2) (5 10), mean (3 6), V (100 200)."""
    params = {**layer("advantage", [[1, 2, 5, 10]], [0, 0, 0, 0]), **layer("value", [[100, 200]], [0, 0])}
    h = torch.tensor([[[1.0]]])
    assert Linear().outputs(params, h).tolist() == [[[1, 2, 5, 10]]]
    assert Dueling().outputs(params, h).tolist() == [[[98, 196, 102, 204]]]


def test_linear_declares_one_layer_of_the_head_role() -> None:
    assert Linear().parameters(64, 3, 1) == dense("advantage", 64, 3, Role.HEAD)
    assert Linear().parameters(64, 3, 5) == dense("advantage", 64, 15, Role.HEAD)


def test_dueling_declares_the_linear_heads_layer_and_a_value_of_its_own_role() -> None:
    assert Dueling().parameters(64, 3, 1) == (
        *dense("advantage", 64, 3, Role.HEAD),
        *dense("value", 64, 1, Role.VALUE),
    )


def test_deep_dueling_declares_hidden_layers_in_the_order_of_their_draws() -> None:
    assert Dueling((32, 16)).parameters(64, 3, 2) == (
        *dense("advantage_hidden_0", 64, 32, Role.ADVANTAGE_HIDDEN),
        *dense("advantage_hidden_1", 32, 16, Role.ADVANTAGE_HIDDEN),
        *dense("advantage", 16, 6, Role.HEAD),
        *dense("value_hidden_0", 64, 32, Role.VALUE),
        *dense("value_hidden_1", 32, 16, Role.VALUE),
        *dense("value", 16, 2, Role.VALUE),
    )
