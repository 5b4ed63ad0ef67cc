"""The trunk on a few numbers, with and without layer norm."""

from __future__ import annotations

import math

import pytest
import torch

from ablations.dqn.trunk import Mlp

PARAMS = {
    "trunk_0.weight": torch.tensor([[[1.0, 3.0, 8.0]]]),
    "trunk_0.bias": torch.tensor([[0.0, -6.0, -16.0]]),
    "trunk_0.gain": torch.tensor([[1.0, 1.0, 2.0]]),
    "trunk_0.shift": torch.tensor([[0.0, 1.0, 0.0]]),
}
OBS = torch.tensor([[[1.0], [4.0]]])  # before the relu: 1 -3 -8; 4 6 16


def test_hidden_units_are_the_relu_of_an_affine_map() -> None:
    (hidden,) = Mlp((3,)).activations(PARAMS, OBS)
    assert hidden.tolist() == [[[1, 0, 0], [4, 6, 16]]]


def test_layer_norm_stands_between_the_affine_map_and_the_relu_and_takes_each_row_alone() -> None:
    """1 -3 -8: mean -10/3, variance 122/9; after the relu it would be that of 1 0 0."""
    (hidden,) = Mlp((3,), layer_norm=True).activations(PARAMS, OBS)
    size = math.sqrt(122 / 9 + 1e-5)
    assert hidden[0, 0].tolist() == pytest.approx([(13 / 3) / size, 1 + (1 / 3) / size, 0.0], rel=1e-6)
    alone = Mlp((3,), layer_norm=True).activations(PARAMS, OBS[:, :1])[0]
    assert torch.equal(hidden[:, :1], alone)


def test_the_head_sees_the_last_hidden_layer_or_the_observation() -> None:
    assert Mlp((5, 7)).width(3) == 7
    assert Mlp(()).width(3) == 3
    assert Mlp(()).parameters(3) == ()
    assert Mlp((), layer_norm=True).parameters(3) == ()


def test_layer_norm_declares_its_gains_beside_the_layer_they_belong_to() -> None:
    names = [parameter.name for parameter in Mlp((5, 7), layer_norm=True).parameters(3)]
    assert names == [f"trunk_{i}.{part}" for i in (0, 1) for part in ("weight", "bias", "gain", "shift")]
