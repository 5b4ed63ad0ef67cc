"""The layers on a few numbers, and how their parameters begin."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.dqn.layers import (
    EPS,
    Constant,
    Parameter,
    Uniform,
    affine,
    convolve,
    dense,
    layer_norm,
    norm,
)
from ablations.rng.streams import Role, stream


def test_a_dense_layer_is_x_times_w_plus_b() -> None:
    params = {
        "f.weight": torch.tensor([[[1.0, 10, 100], [2, 20, 200]]]),
        "f.bias": torch.tensor([[1.0, 2, 3]]),
    }
    x = torch.tensor([[[1.0, 2.0], [0.0, -1.0]]])
    assert affine(params, "f", x).tolist() == [[[6, 52, 503], [-1, -18, -197]]]
    del params["f.bias"]
    assert affine(params, "f", x).tolist() == [[[5, 50, 500], [-2, -20, -200]]]


def test_dense_layers_of_two_lanes_do_not_mix() -> None:
    params = {"f.weight": torch.tensor([[[2.0]], [[3.0]]]), "f.bias": torch.tensor([[1.0], [5.0]])}
    assert affine(params, "f", torch.tensor([[[10.0]], [[100.0]]])).tolist() == [[[21]], [[305]]]


def test_layer_norm_of_three_numbers() -> None:
    """1, 3, 8: mean 4, deviations -3, -1, 4, variance (9 + 1 + 16) / 3, not / 2."""
    params = {"f.gain": torch.tensor([[1.0, 2.0, -1.0]]), "f.shift": torch.tensor([[0.0, 5.0, 0.5]])}
    (found,) = layer_norm(params, "f", torch.tensor([[[1.0, 3.0, 8.0]]]))[0].tolist()
    size = math.sqrt(26 / 3 + 1e-5)
    assert found == pytest.approx([-3 / size, -2 / size + 5, -4 / size + 0.5], rel=1e-6)


def test_layer_norm_is_pytorchs_in_value_and_gradient_and_keeps_lanes_and_rows_apart() -> None:
    rng = torch.Generator().manual_seed(0)
    normal = [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((2, 4, 5), (2, 5), (2, 5))]
    x, gain, shift = (part.requires_grad_() for part in normal)
    found = layer_norm({"f.gain": gain, "f.shift": shift}, "f", x)
    expected = torch.stack(
        [torch.nn.functional.layer_norm(x[lane], (5,), gain[lane], shift[lane], EPS) for lane in range(2)]
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    by_output = torch.randn(found.shape, generator=rng, dtype=torch.float64)
    slopes = [torch.autograd.grad(each, (x, gain, shift), by_output) for each in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(*[st.integers(1, 4)] * 4, *[st.integers(0, 5)] * 2, st.integers(1, 9), st.integers(1, 9))
def test_a_convolution_is_pytorchs_in_value_and_gradient_on_any_shape_and_keeps_lanes_apart(
    lanes: int, batch: int, kernel: int, stride: int, taller: int, wider: int, channels: int, filters: int
) -> None:
    """Ours has images (L, B, H, W, C) and filters (L, k, k, C, F), theirs (B, C, H, W) and (F, C, k, k)."""
    rng = torch.Generator().manual_seed(0)
    shapes = (
        (lanes, batch, kernel + taller, kernel + wider, channels),
        (lanes, kernel, kernel, channels, filters),
        (lanes, filters),
    )
    normal = [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]
    images, weight, bias = (part.requires_grad_() for part in normal)
    found = convolve({"f.weight": weight, "f.bias": bias}, "f", images, stride)
    theirs = (images.permute(0, 1, 4, 2, 3), weight.permute(0, 4, 3, 1, 2).contiguous(), bias)
    expected = torch.stack([torch.nn.functional.conv2d(*lane, stride) for lane in zip(*theirs, strict=True)])
    expected = expected.permute(0, 1, 3, 4, 2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    by_output = torch.randn(found.shape, generator=rng, dtype=torch.float64)
    slopes = [torch.autograd.grad(each, (images, weight, bias), by_output) for each in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-11, atol=1e-11)


def test_layer_norm_of_equal_numbers_is_the_shift() -> None:
    params = {"f.gain": torch.tensor([[3.0, 3.0]]), "f.shift": torch.tensor([[0.25, -7.0]])}
    assert layer_norm(params, "f", torch.full((1, 1, 2), 1e3)).tolist() == [[[0.25, -7.0]]]


def test_what_layers_declare() -> None:
    init = Uniform(1 / math.sqrt(5))
    weight, bias = dense("f", 5, 3, Role.HEAD)
    assert weight == Parameter("f.weight", (5, 3), init, Role.HEAD)
    assert bias == Parameter("f.bias", (3,), init, Role.HEAD)
    assert (weight.size, bias.size) == (15, 3)
    assert dense("f", 5, 3, Role.HEAD, bias=False) == (weight,)
    assert norm("f", 3, Role.WEIGHTS) == (
        Parameter("f.gain", (3,), Constant(1.0), Role.WEIGHTS),
        Parameter("f.shift", (3,), Constant(0.0), Role.WEIGHTS),
    )


def test_uniform_numbers_are_numpys_and_constant_ones_draw_nothing() -> None:
    rng, same = (stream(0, 1, Role.WEIGHTS) for _ in "12")
    np.testing.assert_array_equal(Uniform(0.5).of(rng.random((2, 3))), same.uniform(-0.5, 0.5, (2, 3)))
    np.testing.assert_array_equal(Constant(2.0).of(np.zeros(2)), [2.0, 2.0])
    assert (Uniform.drawn, Constant.drawn) == (True, False)
