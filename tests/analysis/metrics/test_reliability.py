"""The reliability measures of Chan et al. and the drawdown, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.metrics import reliability
from analysis.metrics.series import Floats

RowCurves = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32))


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def test_cvar_of_ten_values_is_their_minimum_and_of_twenty_one_the_mean_of_two():
    assert reliability.cvar(np.arange(10.0), "lower") == 0
    assert reliability.cvar(np.arange(20.0), "lower") == 0
    assert reliability.cvar(np.arange(21.0), "lower") == 0.5
    assert reliability.cvar(np.arange(21.0), "upper") == 19.5
    assert len(np.arange(20.0)) == reliability.MINIMUM_UP_TO


def test_cvar_takes_all_values_that_tie_with_the_quantile():
    assert reliability.cvar(floats(1, 1, 1, 9), "lower") == 1
    assert np.isnan(reliability.cvar(floats(), "lower"))


def test_dispersion_across_time_is_the_iqr_of_differences_in_sliding_windows():
    # differences 1, 2, ..., 10 fill one window: quartiles 3.25 and 7.75
    curve = np.cumsum(np.arange(11.0))
    assert reliability.dispersion_across_time(curve) == pytest.approx(4.5)
    assert np.isnan(reliability.dispersion_across_time(curve[:10]))


def test_dispersion_across_time_is_the_mean_over_windows():
    # twelve differences make three windows, in none of which more than two of ten are above zero
    curve = np.cumsum(floats(0, *[0] * 10, 8, 8))
    assert reliability.dispersion_across_time(curve) == 0
    # one window, three of ten above zero: the third quartile (place 6.75) is a quarter of 0 and three quarters of 8
    curve = np.cumsum(floats(0, *[0] * 7, 8, 8, 8))
    assert reliability.dispersion_across_time(curve) == pytest.approx(6.0)


def test_a_straight_climb_has_no_dispersion_across_time():
    assert reliability.dispersion_across_time(np.arange(30.0) * 7) == 0


def test_short_term_risk_is_the_worst_step_back():
    # differences 5, -3, 4: the 5 % quantile lies between -3 and 4
    assert reliability.short_term_risk(floats(0, 5, 2, 6)) == -3
    assert np.isnan(reliability.short_term_risk(floats(1)))


def test_the_drawdown_is_how_far_the_curve_lies_below_its_best_so_far():
    assert reliability.drawdown(floats(1, 5, 3, 6, 2)).tolist() == [0, 0, 2, 0, 4]


def test_long_term_risk_is_the_upper_tail_of_the_drawdown():
    curve = floats(*[9] * 38, 8, 7, 5)
    # drawdowns 38 times 0, then 1, 2, 4: the quantile at place 38 is 1, and 1, 2, 4 lie at or above it
    assert reliability.long_term_risk(curve) == pytest.approx(7 / 3)
    assert reliability.largest_drawdown(curve) == 4


def test_dispersion_across_runs_is_the_iqr_at_each_point_after_the_filter():
    # constant curves pass the filter as they are: the IQR of 0, 10, 20, 30 is 22.5 - 7.5
    curves = np.repeat(floats(0, 10, 20, 30)[:, None], 7, axis=1)
    assert reliability.dispersion_across_runs(reliability.filtered(curves)) == pytest.approx(15)
    assert np.isnan(reliability.dispersion_across_runs(curves[:1]))


def test_the_filter_is_a_centred_mean_of_five_with_repeated_ends():
    assert reliability.low_pass(floats(0, 0, 10, 0, 0, 0)).tolist() == pytest.approx([2, 2, 2, 2, 2, 0])
    assert reliability.low_pass(floats(5, 0, 0, 0, 0))[0] == pytest.approx(3)


def test_points_that_a_run_lacks_are_no_points_of_dispersion_across_runs():
    found = reliability.filtered(np.array([[np.nan, 1.0, 1.0], [2.0, 3.0, 3.0]]))
    assert found.tolist() == [[1, 1], [3, 3]]


def test_risk_across_ten_runs_is_the_worst_run():
    assert reliability.risk_across_runs(floats(*range(10, 20))[:, None]) == 10
    assert np.isnan(reliability.risk_across_runs(np.empty((0, 1))))


def test_numbers_across_runs_take_many_resamples_at_once():
    curves = np.random.default_rng(0).normal(size=(4, 6, 3))
    across_runs = reliability.dispersion_across_runs(curves)
    assert across_runs == pytest.approx([float(reliability.dispersion_across_runs(one)) for one in curves])
    ends = curves[..., :1]
    assert reliability.risk_across_runs(ends) == pytest.approx([float(one.min()) for one in ends])


@given(RowCurves)
def test_a_drawdown_is_never_negative_and_none_is_larger_than_the_range(curve: Floats):
    found = reliability.drawdown(curve)
    assert (found >= 0).all()
    assert reliability.largest_drawdown(curve) <= curve.max() - curve.min()
    assert reliability.long_term_risk(curve) <= reliability.largest_drawdown(curve) + 1e-6


@given(RowCurves)
def test_a_curve_that_never_falls_has_no_risk(curve: Floats):
    climb = np.sort(curve)
    assert reliability.largest_drawdown(climb) == 0
    assert not reliability.short_term_risk(climb) < 0
