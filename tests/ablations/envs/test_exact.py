"""Exact values: a 2 x 2 grid worked by hand, with and without a time limit, and policies that never arrive."""

from __future__ import annotations

import numpy as np
import pytest

from ablations.envs.exact import Model, optimal_q, optimal_q_of_horizon, policy_values
from ablations.envs.worlds import baird, grid

UP, RIGHT, DOWN, LEFT = range(4)
GAMMA = 0.5

# 2 x 2 without slips, cells 0 1 over 2 3, the goal is 3. From 1: down pays 1; up and right stay, -0.01 + 0.5 * 1; left
# is in 0, which is worth max(right, down) = 0.49: -0.01 + 0.5 * 0.49. State 2 is its mirror image.
BY_HAND = [
    [0.235, 0.49, 0.49, 0.235],
    [0.49, 0.49, 1.0, 0.235],
    [0.235, 1.0, 0.49, 0.49],
    [0.0, 0.0, 0.0, 0.0],
]


def test_the_values_of_a_two_by_two_grid_are_those_found_by_hand() -> None:
    np.testing.assert_allclose(optimal_q(grid(2, 0.0).model(), GAMMA), BY_HAND, atol=1e-12)


def test_a_time_limit_leaves_the_values_that_are_bootstrapped_through_it_alone() -> None:
    endless, cut = grid(3, 0.1, limit=0).model(), grid(3, 0.1, limit=4).model()
    np.testing.assert_array_equal(optimal_q(cut, 0.9), optimal_q(endless, 0.9))


def test_a_time_limit_that_ends_the_task_counts_only_the_steps_left() -> None:
    model = grid(2, 0.0).model()
    one = optimal_q_of_horizon(model, GAMMA, 1)
    np.testing.assert_allclose(one[1], [-0.01, -0.01, 1.0, -0.01])
    two = optimal_q_of_horizon(
        model, GAMMA, 2
    )  # from 0 a second step reaches the goal, or after a third none
    np.testing.assert_allclose(two[0], [-0.015, 0.49, 0.49, -0.015])
    np.testing.assert_allclose(two[1], [0.49, 0.49, 1.0, -0.015])
    np.testing.assert_allclose(optimal_q_of_horizon(model, GAMMA, 60), BY_HAND, atol=1e-12)


def test_slips_to_both_sides_are_weighed_by_their_chances() -> None:
    """Slip 0.2, down from 1: goal 0.8, right (stays in 1) 0.1, left (to 0) 0.1; the others by symmetry."""
    model = grid(2, 0.2).model()
    np.testing.assert_allclose(model.transitions[1, DOWN], [0.1, 0.1, 0.0, 0.8])
    np.testing.assert_allclose(model.rewards[1, DOWN], 0.8 - 0.2 * 0.01)
    v0, v1 = optimal_q(model, GAMMA).max(1)[:2]
    # from 0, right: to 1 with 0.8, up (stays) 0.1, down (to 2, as good as 1) 0.1
    assert v0 == pytest.approx(-0.01 + GAMMA * (0.9 * v1 + 0.1 * v0))
    assert v1 == pytest.approx(0.798 + GAMMA * (0.1 * v0 + 0.1 * v1))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 0.999])
def test_the_best_policy_is_worth_the_best_values(gamma: float) -> None:
    model = grid(5, 0.1).model()
    q = optimal_q(model, gamma)
    np.testing.assert_allclose(policy_values(model, gamma, q.argmax(1)[None])[0], q.max(1), atol=1e-9)


def test_a_policy_that_never_arrives_pays_for_ever() -> None:
    model = grid(2, 0.0).model()
    values = policy_values(model, 0.9, np.array([[UP] * 4, [RIGHT, DOWN, RIGHT, UP], [DOWN, LEFT, UP, UP]]))
    np.testing.assert_allclose(values[0], [-0.1, -0.1, -0.1, 0.0])
    np.testing.assert_allclose(values[1], [0.89, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(values[2], [-0.1, -0.1, -0.1, 0.0])


def test_each_lane_is_evaluated_as_if_it_were_alone() -> None:
    model = grid(4, 0.2).model()
    policies = np.random.default_rng(0).integers(4, size=(6, 16))
    together = policy_values(model, 0.99, policies)
    for lane in range(6):
        np.testing.assert_array_equal(
            policy_values(model, 0.99, policies[lane : lane + 1])[0], together[lane]
        )


def test_bairds_star_is_worth_nothing() -> None:
    model = baird().model()
    assert optimal_q(model, 0.99).shape == (7, 7)
    assert not optimal_q(model, 0.99).any()


def test_large_values_do_not_keep_value_iteration_from_ending() -> None:
    world = grid(3, 0.1).model()
    big = Model(world.observations, world.transitions, world.rewards * 1e9, world.terminal, world.start)
    np.testing.assert_allclose(optimal_q(big, 0.9), optimal_q(world, 0.9) * 1e9, rtol=1e-9)


def test_an_endless_task_has_no_values_at_gamma_one() -> None:
    model = grid(2, 0.0).model()
    with pytest.raises(ValueError, match="gamma < 1"):
        optimal_q(model, 1.0)
    with pytest.raises(ValueError, match="gamma < 1"):
        policy_values(model, 1.0, np.zeros((1, 4), dtype=np.int64))
