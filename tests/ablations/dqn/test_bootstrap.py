"""The target y on three numbers: who selects, who evaluates, what is soft, and what termination cuts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ablations.dqn.bootstrap import Double, InverseDouble, Max, Munchausen, SoftQ
from ablations.dqn.types import Batch
from ablations.dqn.variants import Piece

# One lane, three samples, three actions. The networks' greedy actions differ in the first sample.
Q = torch.tensor([[[1.0, 5.0, 2.0], [0.0, -1.0, -3.0], [4.0, 4.0, 1.0]]])
Q_MINUS = torch.tensor([[[10.0, 20.0, 30.0], [-2.0, -4.0, -8.0], [7.0, 9.0, 8.0]]])
REWARD = torch.tensor([[1.0, 2.0, 3.0]])
DISCOUNT = torch.tensor([[0.5, 0.0, 0.25]])  # the second is terminal
NEXT_OBS = torch.tensor([[[7.0], [8.0], [9.0]]])


def batch() -> Batch:
    return Batch(
        obs=torch.zeros(1, 3, 1),
        action=torch.zeros(1, 3, dtype=torch.int64),
        reward=REWARD,
        discount=DISCOUNT,
        next_obs=NEXT_OBS,
        weight=torch.ones(1, 3),
        index=torch.zeros(1, 3, dtype=torch.int64),
    )


def q(states: Tensor) -> Tensor:
    assert torch.equal(states, NEXT_OBS)
    return Q


def q_target(states: Tensor) -> Tensor:
    assert torch.equal(states, NEXT_OBS)
    return Q_MINUS


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (Max(), [1 + 0.5 * 30, 2.0, 3 + 0.25 * 9]),  # Q- selects and evaluates
        (Double(), [1 + 0.5 * 20, 2.0, 3 + 0.25 * 7]),  # Q selects (a tie: the first), Q- evaluates
        (InverseDouble(), [1 + 0.5 * 2, 2.0, 3 + 0.25 * 4]),  # Q- selects, Q evaluates
    ],
)
def test_the_target_is_reward_plus_discounted_value_of_the_selected_action(
    piece: Piece, expected: list[float]
) -> None:
    assert piece(batch(), q, q_target).tolist() == [expected]


@pytest.mark.parametrize("piece", [Max(), Double(), InverseDouble()])
def test_the_target_has_one_number_per_sample_and_lane(piece: Piece) -> None:
    """(B, 1) against (B,) would broadcast to a B x B loss."""
    y = piece(batch(), lambda _: Q.expand(1, 3, 3), lambda _: Q_MINUS.expand(1, 3, 3))
    assert y.shape == (1, 3)


@pytest.mark.parametrize("piece", [Double(), InverseDouble()])
def test_selection_and_evaluation_agree_with_max_where_both_networks_are_equal(piece: Piece) -> None:
    assert torch.equal(piece(batch(), q, q), Max()(batch(), q, q))
    assert torch.equal(piece(batch(), q_target, q_target), Max()(batch(), q_target, q_target))


def test_max_does_not_ask_the_online_network() -> None:
    def never(states: Tensor) -> Tensor:
        raise AssertionError("the online network was asked")

    Max()(batch(), never, q_target)


# Two actions whose values differ by tau log 3 have probabilities 1/4 and 3/4.
TAU = 2.0
SPREAD = TAU * math.log(3.0)
NOW = torch.tensor([[[0.0, SPREAD], [0.0, SPREAD], [0.0, 1000.0]]], dtype=torch.float64)
LATER = torch.tensor([[[SPREAD, 0.0], [5.0, 5.0], [0.0, 0.0]]], dtype=torch.float64)
OBS = torch.tensor([[[1.0], [2.0], [3.0]]], dtype=torch.float64)
DONE = Batch(
    obs=OBS,
    action=torch.tensor([[0, 1, 0]]),
    reward=REWARD.double(),
    discount=DISCOUNT.double(),
    next_obs=OBS + 6,
    weight=torch.ones(1, 3, dtype=torch.float64),
    index=torch.zeros(1, 3, dtype=torch.int64),
)
SOFT_VALUE = 0.75 * (SPREAD - TAU * math.log(0.75)) + 0.25 * (0.0 - TAU * math.log(0.25))
SOFT = [1 + 0.5 * SOFT_VALUE, 2.0, 3 + 0.25 * TAU * math.log(2.0)]


def both(states: Tensor) -> Tensor:
    """Q- at the states before and after the step, asked for apart or together."""
    return torch.cat([NOW if state < 7 else LATER for state in states[0, ::3, 0].tolist()], dim=1)


def test_the_soft_target_is_the_policys_value_and_its_entropy() -> None:
    assert SoftQ(TAU)(DONE, q, both)[0].tolist() == pytest.approx(SOFT, rel=1e-12)


def test_munchausen_adds_the_clipped_log_probability_of_what_was_done() -> None:
    """log 1/4, then log 3/4, each times tau; the third, near -1000, is clipped. Termination cuts no bonus."""
    bonus = [0.9 * TAU * math.log(0.25), 0.9 * TAU * math.log(0.75), 0.9 * -4.0]
    expected = [soft + each for soft, each in zip(SOFT, bonus, strict=True)]
    y = Munchausen(alpha=0.9, tau=TAU, clip=-4.0)(DONE, q, both)
    assert y[0].tolist() == pytest.approx(expected, rel=1e-12)


def test_munchausen_of_values_far_beyond_the_temperature_stays_finite_and_is_hard() -> None:
    """At the published tau of 0.03 the powers exp(Q / tau) alone overflow; a greedy action's bonus is 0."""
    values = torch.tensor([[[-50.0, 1000.0], [1000.0, -50.0], [0.0, 90.0]]], dtype=torch.float64)
    y = Munchausen()(DONE, q, lambda states: values.repeat(1, states.shape[1] // 3, 1))
    hard = Max()(DONE, q, lambda states: values)
    assert y[0].tolist() == pytest.approx((hard + torch.tensor([[-0.9, -0.9, -0.9]]))[0].tolist())
