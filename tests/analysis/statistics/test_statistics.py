"""Statistics against numbers worked by hand, against scipy, and where they are not defined."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from analysis.metrics.series import Floats
from analysis.statistics import aggregates, power, tolerance
from analysis.statistics.draws import draws, generator, known_mean, places, resampled
from analysis.tables.comparisons import seeds_needed_text

NAN = np.nan


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


# ---- blocks ----


def test_a_resample_is_scipys_and_says_how_often_it_has_each_seed():
    rng = generator()
    first, second = (rng.integers(size, size=(50, size)) for size in (4, 3))
    often = draws((4, 3), 50)
    assert often[:4, 0].tolist() == np.bincount(first[0], minlength=4).tolist()
    assert often[4:, 49].tolist() == np.bincount(second[49], minlength=3).tolist()
    assert places(often[:4]).tolist() == np.sort(first).tolist()


def test_variants_meet_the_same_resamples_so_that_a_shift_between_them_stays():
    values = np.random.default_rng(0).normal(size=(1, 8))
    both = np.concatenate([values, values + 100])
    _, low, high = resampled(lambda often: known_mean(both, often), (8,))
    assert low[1] - low[0] == pytest.approx(100)
    assert high[1] - high[0] == pytest.approx(100)


def test_one_seed_has_no_interval():
    point, low, high = resampled(lambda often: known_mean(floats(3, 4)[:, None], often), (1,))
    assert point.tolist() == [3, 4]
    assert np.isnan([low, high]).all()


def test_a_resample_that_meets_only_missing_runs_is_left_out():
    _, low, high = resampled(lambda often: known_mean(floats(1, NAN, 3, NAN), often), (4,))
    assert (float(low), float(high)) == (1, 3)


# ---- aggregates ----


def test_the_iqm_is_scipys_trimmed_mean_and_keeps_six_of_ten():
    scores = np.random.default_rng(0).normal(size=10)
    once = np.ones((10, 1))
    assert aggregates.iqm(scores, once) == pytest.approx(np.sort(scores)[2:8].mean())
    assert aggregates.iqm(scores, once) == pytest.approx(stats.trim_mean(scores, 0.25))


def test_aggregates_of_resamples_are_those_of_the_scores_one_by_one():
    scores = np.random.default_rng(1).normal(size=9)
    often = draws((9,), 40)
    drawn = scores[places(often)]
    np.testing.assert_allclose(aggregates.iqm(scores, often), stats.trim_mean(drawn, 0.25, axis=1))
    np.testing.assert_allclose(aggregates.median(scores, often), np.median(drawn, axis=1))


def test_the_optimality_gap_counts_nothing_beyond_the_goal():
    # min(x, 1): 0.5, 1, 1 -> mean 5/6
    assert aggregates.optimality_gap(floats(0.5, 1.0, 7.0), np.ones((3, 1))) == pytest.approx(1 / 6)


def test_scores_are_normalised_between_random_and_threshold():
    assert aggregates.normalized(floats(20, 475, 247.5), 20, 475).tolist() == [0, 1, 0.5]


def test_an_aggregate_over_two_environments_is_scipys_stratified_bootstrap():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=6), rng.normal(3, 1, size=6)
    (found,) = aggregates.aggregate(np.stack([first, second])[None], aggregates.iqm, 2000)
    scipys = stats.bootstrap(
        (first, second),
        lambda a, b, axis: stats.trim_mean(np.concatenate([a, b], axis=-1), 0.25, axis=-1),
        vectorized=True,
        n_resamples=2000,
        method="percentile",
        rng=generator(),
    ).confidence_interval
    assert found.point == pytest.approx(stats.trim_mean(np.concatenate([first, second]), 0.25))
    assert (found.low, found.high) == pytest.approx((scipys.low, scipys.high), rel=1e-12)


def test_an_aggregate_of_one_run_has_no_interval_and_of_none_nothing():
    one, none = aggregates.aggregate(np.array([[[2, NAN]], [[NAN, NAN]]]), aggregates.iqm, 100)
    assert one.point == 2
    assert np.isnan([one.low, one.high, none.point, none.low]).all()


def test_a_variant_that_lacks_an_environment_has_no_aggregate_over_it():
    scores = np.array([[[1, 2], [NAN, NAN]], [[1, 2], [3, 4]]], dtype=np.float64)
    without, whole = aggregates.aggregate(scores, aggregates.AGGREGATES["mean"], 100)
    assert np.isnan([without.point, without.low]).all()
    assert whole.point == 2.5


def test_a_missing_run_leaves_the_aggregate_of_those_that_stand():
    (found,) = aggregates.aggregate(floats(1, 2, 3, NAN)[None, None], aggregates.AGGREGATES["mean"])
    assert found.point == 2
    assert 1 <= found.low < 2 < found.high <= 3


def test_equal_scores_have_an_aggregate_of_no_width():
    (found,) = aggregates.aggregate(np.full((1, 1, 5), 0.5), aggregates.iqm)
    assert (found.point, found.low, found.high) == (0.5, 0.5, 0.5)


def test_the_probability_of_improvement_is_mann_and_whitneys():
    # pairs of (1, 3) and (2, 3): 1<2, 1<3, 3>2, 3=3 -> 1.5 of 4
    assert aggregates.probability(floats(1, 3)[None], floats(2, 3)[None], np.ones((2, 1))) == 1.5 / 4
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 9).astype(float), rng.integers(0, 5, 7).astype(float)
    u = stats.mannwhitneyu(x, y).statistic
    assert aggregates.wins(x, y).mean() == pytest.approx(u / 63)


def test_its_resamples_are_those_of_the_pairs_one_by_one():
    draw = np.random.default_rng(5)
    x, y = draw.integers(4, size=(2, 1, 7)).astype(np.float64)
    x[0, 2] = np.nan
    often = draws((7,), 50)
    drawn = places(often)
    pairs = aggregates.wins(x[0], y[0])[drawn[:, :, None], drawn[:, None, :]].reshape(50, -1)
    assert aggregates.probability(x, y, often).tolist() == np.nanmean(pairs, axis=1).tolist()


def test_the_probability_of_improvement_of_a_thousand_seeds_takes_little_memory():
    x, y = np.random.default_rng(5).normal(size=(2, 1, 1000))
    tracemalloc.start()
    try:
        found = aggregates.improvement(x + 0.1, y, 200)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000  # the pairs of all resamples: 1.6 GB
    finally:
        tracemalloc.stop()
    assert found.low < found.point < found.high


def test_the_probability_of_improvement_is_the_mean_over_environments():
    x, y = np.array([[5.0, 6.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [1.0, 1.0]])
    found = aggregates.improvement(x, y, 200)
    assert (found.point, found.low, found.high) == (0.75, 0.75, 0.75)
    assert np.isnan(aggregates.improvement(x[:, :1], y[:, :1]).low)


def test_a_performance_profile_is_the_share_of_runs_above_each_score():
    scores = np.array([[[0.1, 0.5, 0.9, NAN]]])
    point, low, high = aggregates.profile(scores, floats(0, 0.5, 0.8, 2), 500)
    assert point[0] == pytest.approx([1, 1 / 3, 1 / 3, 0])
    assert (low <= point).all()
    assert (point <= high).all()


def test_rows_are_aggregated_over_the_seeds_that_all_of_them_have():
    found = aggregates.common(np.array([[1.0, 2, 3, NAN], [4, NAN, 6, 7], [NAN] * 4]))
    assert np.isfinite(found).tolist() == [[True, False, True, False]] * 2 + [[False] * 4]
    curves = np.array([[[NAN, 1.0], [2, 2]], [[3, 3], [NAN, NAN]]])
    assert np.isfinite(aggregates.common(curves)).tolist() == [
        [[False, True], [False, False]],
        [[True, True], [False, False]],
    ]


def test_sample_efficiency_is_the_iqm_at_each_point():
    curves = np.random.default_rng(0).normal(size=(2, 1, 8, 3))
    point, low, high = aggregates.sample_efficiency(curves, 300)
    assert point == pytest.approx(stats.trim_mean(curves[:, 0], 0.25, axis=1))
    assert (low < point).all()
    assert (point < high).all()


# ---- power and tolerance ----


def test_seeds_needed_are_those_of_the_paired_t_test():
    # textbook: d = 0.5 needs 34 pairs, d = 0.8 needs 15, d = 1 needs 10
    assert [power.seeds_needed(d) for d in (0.5, 0.8, 1.0)] == [34, 15, 10]
    assert power.seeds_needed(-0.5) == 34


def test_an_effect_of_nothing_needs_more_than_any_number_of_seeds():
    assert power.seeds_needed(0.0) is None
    assert power.seeds_needed(0.1) is None


def test_an_overwhelming_effect_still_needs_what_the_sign_flips_can_tell():
    # 2 / 2^n < .05 from n = 6; with 10 comparisons 20 / 2^n < .05 from n = 9
    assert power.seeds_needed(50.0) == 6
    assert power.seeds_needed(50.0, 0.005) == 9


def test_the_range_over_an_interval_that_holds_zero_has_no_end():
    found = power.seeds_needed_over(0.5, -0.1, 1.0, 1.0)
    assert found is not None
    assert (found.about, found.fewest, found.most) == (34, 10, None)
    assert seeds_needed_text(found) == "about 34 seeds (10 to > 100)"


def test_differences_that_do_not_vary_need_no_number_of_seeds():
    assert power.seeds_needed_over(1.0, 1.0, 1.0, 0.0) is None
    assert power.seeds_needed_over(1.0, NAN, NAN, 1.0) is None


def test_a_tolerance_interval_needs_46_runs():
    assert tolerance.FEWEST == 46
    # of n values the extremes hold 90 % unless ...: 1 - 0.9^n - n 0.1 0.9^(n-1)
    for n in (45, 46):
        assert tolerance.confidence(n, 1) == pytest.approx(1 - 0.9**n - n * 0.1 * 0.9 ** (n - 1))
    found = tolerance.tolerance(np.arange(10.0))
    assert found.text == "n too small (10 of 46)"
    assert np.isnan(found.low)


def test_with_more_runs_the_tolerance_interval_leaves_extremes_out():
    assert tolerance.tolerance(np.arange(46.0)) == tolerance.Tolerance(0, 45, 46)
    found = tolerance.tolerance(np.arange(100.0))
    assert (found.low, found.high) == (1, 98)
    assert found.text == ""
