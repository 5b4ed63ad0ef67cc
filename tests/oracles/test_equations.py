"""Each equation on numbers small enough to work by hand."""

import math

import pytest

from tests.oracles.equations import (
    beta_of,
    clip_scale,
    discount_of,
    double_target,
    dueling,
    epsilon_of,
    first_maximum,
    follow,
    huber,
    inverse_double_target,
    max_target,
    mean_loss,
    squared,
    target_of,
    weight_bound,
)

# The online network prefers action 0, the target network action 2.
Q_NEXT = [5.0, 1.0, 4.0]
Q_MINUS_NEXT = [2.0, 3.0, 8.0]


def test_the_first_of_several_equal_values_is_the_maximum():
    assert first_maximum([1.0, 3.0, 3.0, 2.0]) == 1
    assert first_maximum([-2.0]) == 0


def test_the_dqn_target_takes_the_largest_value_of_the_target_network():
    assert max_target(1.0, 0.5, Q_MINUS_NEXT) == 1 + 0.5 * 8


def test_double_selects_online_and_evaluates_with_the_target_network():
    assert double_target(1.0, 0.5, Q_NEXT, Q_MINUS_NEXT) == 1 + 0.5 * 2


def test_inverse_double_selects_with_the_target_network_and_evaluates_online():
    assert inverse_double_target(1.0, 0.5, Q_NEXT, Q_MINUS_NEXT) == 1 + 0.5 * 4


@pytest.mark.parametrize(("bootstrap", "y"), [("max", 5.0), ("double", 2.0), ("inverse-double", 3.0)])
def test_a_bootstrap_is_found_by_the_name_of_its_piece(bootstrap, y):
    assert target_of(bootstrap, 1.0, 0.5, Q_NEXT, Q_MINUS_NEXT) == y


@pytest.mark.parametrize("bootstrap", ["max", "double", "inverse-double"])
def test_a_terminal_transition_is_worth_its_reward_alone(bootstrap):
    assert target_of(bootstrap, -1.5, discount_of(0.9, True, False, True), Q_NEXT, Q_MINUS_NEXT) == -1.5


def test_all_bootstraps_agree_where_both_networks_are_equal():
    ys = {target_of(name, 1.0, 0.5, Q_NEXT, Q_NEXT) for name in ("max", "double", "inverse-double")}
    assert ys == {3.5}


@pytest.mark.parametrize(
    ("terminated", "truncated", "discount", "discount_as_taught"),
    [(False, False, 0.9, 0.9), (True, False, 0.0, 0.0), (False, True, 0.9, 0.0), (True, True, 0.0, 0.0)],
)
def test_only_the_lessons_way_cuts_the_bootstrap_at_a_time_limit(
    terminated, truncated, discount, discount_as_taught
):
    assert discount_of(0.9, terminated, truncated, bootstrap_truncated=True) == discount
    assert discount_of(0.9, terminated, truncated, bootstrap_truncated=False) == discount_as_taught


def test_dueling_adds_the_value_and_subtracts_the_mean_advantage():
    # mean advantage 2: advantages above it are -1, 0, 1 after subtraction
    assert dueling(10.0, [1.0, 2.0, 3.0]) == [9.0, 10.0, 11.0]


def test_a_constant_added_to_every_advantage_changes_no_dueling_value():
    assert dueling(10.0, [101.0, 102.0, 103.0]) == dueling(10.0, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(("delta", "value"), [(0.0, 0.0), (1.0, 0.5), (-3.0, 4.5)])
def test_the_squared_error_carries_the_half(delta, value):
    assert squared(delta) == value


@pytest.mark.parametrize(("delta", "value"), [(0.5, 0.125), (-1.0, 0.5), (3.0, 2.5), (-3.0, 2.5)])
def test_huber_is_half_the_square_up_to_one_and_straight_beyond(delta, value):
    assert huber(delta) == value


def test_the_weight_multiplies_the_loss_of_its_sample_under_either_loss():
    # squared: (1 * 2 + 0.5 * 0.125) / 2; huber: (1 * 1.5 + 0.5 * 0.125) / 2
    assert mean_loss("squared", [2.0, -0.5], [1.0, 0.5]) == 1.03125
    assert mean_loss("huber", [2.0, -0.5], [1.0, 0.5]) == 0.78125


def test_clipping_scales_a_gradient_that_is_too_long_and_leaves_a_short_one():
    assert clip_scale(norm=20.0, max_norm=10.0) == pytest.approx(0.5, rel=1e-6)
    assert clip_scale(norm=20.0, max_norm=10.0) < 0.5  # the 1e-6
    assert clip_scale(norm=5.0, max_norm=10.0) == 1.0
    assert clip_scale(norm=1e9, max_norm=0.0) == 1.0


def test_hard_copies_when_the_update_count_is_a_multiple_of_the_period():
    hard = {"kind": "hard", "period": 3}
    assert [follow(hard, -1.0, 7.0, update) for update in range(1, 7)] == [-1, -1, 7, -1, -1, 7]


def test_soft_blends_after_each_update():
    soft = {"kind": "soft", "tau": 0.25}
    once = follow(soft, 0.0, 8.0, 1)
    assert once == 2.0
    assert follow(soft, once, 8.0, 2) == 3.5  # a quarter of 8 and three quarters of 2


def test_without_a_target_network_with_hard_1_and_with_soft_1_the_target_is_the_online_value():
    for target in ({"kind": "none"}, {"kind": "hard", "period": 1}, {"kind": "soft", "tau": 1.0}):
        assert follow(target, -1.0, 7.0, update=5) == 7.0


def schedule(name, **numbers):
    defaults = {"start_e": 1.0, "end_e": 0.1, "exploration_fraction": 0.2, "epsilon_decay": 0.5}
    return {"schedule": name, **defaults, **numbers}


def test_linear_epsilon_starts_at_the_start_and_is_at_its_floor_after_the_fraction():
    # 20 steps from 1 to 0.1: 0.045 a step
    linear = schedule("linear")
    assert epsilon_of(linear, 100, 1, 0) == 1.0
    assert epsilon_of(linear, 100, 2, 0) == pytest.approx(0.955)
    assert epsilon_of(linear, 100, 11, 0) == pytest.approx(0.55)
    assert epsilon_of(linear, 100, 20, 0) == pytest.approx(0.145)
    assert [epsilon_of(linear, 100, step, 0) for step in (21, 22, 100)] == [0.1, 0.1, 0.1]


def test_linear_epsilon_with_no_exploration_phase_is_at_its_floor_at_once():
    assert epsilon_of(schedule("linear", exploration_fraction=0.0), 100, 1, 0) == 0.1


def test_exponential_epsilon_decays_per_update_and_not_per_step():
    exponential = schedule("exponential")
    assert [epsilon_of(exponential, 100, 50, updates) for updates in (0, 1, 2, 3, 4, 50)] == [
        1.0,
        0.5,
        0.25,
        0.125,
        0.1,
        0.1,
    ]


def test_the_lessons_epsilon_is_at_its_floor_after_about_920_updates():
    lessons = schedule("exponential", end_e=0.01, epsilon_decay=0.995)
    assert epsilon_of(lessons, 100, 1, 918) > 0.01
    assert epsilon_of(lessons, 100, 1, 919) == 0.01
    assert math.ceil(math.log(0.01) / math.log(0.995)) == 919


def test_constant_epsilon_stays_at_the_start():
    assert {epsilon_of(schedule("constant", start_e=0.3), 100, step, step) for step in (1, 50, 100)} == {0.3}


def test_beta_reaches_its_end_at_the_last_step():
    assert beta_of(0.4, 1.0, 50, 100) == pytest.approx(0.7)
    assert beta_of(0.4, 1.0, 100, 100) == pytest.approx(1.0)


def test_initial_weights_are_bounded_by_one_over_the_root_of_the_fan_in():
    assert weight_bound(4) == 0.5
    assert weight_bound(64) == 0.125
