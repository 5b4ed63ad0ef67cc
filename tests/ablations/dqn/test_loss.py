"""The errors on a few numbers, and their slopes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from ablations.dqn.loss import HlGauss, Huber, ScalarLoss, Squared, is_penalty
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


BINS = HlGauss(atoms=3, sigma=0.5, v_min=0.0, v_max=6.0)
"""Bins of width 2 around 1, 3 and 5; a standard deviation of 1."""


def below(x: float) -> float:
    """The share of a normal distribution."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def tensor(*numbers: float) -> torch.Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


def test_the_histogram_is_the_normal_distribution_around_y_within_the_range() -> None:
    whole = below(3.0) - below(-3.0)
    expected = [below(-1) - below(-3), below(1) - below(-1), below(3) - below(1)]
    (p,) = BINS.histogram(tensor(3.0)).tolist()
    assert p[0] == pytest.approx([each / whole for each in expected], rel=1e-12)
    at_the_edge = [below(2) - below(0), below(4) - below(2), below(6) - below(4)]
    whole = below(6) - below(0)
    (p,) = BINS.histogram(tensor(0.0)).tolist()
    assert p[0] == pytest.approx([each / whole for each in at_the_edge], rel=1e-12)


@pytest.mark.parametrize(("y", "edge"), [(-1e9, 0.0), (1e9, 6.0), (6.1, 6.0)])
def test_a_y_outside_the_range_counts_as_the_edge_and_not_as_a_division_by_nothing(
    y: float, edge: float
) -> None:
    assert torch.equal(BINS.histogram(tensor(y)), BINS.histogram(tensor(edge)))
    assert BINS.histogram(tensor(y)).sum().item() == pytest.approx(1.0, rel=1e-12)


def test_a_narrow_histogram_far_from_every_edge_is_one_bin() -> None:
    loss = HlGauss(atoms=3, sigma=1e-6, v_min=0.0, v_max=6.0)
    assert loss.histogram(tensor(5.5, -7.0)).tolist() == [[[0, 0, 1], [1, 0, 0]]]


def test_values_are_the_means_of_the_bins_centers() -> None:
    logits = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, math.log(2.0), 0.0]]]], dtype=torch.float64)
    assert BINS.values(logits)[0, 0].tolist() == pytest.approx([3.0, 3.0])
    logits[..., 2] = math.log(5.0)
    assert BINS.values(logits)[0, 0].tolist() == pytest.approx([(1 + 3 + 25) / 7, (1 + 6 + 25) / 8])


def test_the_error_is_the_cross_entropy_of_what_was_done_and_the_priority_the_td_error() -> None:
    """With even outputs every bin has probability 1/3 and Q = 3; the slope by an output is softmax - p."""
    outputs = torch.zeros(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    errors = BINS.error(outputs, torch.tensor([[1]]), tensor(4.5))
    assert errors.loss[0].tolist() == pytest.approx([math.log(3.0)])
    assert errors.delta.tolist() == errors.priority.tolist() == [[1.5]]
    (slope,) = torch.autograd.grad(errors.loss.sum(), outputs)
    torch.testing.assert_close(slope[0, 0, 1], 1 / 3 - BINS.histogram(tensor(4.5))[0, 0])
    assert slope[0, 0, 0].tolist() == [0, 0, 0]


def test_bounds_that_are_not_given_are_the_environments() -> None:
    assert HlGauss().in_bounds((-1.0, 2.0)) == HlGauss(v_min=-1.0, v_max=2.0)
    assert HlGauss(v_max=9.0).in_bounds((-1.0, 2.0)) == HlGauss(v_min=-1.0, v_max=9.0)
    assert not is_penalty(HlGauss())
