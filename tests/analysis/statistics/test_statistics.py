"""Statistics against numbers worked by hand, against scipy, and where they are not defined."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.metrics.series import Floats
from analysis.statistics import aggregates, paired, power, tolerance, verdicts
from analysis.statistics.draws import draws, generator, known_mean, places, resampled
from analysis.statistics.intervals import Interval
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


def test_sample_efficiency_is_the_iqm_at_each_point():
    curves = np.random.default_rng(0).normal(size=(2, 1, 8, 3))
    point, low, high = aggregates.sample_efficiency(curves, 300)
    assert point == pytest.approx(stats.trim_mean(curves[:, 0], 0.25, axis=1))
    assert (low < point).all()
    assert (point < high).all()


# ---- paired comparisons ----


def test_the_sign_flip_test_of_five_equal_signs_is_two_of_thirty_two():
    assert paired.sign_flip(floats(1, 2, 3, 4, 5)) == (2 / 32, "sign-flip, exact")


def test_the_sign_flip_test_counts_by_hand():
    # differences 3, 1, -1: sums of all signs are 5 3 3 1 -1 -3 -3 -5; |sum| >= 3 in six of eight
    assert paired.sign_flip(floats(3, 1, -1))[0] == 6 / 8


def test_the_sign_flip_test_of_one_seed_or_of_equal_scores_says_nothing():
    assert paired.sign_flip(floats(7))[0] == 1
    assert paired.sign_flip(np.zeros(10))[0] == 1
    assert np.isnan(paired.sign_flip(floats())[0])


def test_many_seeds_are_tested_by_a_seeded_monte_carlo():
    differences = np.random.default_rng(0).normal(0.5, 1, 20)
    first, again = (paired.sign_flip(differences) for _ in range(2))
    assert first == again
    assert first[1] == "sign-flip, Monte Carlo"
    signs = 1 - 2.0 * ((np.arange(2**20)[:, None] >> np.arange(20)) & 1)
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
    assert first[0] == pytest.approx(exact, abs=0.01)


def test_a_comparison_by_hand():
    # differences 1, 3, 2: mean 2, sd 1. var x = var(2, 5, 5) = 3, var y = var(1, 2, 3) = 1
    (found,) = paired.compare(floats(2, 5, 5)[None], floats(1, 2, 3)[None])
    assert (found.n, found.difference.point, found.p) == (3, 2, 0.25)
    assert found.effect_size == 2
    assert found.variance_reduction == 1 - 1 / 4
    assert (found.difference.low, found.difference.high) == (1, 3)


def test_only_common_seeds_are_paired():
    (found,) = paired.compare(floats(2, 5, NAN, 9)[None], floats(1, NAN, 3, 7)[None])
    assert found.n == 2
    assert found.difference.point == 1.5


def test_one_common_seed_has_a_difference_and_no_interval():
    (found,) = paired.compare(floats(2, NAN, 4)[None], floats(1, 2, NAN)[None])
    assert (found.n, found.difference.point, found.p) == (1, 1, 1)
    assert np.isnan([found.difference.low, found.effect_size, found.variance_reduction]).all()
    assert verdicts.verdict(found.difference, 1.0, 100.0) == "undecided"


def test_two_seeds_have_an_interval_between_them_and_a_p_of_one_half():
    (found,) = paired.compare(floats(2, 6)[None], floats(1, 1)[None])
    assert found.difference == Interval(3, 1, 5)
    assert found.p == 0.5


def test_equal_scores_differ_by_nothing():
    (found,) = paired.compare(np.full((1, 6), 4.0), np.full((1, 6), 4.0))
    assert found.difference == Interval(0, 0, 0)
    assert found.p == 1
    assert np.isnan([found.effect_size, found.variance_reduction]).all()
    assert verdicts.verdict(found.difference, 1.0, 10.0) == "no effect larger than 5 %"


def test_what_rounding_leaves_of_equal_scores_is_no_difference():
    x, y = np.full((1, 6), 0.1 + 0.2), np.full((1, 6), 0.3)
    (found,) = paired.compare(x, y)
    assert found.difference == Interval(0, 0, 0)
    assert (found.p, np.isnan(found.effect_size)) == (1, True)
    (steady,) = paired.compare(floats(1.1, 2.2, 3.3)[None], floats(1.0, 2.1, 3.2)[None])
    assert np.isnan(steady.effect_size)  # not .1 over a standard deviation of 1e-16
    (turns,) = paired.compare(floats(0.1 + 0.2, 0.3)[None], floats(0.3, 0.1 + 0.2)[None])
    assert turns.difference.point == 0


def test_equal_answers_of_few_runs_do_not_show_that_shares_are_equal():
    none = np.zeros((1, 10))
    (found,) = paired.compare(none, none, answers=True)
    # 97.5 % limits of Clopper and Pearson for 0 of 10: 0 and 1 - (.025 / 2)^(1/10)
    most = 1 - 0.0125**0.1
    assert (found.difference.low, found.difference.high) == pytest.approx((-most, most))
    assert verdicts.verdict(found.difference, found.p, 1.0) == "undecided"
    many = np.zeros((1, 100))
    (found,) = paired.compare(many, many, answers=True)
    assert verdicts.verdict(found.difference, found.p, 1.0) == "no effect larger than 5 %"


def test_ten_answers_against_ten_differ_and_the_interval_holds_what_answers_can_tell():
    (found,) = paired.compare(np.ones((1, 10)), np.zeros((1, 10)), answers=True)
    least, most = 0.0125**0.1, 1 - 0.0125**0.1
    assert (found.difference.point, found.difference.high) == (1, 1)
    assert found.difference.low == pytest.approx(least - most)
    assert verdicts.verdict(found.difference, found.p, 1.0) == "differs"


@pytest.mark.parametrize(("only_x", "only_y"), [(0.1, 0.1), (0.5, 0.2), (0.9, 0.0), (0.04, 0.0), (0.3, 0.6)])
def test_the_interval_of_a_difference_of_shares_covers_it_at_least_as_often_as_it_says(
    only_x: float, only_y: float
):
    """Exactly, over all outcomes of ten pairs: so many in which only x says yes, so many in which only y does."""
    outcomes = stats.multinomial(10, [only_x, only_y, 1 - only_x - only_y])
    covered = 0.0
    for up in range(11):
        for down in range(11 - up):
            low, high = paired.share_difference(up, down, 10, 10)
            covered += outcomes.pmf([up, down, 10 - up - down]) * (low <= only_x - only_y <= high)
    assert covered >= 0.95


def test_answers_of_different_seeds_are_two_shares():
    x, y = floats(1, 1, 1, NAN, NAN, NAN), floats(NAN, NAN, NAN, 0, 0, 1)
    (found,) = paired.compare(x[None], y[None], answers=True)
    ends = [stats.binomtest(k, 3).proportion_ci(0.975, method="exact") for k in (3, 1)]
    assert found.n == 0
    assert found.difference.low == pytest.approx(ends[0].low - ends[1].high)
    assert found.difference.high == pytest.approx(ends[0].high - ends[1].low)


def test_without_common_seeds_two_samples_are_compared_by_mann_and_whitney():
    x, y = floats(4, 5, 6, NAN, NAN, NAN), floats(NAN, NAN, NAN, 1, 2, 3)
    (found,) = paired.compare(x[None], y[None])
    assert (found.n, found.test, found.difference.point) == (0, "Mann-Whitney", 3)
    assert found.p == stats.mannwhitneyu(x[:3], y[3:]).pvalue
    assert found.difference.low < 3 < found.difference.high


def test_a_side_without_runs_cannot_be_compared():
    (found,) = paired.compare(np.full((1, 3), NAN), floats(1, 2, 3)[None])
    assert np.isnan([found.p, found.difference.point]).all()
    assert verdicts.verdict(found.difference, found.p, 1.0) == "undecided"


def test_holms_adjustment_by_hand():
    # sorted .01 x 4, .02 x 3, .03 x 2, .5 x 1, never falling
    assert paired.holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert paired.holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])


def test_what_was_not_tested_does_not_count_in_holms_family():
    found = paired.holm([NAN, 0.02, 0.03])
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx([0.04, 0.04])
    assert paired.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]):
    adjusted = paired.holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(values)] == sorted(adjusted)


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (1, 9, 0.049, "differs"),
        (1, 9, 0.051, "undecided"),
        (-1, 9, 0.01, "undecided"),
        (-4.9, 4.9, 0.9, "no effect larger than 5 %"),
        (-5.1, 4.9, 0.9, "undecided"),
        (1, 2, 0.01, "differs"),
        (1, 2, 0.2, "no effect larger than 5 %"),
    ],
)
def test_verdicts_at_a_scale_of_100(low: float, high: float, p: float, expected: str):
    assert verdicts.verdict(Interval((low + high) / 2, low, high), p, 100.0) == expected


def test_without_a_scale_no_effect_is_called_small():
    assert verdicts.verdict(Interval(0, -0.1, 0.1), 1.0, NAN) == "undecided"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=8), st.floats(-50, 50, width=32))
def test_swapping_the_sides_swaps_the_sign_and_a_shift_changes_nothing(values: list[float], shift: float):
    x = np.array(values)[None]
    y = np.random.default_rng(0).normal(size=x.shape)
    (there,), (back,) = paired.compare(x, y), paired.compare(y, x)
    assert there.difference.point == pytest.approx(-back.difference.point)
    assert there.difference.low == pytest.approx(-back.difference.high, rel=0.2, abs=5)
    assert there.p == back.p
    (moved,) = paired.compare(x + shift, y + shift)
    assert moved.difference.point == pytest.approx(there.difference.point, abs=1e-6)


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
    assert power.seeds_needed(50.0, comparisons=10) == 9


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


# ---- does it say what it should where there is nothing to find? ----


def test_the_same_variant_under_two_names_is_called_different_about_five_times_in_a_hundred():
    rng = np.random.default_rng(2026)
    names, studies = 40, 10
    found = []
    for _ in range(studies):
        seeds = rng.normal(0, 30, 10)  # what a seed's luck does to all variants
        x, y = (seeds + rng.normal(400, 40, (names, 10)) for _ in range(2))
        found += [verdicts.verdict(one.difference, one.p, 450.0) for one in paired.compare(x, y)]
    quiet = np.mean([verdict != "differs" for verdict in found])
    assert 0.93 <= quiet <= 0.98
    assert {"undecided", "no effect larger than 5 %"} <= set(found)


def test_twelve_names_of_one_variant_are_rarely_any_different():
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(60):
        scores = rng.normal(400, 60, (13, 10))
        found = paired.compare(scores[1:], np.repeat(scores[:1], 12, axis=0))
        adjusted = paired.holm([one.p for one in found])
        both = zip(found, adjusted, strict=True)
        wrong += any(verdicts.verdict(one.difference, p, 450.0) == "differs" for one, p in both)
    assert wrong <= 6  # 5 % of 60 are 3


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(1)
    x, y = rng.normal(300, 40, (20, 10)), rng.normal(400, 40, (20, 10))
    found = [verdicts.verdict(one.difference, one.p, 450.0) for one in paired.compare(x, y)]
    assert found.count("differs") >= 18
