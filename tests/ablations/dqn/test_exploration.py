"""The rate of exploration over a run; how it acts is tested with the learner."""

from __future__ import annotations

import pytest

from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.types import Clock


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
