"""The errors on a few numbers, and their slopes."""

from __future__ import annotations

import pytest
import torch

from ablations.dqn.loss import Huber, Squared
from ablations.dqn.variants import Piece


def test_the_squared_error_has_the_half() -> None:
    delta = torch.tensor([-3.0, 0.0, 0.5, 2.0])
    assert Squared().error(delta).tolist() == [4.5, 0.0, 0.125, 2.0]


def test_the_huber_error_is_squared_within_one_and_linear_beyond() -> None:
    delta = torch.tensor([-3.0, -1.0, 0.0, 0.5, 1.0, 1.5])
    assert Huber().error(delta).tolist() == [2.5, 0.5, 0.0, 0.125, 0.5, 1.0]


@pytest.mark.parametrize(
    ("loss", "slopes"),
    [(Squared(), [-3, -1, -0.5, 0, 0.5, 1, 1.5, 100]), (Huber(), [-1, -1, -0.5, 0, 0.5, 1, 1, 1])],
)
def test_the_slope_of_the_error_is_the_error_clipped_under_huber(loss: Piece, slopes: list[float]) -> None:
    """Clamping the loss rather than the error would give zero beyond the border."""
    delta = torch.tensor([-3, -1, -0.5, 0, 0.5, 1, 1.5, 100], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss.error(delta).sum(), delta)
    assert slope.tolist() == slopes


def test_the_huber_error_is_torchs() -> None:
    delta = torch.linspace(-4, 4, 801, dtype=torch.float64)
    expected = torch.nn.functional.huber_loss(delta, torch.zeros_like(delta), reduction="none")
    torch.testing.assert_close(Huber().error(delta), expected)
