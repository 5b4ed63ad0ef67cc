"""The errors on a few numbers, and their slopes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ablations.dqn.loss import Huber, ScalarLoss, Squared, is_penalty
from ablations.dqn.variants import Piece


def test_the_squared_error_has_the_half() -> None:
    delta = torch.tensor([-3.0, 0.0, 0.5, 2.0])
    assert Squared().penalty(delta).tolist() == [4.5, 0.0, 0.125, 2.0]


def test_the_huber_error_is_squared_within_one_and_linear_beyond() -> None:
    delta = torch.tensor([-3.0, -1.0, 0.0, 0.5, 1.0, 1.5])
    assert Huber().penalty(delta).tolist() == [2.5, 0.5, 0.0, 0.125, 0.5, 1.0]


@pytest.mark.parametrize(
    ("loss", "slopes"),
    [(Squared(), [-3, -1, -0.5, 0, 0.5, 1, 1.5, 100]), (Huber(), [-1, -1, -0.5, 0, 0.5, 1, 1, 1])],
)
def test_the_slope_of_the_error_is_the_error_clipped_under_huber(loss: Piece, slopes: list[float]) -> None:
    """Clamping the loss rather than the error would give zero beyond the border."""
    delta = torch.tensor([-3, -1, -0.5, 0, 0.5, 1, 1.5, 100], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss.penalty(delta).sum(), delta)
    assert slope.tolist() == slopes


def test_the_huber_error_is_torchs() -> None:
    delta = torch.linspace(-4, 4, 801, dtype=torch.float64)
    expected = torch.nn.functional.huber_loss(delta, torch.zeros_like(delta), reduction="none")
    torch.testing.assert_close(Huber().penalty(delta), expected)


def test_the_error_of_a_batch_is_the_penalty_of_y_minus_the_value_of_what_was_done() -> None:
    outputs = torch.tensor(
        [[[[1.0], [5.0]], [[-3.0], [0.25]]]]
    )  # one lane, two samples, two actions, one output each
    assert Squared().values(outputs).tolist() == [[[1.0, 5.0], [-3.0, 0.25]]]
    errors = Squared().error(outputs, torch.tensor([[1, 0]]), torch.tensor([[7.0, 1.0]]))
    assert errors.delta.tolist() == errors.priority.tolist() == [[2.0, 4.0]]
    assert errors.loss.tolist() == [[2.0, 8.0]]
    (slope,) = torch.autograd.grad(
        Huber()
        .error(outputs.requires_grad_(), torch.tensor([[1, 0]]), torch.tensor([[7.0, 1.0]]))
        .loss.sum(),
        outputs,
    )
    assert slope.tolist() == [[[[0], [-1]], [[-1], [0]]]]


class Ranked(Squared):
    """Its priorities are its own."""

    def error(self, outputs: Any, action: Any, y: Any) -> Any:
        return super().error(outputs, action, y)._replace(priority=y)


class Flipped(Squared):
    """Its values are its own."""

    def values(self, outputs: Any) -> Any:
        return -super().values(outputs)


def test_a_penalty_is_a_loss_that_says_nothing_but_its_penalty() -> None:
    quartic = type("Quartic", (ScalarLoss,), {"penalty": lambda self, delta: delta**4})
    assert is_penalty(quartic())
    assert is_penalty(Huber())
    wide = type("Wide", (Squared,), {"outputs_per_action": 2})
    assert not any(map(is_penalty, (Ranked(), Flipped(), wide(), object())))
