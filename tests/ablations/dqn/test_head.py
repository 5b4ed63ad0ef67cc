"""The heads on three numbers, and what layers they declare."""

from __future__ import annotations

import pytest
import torch

from ablations.dqn.head import Dueling, Linear
from ablations.dqn.layers import Dense, Layer, affine
from ablations.rng.streams import Role


def layer(weight: list[list[float]], bias: list[float]) -> Layer:
    """One lane's layer: weights (I, O), biases (O,)."""
    return Layer(torch.tensor([weight], dtype=torch.float32), torch.tensor([[bias]], dtype=torch.float32))


def test_a_dense_layer_is_x_times_w_plus_b() -> None:
    x = torch.tensor([[[1.0, 2.0], [0.0, -1.0]]])
    assert affine(layer([[1, 10, 100], [2, 20, 200]], [1, 2, 3]), x).tolist() == [
        [[6, 52, 503], [-1, -18, -197]]
    ]


def test_dense_layers_of_two_lanes_do_not_mix() -> None:
    weight, bias = torch.tensor([[[2.0]], [[3.0]]]), torch.tensor([[[1.0]], [[5.0]]])
    assert affine(Layer(weight, bias), torch.tensor([[[10.0]], [[100.0]]])).tolist() == [[[21]], [[305]]]


def test_the_linear_head_is_one_affine_map() -> None:
    layers = {"advantage": layer([[1, -1], [0, 2]], [0.5, 0])}
    assert Linear().apply(layers, torch.tensor([[[3.0, 4.0]]])).tolist() == [[[3.5, 5.0]]]


def test_dueling_subtracts_the_mean_advantage_of_each_state() -> None:
    """Two states with other means: a mean over the batch would let them influence each other."""
    layers = {"advantage": layer([[1, 2, 3], [0, 0, 9]], [0, 0, 0]), "value": layer([[10], [100]], [1])}
    h = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    # state 1: A = 1 2 3, mean 2, V = 11; state 2: A = 0 0 9, mean 3, V = 101
    assert Dueling().apply(layers, h).tolist() == [[[10, 11, 12], [98, 98, 107]]]
    alone = Dueling().apply(layers, h[:, 1:])
    assert alone.tolist() == [[[98, 98, 107]]]


def test_the_mean_of_dueling_values_is_the_state_value() -> None:
    layers = {"advantage": layer([[4, -7, 11]], [1, 2, 3]), "value": layer([[5]], [-1])}
    q = Dueling().apply(layers, torch.tensor([[[2.0], [-3.0]]]))
    assert q.mean(-1).tolist()[0] == pytest.approx([9.0, -16.0])


def test_deep_dueling_passes_each_stream_through_its_own_relu_layer() -> None:
    layers = {
        "advantage_hidden_0": layer([[1, -1]], [0, 0]),
        "advantage": layer([[1, 3], [100, 100]], [0, 0]),
        "value_hidden_0": layer([[-1, 2]], [0, 0]),
        "value": layer([[100], [1]], [0]),
    }
    # h = 2: A's hidden 2, relu(-2) = 0, A = 2 6, mean 4; V's hidden relu(-2) = 0, 4, V = 4
    assert Dueling((2,)).apply(layers, torch.tensor([[[2.0]]])).tolist() == [[[2, 6]]]


def test_linear_declares_one_layer_of_the_head_role() -> None:
    assert Linear().layers(64, 3) == (Dense("advantage", 64, 3, Role.HEAD),)


def test_dueling_declares_the_linear_heads_layer_and_a_value_of_its_own_role() -> None:
    assert Dueling().layers(64, 3) == (
        Dense("advantage", 64, 3, Role.HEAD),
        Dense("value", 64, 1, Role.VALUE),
    )


def test_deep_dueling_declares_hidden_layers_in_the_order_of_their_draws() -> None:
    assert Dueling((32, 16)).layers(64, 3) == (
        Dense("advantage_hidden_0", 64, 32, Role.ADVANTAGE_HIDDEN),
        Dense("advantage_hidden_1", 32, 16, Role.ADVANTAGE_HIDDEN),
        Dense("advantage", 16, 3, Role.HEAD),
        Dense("value_hidden_0", 64, 32, Role.VALUE),
        Dense("value_hidden_1", 32, 16, Role.VALUE),
        Dense("value", 16, 1, Role.VALUE),
    )


def test_a_dense_layer_counts_weights_and_biases() -> None:
    assert Dense("advantage", 5, 3, Role.HEAD).size == 18
