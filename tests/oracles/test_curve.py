"""The curve and its scalars on a run of a few episodes."""

import math

import pytest

from tests.oracles.curve import auc, curve, final_return, lessons_form_applies, solved_at

ENDS = [10, 30, 60, 100]
RETURNS = [10.0, 20.0, 30.0, 40.0]


def test_the_curve_looks_at_finished_episodes_only():
    # before 10 nothing; at 10 the first; at 59 the first two; at 60 three; at 100 four
    values = curve(ENDS, RETURNS, 100, [9, 10, 29, 59, 60, 100])
    assert math.isnan(values[0])
    assert values[1:] == [10.0, 10.0, 15.0, 20.0, 25.0]


def test_the_curve_takes_the_last_episodes_of_its_window():
    assert curve(ENDS, RETURNS, 100, [60, 100], window=2) == [25.0, 35.0]


def test_the_window_is_ten_episodes():
    ends, returns = list(range(1, 13)), [float(i) for i in range(1, 13)]
    assert curve(ends, returns, 12, [12]) == [7.5]  # 3 to 12


def test_the_curve_is_held_to_the_last_step_of_the_run_and_not_to_its_last_episode():
    values = curve(ENDS, RETURNS, 150, [120, 150, 151])
    assert values[:2] == [25.0, 25.0]
    assert math.isnan(values[2])


def test_a_run_without_an_episode_has_no_curve():
    assert all(math.isnan(value) for value in curve([], [], 100, [50, 100]))
    assert math.isnan(auc(curve([], [], 100, [50, 100])))


def test_the_final_return_is_the_mean_of_episodes_ending_in_the_last_tenth_of_steps():
    assert final_return([900, 901, 1000], [1.0, 2.0, 4.0], 1000) == 3.0
    assert math.isnan(final_return([900], [1.0], 1000))


def test_the_area_under_the_curve_is_its_average_over_time():
    # steps 1 to 4 nothing; 5 to 7 at 2; 8 to 10 at 3: (3 * 2 + 3 * 3) / 6
    values = curve([5, 8], [2.0, 4.0], 10, range(1, 11))
    assert auc(values) == 2.5


def test_solved_is_the_first_episode_at_which_the_last_window_averages_the_threshold():
    assert solved_at([5, 9, 20, 40], [1.0, 5.0, 7.0, 9.0], threshold=6.0, window=2) == (20, 3)


def test_one_lucky_episode_does_not_solve():
    assert solved_at([5, 9, 20], [100.0, 0.0, 0.0], threshold=60.0, window=2) is None


def test_ten_episodes_are_needed_to_solve():
    ends = list(range(500, 5500, 500))
    assert solved_at(ends[:9], [500.0] * 9, threshold=475.0) is None
    assert solved_at(ends, [500.0] * 10, threshold=475.0) == (5000, 10)


def test_reaching_the_threshold_exactly_solves():
    assert solved_at(list(range(10, 110, 10)), [475.0] * 10, threshold=475.0) == (100, 10)


@pytest.mark.parametrize(("budget", "applies"), [(47_499, False), (47_500, True)])
def test_the_lessons_form_needs_a_budget_of_a_hundred_solved_episodes(budget, applies):
    assert lessons_form_applies(budget, threshold=475.0) is applies
