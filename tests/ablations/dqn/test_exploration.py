"""The rate of exploration over a run, and softmax's probabilities; how epsilon acts is tested with the learner."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from ablations.dqn.exploration import EpsilonGreedy, Softmax
from ablations.dqn.types import Clock
from ablations.rng.streams import Role, stream


@pytest.mark.parametrize(
    ("steps", "epsilon"), [(0, 1.0), (1, 0.991), (50, 0.55), (100, 0.1), (101, 0.1), (999, 0.1)]
)
def test_linear_epsilon_falls_to_its_end_over_its_share_of_the_steps(steps: int, epsilon: float) -> None:
    rate = EpsilonGreedy(exploration_fraction=0.1, start_e=1.0, end_e=0.1).rate
    assert rate(Clock(steps, updates=12345, total=1000)) == pytest.approx(epsilon)


@pytest.mark.parametrize(
    ("updates", "epsilon"), [(0, 0.8), (1, 0.72), (2, 0.648), (19, 0.1080), (20, 0.1), (9999, 0.1)]
)
def test_exponential_epsilon_shrinks_with_every_update_to_its_end(updates: int, epsilon: float) -> None:
    rate = EpsilonGreedy(schedule="exponential", start_e=0.8, end_e=0.1, epsilon_decay=0.9).rate
    assert rate(Clock(777, updates, total=1000)) == pytest.approx(epsilon, rel=1e-3)


def test_exponential_epsilon_of_the_lessons_reaches_its_floor_after_920_updates() -> None:
    rate = EpsilonGreedy(schedule="exponential", start_e=1.0, end_e=0.01, epsilon_decay=0.995).rate
    assert rate(Clock(0, 918, total=1000)) > 0.01
    assert rate(Clock(0, 920, total=1000)) == 0.01


def test_constant_epsilon_stays_at_its_start() -> None:
    rate = EpsilonGreedy(schedule="constant", start_e=0.3, end_e=0.0).rate
    assert {rate(Clock(steps, steps, total=50_000)) for steps in (0, 1, 49_999)} == {0.3}


NOW = Clock(10, 10, total=1000)


def test_softmax_draws_each_action_as_often_as_its_share_of_the_exponentials() -> None:
    values = torch.tensor([1.0, 3.0, 0.0, 2.0])
    u = torch.from_numpy(stream(0, 0, Role.EXPLORATION).random((20_000, 2)))
    actions = Softmax(temperature=2.0).act(values.expand(20_000, 4), u, NOW)
    powers = [math.exp(value / 2) for value in values.tolist()]
    expected = [20_000 * power / sum(powers) for power in powers]
    assert stats.chisquare(torch.bincount(actions, minlength=4).numpy(), expected).pvalue > 0.01


def test_softmax_takes_the_first_action_whose_cumulated_probability_lies_above_the_second_draw() -> None:
    """Two values apart by log 3 have probabilities 1/4 and 3/4; the first draw has no part in it."""
    values = torch.tensor([[0.0, math.log(3.0)]] * 4, dtype=torch.float64)
    u = torch.tensor([[0.9, 0.0], [0.9, 0.249], [0.1, 0.251], [0.1, 1 - 2**-53]], dtype=torch.float64)
    assert Softmax(temperature=1.0).act(values, u, NOW).tolist() == [0, 0, 1, 1]


def test_softmax_of_large_values_and_small_temperatures_is_the_best_action() -> None:
    values = torch.tensor([[1e30, -1e30, 0.0], [-5.0, -5.0, 1e4]])
    u = torch.tensor([[0.5, 1 - 2**-53], [0.5, 0.0]], dtype=torch.float64)
    assert Softmax(temperature=1e-6).act(values, u, NOW).tolist() == [0, 2]


def test_softmax_has_no_rate() -> None:
    assert math.isnan(Softmax().rate(NOW))
