"""Intervals against tables, against scipy, and where they are not defined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.draws import generator
from analysis.statistics.intervals import (
    curve_interval,
    mean_interval,
    proportion_interval,
    waiting_time,
)


def test_the_interval_of_a_mean_is_scipys_percentile_bootstrap():
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    ours = mean_interval(values)
    scipys = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", rng=generator()
    ).confidence_interval
    assert (ours.point, ours.low, ours.high) == pytest.approx(
        (values.mean(), scipys.low, scipys.high), rel=1e-14
    )


def test_one_seed_has_a_mean_and_no_interval():
    found = mean_interval(np.array([4.0]))
    assert found.point == 4
    assert np.isnan([found.low, found.high]).all()


def test_no_seed_has_nothing():
    found = mean_interval(np.array([np.nan]))
    assert np.isnan([found.point, found.low, found.high]).all()


def test_equal_scores_have_an_interval_of_no_width():
    found = mean_interval(np.full(7, 0.1))
    assert (found.point, found.low, found.high) == (0.1, 0.1, 0.1)


def test_values_that_are_not_defined_are_left_out():
    assert mean_interval(np.array([1.0, np.nan, 3.0])) == mean_interval(np.array([1.0, 3.0]))


@pytest.mark.parametrize(("of", "high"), [(5, 0.52), (10, 0.31), (25, 0.14)])
def test_none_of_n_has_the_intervals_of_clopper_and_pearson(of: int, high: float):
    found = proportion_interval(0, of)
    assert (found.point, found.low) == (0, 0)
    assert round(found.high, 2) == high


def test_no_run_has_no_share():
    assert np.isnan(proportion_interval(0, 0).point)


def test_the_median_of_uncensored_times_is_where_half_have_arrived():
    found = waiting_time(np.array([30.0, 10.0, 20.0]), np.array([True, True, True]))
    assert found.median.point == 20
    assert found.missed == 0


def test_the_median_of_censored_times_is_kaplan_and_meiers():
    # at risk 5: one leaves at 10 (4/5); censored at 15; at risk 3: 20 (4/5 x 2/3 = 8/15); 25 (8/15 x 1/2 = 4/15)
    times = np.array([10.0, 15.0, 20.0, 25.0, 30.0])
    found = waiting_time(times, np.array([True, False, True, True, False]))
    assert found.median.point == 25
    assert (found.missed, found.of) == (2, 5)


def test_a_threshold_that_fewer_than_half_reach_has_no_median_but_says_so():
    found = waiting_time(np.array([10.0, 50.0, 50.0]), np.array([True, False, False]))
    assert np.isnan(found.median.point)
    assert (found.missed, found.of) == (2, 3)


def test_a_threshold_that_nobody_reaches_has_no_median():
    found = waiting_time(np.full(4, 50.0), np.zeros(4, dtype=bool))
    assert np.isnan(found.median.point)
    assert (found.missed, found.of) == (4, 4)


def test_one_run_that_arrives_has_a_median_and_no_interval():
    found = waiting_time(np.array([12.0]), np.array([True]))
    assert found.median.point == 12
    assert np.isnan(found.median.high)


def test_the_interval_of_a_median_holds_it():
    found = waiting_time(np.arange(1.0, 21.0), np.ones(20, dtype=bool)).median
    assert found.low < found.point < found.high


def test_a_curves_interval_at_one_step_is_the_bootstrap_of_its_column():
    values = np.random.default_rng(3).normal(size=(8, 5))
    mean, low, high = curve_interval(values, resamples=20_000)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    for column in range(5):
        exact = mean_interval(values[:, column])
        assert low[column] == pytest.approx(exact.low, abs=0.03)
        assert high[column] == pytest.approx(exact.high, abs=0.03)


def test_all_steps_of_a_curve_share_their_resamples():
    column = np.random.default_rng(4).normal(size=(6, 1))
    _, low, high = curve_interval(np.repeat(column, 3, axis=1))
    assert len(set(low)) == len(set(high)) == 1


def test_a_curve_is_nan_where_no_seed_has_begun_and_has_no_interval_where_one_has():
    values = np.array([[np.nan, 1.0, 1.0], [np.nan, np.nan, 3.0]])
    mean, low, high = curve_interval(values)
    assert np.isnan(mean[0])
    assert mean[1:].tolist() == [1, 2]
    assert np.isnan(low[:2]).all()
    assert np.isnan(high[:2]).all()
    assert (low[2], high[2]) == (1, 3)


def test_no_seeds_at_all_make_an_empty_band():
    mean, low, _ = curve_interval(np.empty((0, 4)))
    assert np.isnan(mean).all()
    assert np.isnan(low).all()
