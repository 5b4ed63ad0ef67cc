"""The target y on three numbers: who selects, who evaluates, and what termination cuts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ablations.dqn.bootstrap import Double, InverseDouble, Max
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
