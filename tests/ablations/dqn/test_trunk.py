"""The trunk on a few numbers, with and without layer norm."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from ablations.dqn.head import Linear
from ablations.dqn.network import Network
from ablations.dqn.settings import Settings
from ablations.dqn.trunk import MinAtarCnn, Mlp, NatureCnn
from ablations.dqn.variants import DQN, Piece

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
    assert Mlp((5, 7)).width((3,)) == 7
    assert Mlp(()).width((3,)) == 3
    assert Mlp(()).parameters((3,)) == ()
    assert Mlp((), layer_norm=True).parameters((3,)) == ()


def test_layer_norm_declares_its_gains_beside_the_layer_they_belong_to() -> None:
    names = [parameter.name for parameter in Mlp((5, 7), layer_norm=True).parameters((3,))]
    assert names == [f"trunk_{i}.{part}" for i in (0, 1) for part in ("weight", "bias", "gain", "shift")]


@pytest.mark.parametrize("shows", [torch.uint8, torch.bool, torch.int64])
def test_a_perceptron_takes_an_images_numbers_as_they_are(shows: torch.dtype) -> None:
    image = torch.tensor([[[[0, 1], [1, 200]]]]).to(shows)
    params = {"trunk_0.weight": torch.eye(4)[None], "trunk_0.bias": torch.zeros(1, 4)}
    (hidden,) = Mlp((4,)).activations(params, image)
    assert hidden.flatten().tolist() == [0, 1, 1, 1 if shows == torch.bool else 200]


ONE = MinAtarCnn((2,), (2,), (1,), ())
FILTERS = {  # of one channel: the sum of the patch's diagonal, and its last number less 3
    "trunk_0.weight": torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(2, 2, 1, 1).repeat(1, 1, 1, 2)[None],
    "trunk_0.bias": torch.tensor([[0.0, -3.0]]),
    "trunk_0.gain": torch.ones(1, 8),
    "trunk_0.shift": torch.zeros(1, 8),
}
FILTERS["trunk_0.weight"][0, 0, 0, 0, 1] = 0.0
IMAGE = torch.tensor([[1, 0, 2], [0, 3, 1], [5, 0, 1]])[None, None]  # (1, 1, 3, 3)
MADE = [[4.0, 0.0], [1.0, 0.0], [0.0, 0.0], [4.0, 0.0]]
"""1 + 3, 0 + 1, 0 + 0, 3 + 1; and 3, 1, 0 and 1, less 3 and not below 0: positions row by row, filters last."""


@pytest.mark.parametrize("channel", [False, True])
def test_a_convolution_of_nine_numbers(channel: bool) -> None:
    image = IMAGE.float()[..., None] if channel else IMAGE.float()
    (hidden,) = ONE.activations(FILTERS, image)
    assert hidden.view(4, 2).tolist() == MADE


def test_bytes_are_shares_of_255_and_truth_values_0_and_1() -> None:
    params = {name: part.double() for name, part in FILTERS.items()}
    (shares,) = ONE.activations(params, (IMAGE * 51).to(torch.uint8))
    assert shares.view(4, 2)[:, 0].tolist() == pytest.approx([0.8, 0.2, 0, 0.8])
    (whether,) = ONE.activations(params, IMAGE > 0)
    assert whether.view(4, 2)[:, 0].tolist() == [2, 1, 0, 2]


def test_a_convolution_is_normalized_over_all_its_positions_and_filters() -> None:
    (hidden,) = replace(ONE, layer_norm=True).activations(FILTERS, IMAGE.float())
    before = torch.tensor([[4.0, 0.0], [1.0, -2.0], [0.0, -3.0], [4.0, -2.0]]).flatten()
    expected = torch.nn.functional.layer_norm(before, (8,)).relu()
    torch.testing.assert_close(hidden[0, 0], expected)


@pytest.mark.parametrize(
    ("trunk", "shape", "count"),
    [
        (MinAtarCnn(), (10, 10, 4), 3 * 3 * 4 * 16 + 16 + 1024 * 128 + 128),  # Young and Tian's Breakout
        (NatureCnn(), (84, 84, 4), 8_224 + 32_832 + 36_928 + 3136 * 512 + 512),  # Mnih et al.'s
    ],
)
def test_the_papers_networks_have_the_papers_sizes(trunk: Piece, shape: tuple[int, ...], count: int) -> None:
    assert sum(parameter.size for parameter in trunk.parameters(shape)) == count
    assert trunk.width(shape) == trunk.hidden[-1]
    network = Network(shape, 3, trunk, Linear())
    assert network.streams == [[*(name for name, _ in trunk.layers()), "advantage"]]
    assert network.multiplications > network.size


@pytest.mark.parametrize(
    ("trunk", "shape", "sentence"),
    [
        (
            MinAtarCnn(),
            (4,),
            "'minatar-cnn' needs images (height, width, channels), not observations of shape (4,)",
        ),
        (MinAtarCnn(), (2, 84, 84, 4), "'minatar-cnn' needs images"),
        (MinAtarCnn(), (2, 10, 4), "what its layer 1 sees is 2 x 10, smaller than its kernel 3 x 3"),
        (NatureCnn(), (4, 84, 84), "what its layer 1 sees is 4 x 84, smaller than its kernel 8 x 8"),
        (NatureCnn(), (20, 20, 3), "what its layer 3 sees is 1 x 1, smaller than its kernel 3 x 3"),
        (NatureCnn(), (84, 84), None),
        (MinAtarCnn(), (3, 3, 1), None),
    ],
)
def test_a_shape_that_a_trunk_cant_take_is_refused_by_name(
    trunk: Piece, shape: tuple[int, ...], sentence: str | None
) -> None:
    refusal = trunk.refusal(shape)
    if sentence is None:
        assert refusal is None
        return
    assert sentence in refusal
    with pytest.raises(ValueError, match=trunk.kind):
        trunk.parameters(shape)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (
            {"filters": (16, 8)},
            "'minatar-cnn' has 2 filters, 1 kernels and 1 strides; each layer needs one of each",
        ),
        (
            {"filters": (), "kernels": (), "strides": ()},
            "needs at least one convolution; a trunk without is 'mlp'",
        ),
        ({}, None),
    ],
)
def test_a_layer_without_its_kernel_is_an_objection(numbers: dict[str, Any], sentence: str | None) -> None:
    trunk = MinAtarCnn(**numbers)
    found = list(trunk.objections(replace(DQN, trunk=trunk), Settings()))
    assert [key for key, _ in found] == ["filters"] * (sentence is not None)
    assert sentence is None or sentence in found[0][1]
