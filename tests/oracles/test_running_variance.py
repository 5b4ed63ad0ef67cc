"""The three running variances on a handful of returns."""

import math

import pytest

from tests.oracles.running_variance import around_trend, full, growing


def test_the_growing_window_starts_at_zero():
    # {1}: 0; {1, 3}: 1; {1, 3, 5}: 8/3; then {3, 5, 5}: mean 13/3, squares 16/9 + 4/9 + 4/9 over 3 = 8/9
    assert growing([1.0, 3.0, 5.0, 5.0], window=3) == pytest.approx([0, 1, 8 / 3, 8 / 9])


def test_full_windows_have_no_value_before_the_window_is_full():
    values = full([1.0, 3.0, 5.0, 5.0], window=3)
    assert all(math.isnan(value) for value in values[:2])
    assert values[2:] == pytest.approx([8 / 3, 8 / 9])


def test_a_steady_climb_has_variance_but_none_around_its_trend():
    climb = [2.0 * i for i in range(10)]
    assert full(climb)[-1] == pytest.approx(4 * (100 - 1) / 12)
    assert around_trend(climb)[-1] == pytest.approx(0.0, abs=1e-12)


def test_around_the_trend_is_the_mean_squared_residual_times_w_over_w_minus_2():
    # 0, 2, 1 at x = -1, 0, 1: slope 1/2, line .5, 1, 1.5; residuals -.5, 1, -.5: 1.5 / 3 * 3 / 1
    values = around_trend([0.0, 2.0, 1.0], window=3)
    assert all(math.isnan(value) for value in values[:2])
    assert values[2] == pytest.approx(1.5)


def test_around_the_trend_over_four_returns():
    # 1, 3, 2, 6: mean 3, slope (-1.5*1 - .5*3 + .5*2 + 1.5*6) / 5 = 1.4; line .9, 2.3, 3.7, 5.1;
    # residuals .1, .7, -1.7, .9: squares .01 + .49 + 2.89 + .81 = 4.2; 4.2 / 4 * 4 / 2
    assert around_trend([1.0, 3.0, 2.0, 6.0], window=4)[-1] == pytest.approx(2.1)


def test_a_window_of_two_has_no_trend_to_leave():
    with pytest.raises(ValueError, match="at least 3"):
        around_trend([1.0, 2.0, 3.0], window=2)


@pytest.mark.parametrize("form", [growing, full, around_trend])
def test_a_run_without_episodes_has_no_variances(form):
    assert form([]) == []


@pytest.mark.parametrize("form", [growing, full, around_trend])
def test_a_constant_return_has_no_variance(form):
    assert form([7.0] * 12)[-1] == 0.0
