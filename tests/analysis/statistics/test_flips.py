"""Sign flips against scipy's permutation test, and the intervals that agree with them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.flips import FlipTests, flip_tests

NAN = float("nan")


def flipped(*rows: object, margin: float = NAN, level: float = 0.05, flips: int = 10_000) -> FlipTests:
    differences = np.array(rows, dtype=np.float64)
    return flip_tests(differences, np.full(len(rows), margin), level, flips, 1)


def permuted(differences: Floats, alternative: Literal["two-sided", "less", "greater"]) -> float:
    every: Any = np.inf
    found = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=every, alternative=alternative
    )
    return float(found.pvalue)


def test_five_equal_signs_are_two_of_thirty_two():
    found = flipped([1, 2, 3, 4, 5])
    assert (found.p[0], found.hits[0], found.vectors[0], found.mean[0]) == (2 / 32, 1, 32, 3)


def test_hits_by_hand():
    # differences 3, 1, -1: sums of all signs are 5 3 3 1 -1 -3 -3 -5, the observed one 3: three of eight are as large
    found = flipped([3, 1, -1])
    assert (found.hits[0], found.p[0]) == (3, 6 / 8)


def test_same_by_hand():
    # m = 2: D + m = 3, 2, 1, of whose sums 6 4 2 0 ... one is as large; D - m = -1, -2, -3 likewise
    found = flipped([1, 0, -1], margin=2.0)
    assert (found.hits_same[0], found.p_same[0]) == (1, 1 / 8)
    assert np.isnan(flipped([1, 0, -1]).p_same)


def test_one_seed_or_only_zeros_say_nothing_and_none_is_not_tested():
    found = flipped([7, NAN], [0, 0], [NAN, NAN])
    assert found.p[:2].tolist() == [1, 1]
    assert np.isnan([found.p[2], found.mean[2]]).all()
    assert found.n.tolist() == [1, 2, 0]


@pytest.mark.parametrize("count", [2, 5, 9, 13])
def test_exact_tests_are_those_of_scipy(count: int):
    rng = np.random.default_rng(count)
    differences = np.round(rng.normal(0.4, 1, (6, count)), 1)  # with ties
    found = flip_tests(differences, np.full(6, 0.7), 0.05, 0, 1)
    for place, row in enumerate(differences):
        assert found.p[place] == pytest.approx(permuted(row, "two-sided"))
        both = permuted(row + 0.7, "greater"), permuted(row - 0.7, "less")
        assert found.p_same[place] == pytest.approx(max(both))


def test_rows_that_lack_a_seed_use_the_others_of_their_own():
    whole = flipped([1, 2, 3, 4, 5, 6], margin=2.0)
    torn = flipped([1, NAN, 2, 3, NAN, 4, 5, 6], [9, 9, 9, 9, 9, 9, 9, 9], margin=2.0)
    for name in ("n", "hits", "hits_same", "p", "p_same", "low", "high"):
        assert getattr(torn, name)[0] == getattr(whole, name)[0]


def test_sums_that_are_equal_but_for_rounding_are_hits():
    # .1 + .2 and .3 are as far from 0
    assert flipped([0.1, 0.2, 0.3]).hits[0] == 1
    assert flipped([0.1, 0.2, -0.3]).p[0] == 1
    assert flipped([0.1, 0.2, -0.3], [1, 2, -3]).hits.tolist() == [5, 5]


def test_many_seeds_are_tested_by_drawn_pairs_that_any_machine_repeats():
    differences = np.random.default_rng(0).normal(0.4, 1, 20)
    found, again = (flipped(differences, margin=1.0, flips=100_000) for _ in range(2))
    alone = flipped(*[differences] * 40, margin=1.0, flips=100_000)  # in other chunks
    assert found.hits == again.hits == alone.hits[7]
    assert found.low == alone.low[7]
    assert found.vectors[0] == 100_002
    signs = 1 - 2.0 * ((np.arange(2**20)[:, None] >> np.arange(20)) & 1)
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
    assert found.p[0] == pytest.approx(exact, rel=0.05)
    # no drawn vector is as extreme: the identity alone counts, and its opposite on the other side
    assert flipped(np.full(40, 5.0), flips=1000).hits[0] == 1
    assert flipped(np.zeros(40), flips=1000).hits[0] == 1002


def test_an_interval_by_hand():
    # n = 6 at .05: K = floor(.05 x 64 / 2) = 1, the least and the largest mean of a subset
    found = flipped([1, 2, 3, 4, 5, 9])
    assert (found.low[0], found.high[0]) == (1, 9)
    # at .1, K = 3: single 1, {1, 2} and then {2} or {1, 3}; from above 9, {5, 9} = 7, {4, 9} = 6.5
    found = flipped([1, 2, 3, 4, 5, 9], level=0.1)
    assert (found.low[0], found.high[0]) == (2, 6.5)


def test_below_six_seeds_there_is_no_interval():
    found = flipped([1, 2, 3, 4, 5])
    assert np.isnan([found.low, found.high]).all()


def test_equal_differences_have_an_interval_of_no_width():
    found = flipped([0.1] * 8, [0.3] * 8)
    assert found.low == pytest.approx([0.1, 0.3], rel=1e-14)
    assert found.high == pytest.approx([0.1, 0.3], rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-6, 6), min_size=2, max_size=9),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.sampled_from([0.5, 1.0, 2.5]),
)
def test_tests_and_intervals_agree_also_at_ties(values: list[int], level: float, margin: float):
    differences = np.array(values) / 10
    found = flipped(differences, margin=margin / 10, level=level)
    low, high = found.low[0], found.high[0]
    assert (low > 0 or high < 0) == (found.p[0] <= level)
    twice = flipped(differences, margin=margin / 10, level=2 * level)
    inside = -margin / 10 < twice.low[0] and twice.high[0] < margin / 10
    assert inside == (found.p_same[0] <= level)


@pytest.mark.parametrize("seed", range(3))
def test_drawn_tests_and_intervals_agree(seed: int):
    differences = np.random.default_rng(seed).normal(0.3, 1, (30, 24))
    differences[0, :12] = NAN
    found = flip_tests(differences, np.full(30, 0.7), 0.05, 2000, 3)
    assert ((found.low > 0) | (found.high < 0)).tolist() == (found.p <= 0.05).tolist()
    twice = flip_tests(differences, np.full(30, 0.7), 0.1, 2000, 3)
    assert ((twice.low > -0.7) & (twice.high < 0.7)).tolist() == (found.p_same <= 0.05).tolist()
