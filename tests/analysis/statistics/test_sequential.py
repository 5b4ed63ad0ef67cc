"""Looks: what they spend, when they can decide, and what Holm's method makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.contrasts import cliffs_delta, differences, effect_size, minus, variance_reduction
from analysis.statistics.sequential import Design, Judged, holm, judge, least_seeds, share_difference

NAN = float("nan")
CORE = (12, 16, 24, 32, 48, 64)


def last(found: Floats, design: Design, upto: list[int] | None = None) -> list[Judged]:
    return list(judge(found, design, upto))[-1]


def test_looks_spend_their_share_of_the_seeds():
    assert Design(CORE, 12).shares == [12 / 64, 4 / 64, 8 / 64, 8 / 64, 16 / 64, 16 / 64]
    assert Design((10,), 3).shares == [1]


def test_a_first_look_at_core_can_decide_from_twelve_seeds_on():
    assert least_seeds(12, 12 / 64, 0.05) == 12  # 1 + log2(12 / (.1875 x .05)) = 11.3
    assert least_seeds(1, 1.0, 0.05) == 6
    assert least_seeds(10, 1.0, 0.05) == 9


def test_the_least_p_of_drawn_flips_lies_a_factor_of_100_below_any_level():
    flips = Design(CORE, 12).flips(6)
    assert flips == 384_000
    assert 1 / (flips + 2) <= 4 / 64 * 0.05 / 12 / 100 <= 1 / (flips - 2)
    assert Design(CORE, 12, is_secondary=True).flips(6) == 96_000


def test_a_sequential_p_by_hand_and_that_it_never_rises():
    # 6 of 12: +1 six times, p = 2/64 of a half; then -1 six times: nothing
    (first, second) = judge(np.array([[1.0] * 6 + [-1.0] * 6]), Design((6, 12), 1), last=[2])
    assert (first[0].p, first[0].sequential_p) == (2 / 64, 4 / 64)
    assert (second[0].p, second[0].sequential_p, second[0].n) == (1, 4 / 64, 12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_sequential_p_values_never_rise(seed: int):
    found = np.random.default_rng(seed).normal(0.5, 1, (3, 20))
    found[0, 3:9] = NAN
    looks = list(judge(found, Design((6, 9, 14, 20), 3, margin=0.8), last=[4, 4, 2]))
    for name in ("sequential_p", "sequential_p_same", "p_adjusted", "p_same_adjusted"):
        values = np.array([[getattr(one, name) for one in look] for look in looks])
        assert (np.diff(values, axis=0) <= 0).all()


def test_a_decided_row_is_not_tested_again_and_keeps_its_p():
    rng = np.random.default_rng(0)
    found = np.stack([np.full(16, 5.0) + rng.normal(0, 0.1, 16), rng.normal(0, 3, 16)])
    looks = list(judge(found, Design((8, 16), 2)))
    assert [one.look for one in looks[0]] == [1, 1]
    assert [one.look for one in looks[1]] == [1, 2]
    assert looks[1][0].sequential_p == looks[0][0].sequential_p == 2 / 2**8 / 0.5
    assert looks[1][0].n == 8


def test_where_all_rows_are_decided_no_look_follows():
    found = np.random.default_rng(0).normal(5.0, 0.1, (2, 16))
    assert len(list(judge(found, Design((8, 16), 2)))) == 1


def test_verdicts_in_all_their_words():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (4, 14))
    rows = np.array([[30.0], [-30.0], [0.0], [3.0]]) + noise
    rows[2] = noise[2] - noise[2].mean()
    up, down, none, small = last(rows, Design((14,), 4, margin=10.0))
    assert [one.verdict(True) for one in (up, down, none, small)] == ["better", "worse", "same", "better"]
    assert [one.verdict(False) for one in (up, down)] == ["worse", "better"]
    assert [one.verdict(None) for one in (up, down)] == ["higher", "lower"]
    assert (small.differs, small.same, up.same) == (True, True, False)
    assert Judged().verdict(True) == "undecided"


def test_without_a_margin_nothing_is_the_same():
    (one,) = last(np.full((1, 10), 0.0), Design((10,), 1))
    assert one.verdict(True) == "undecided"
    assert np.isnan(one.p_same_adjusted)


def test_the_interval_is_the_intersection_over_the_looks_or_the_last_ones_own():
    steady = np.random.default_rng(0).normal(5.0, 1, (1, 24))
    first, second = (look[0] for look in judge(steady, Design((12, 24), 1), last=[2]))
    assert second.low == max(first.own_low, second.own_low)
    assert second.high == min(first.own_high, second.own_high)
    assert not second.is_last_look_alone
    turned = np.concatenate([steady[:, :12], steady[:, 12:] - 20], axis=1)
    first, second = (look[0] for look in judge(turned, Design((12, 24), 1), last=[2]))
    assert second.is_last_look_alone
    assert second.low <= second.difference <= second.high
    assert (second.low, second.high) == (second.own_low, second.own_high)


def test_a_difference_that_was_found_has_an_interval_without_zero_unless_it_is_marked():
    rng = np.random.default_rng(5)
    design = Design((8, 12, 20), 6, margin=0.6)
    for _ in range(10):
        for one in last(rng.normal(0.5, 1, (6, 20)), design):
            assert not one.differs or one.is_last_look_alone or one.low > 0 or one.high < 0


# ---- does it say what it should where there is nothing to find? ----


def test_twelve_names_of_one_variant_are_rarely_any_different_at_any_look():
    rng, wrong = np.random.default_rng(7), 0
    for _ in range(60):
        luck = rng.normal(0, 30, 12)  # what a seed's luck does to all variants
        scores = luck + rng.normal(400, 60, (13, 12))
        found = differences(scores, [minus(row, 0) for row in range(1, 13)])
        wrong += any(one.differs for one in last(found, Design((9, 10, 12), 12, margin=22.5)))
    assert wrong <= 6  # 5 % of 60 are 3


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(1)
    found = rng.normal(100, 40, (20, 10))
    assert sum(one.differs for row in found for one in last(row[None], Design((10,), 1))) >= 18


# ---- yes or no ----


def test_equal_answers_of_few_runs_do_not_show_that_shares_are_equal():
    most = 1 - 0.0125**0.1  # 97.5 % limit of Clopper and Pearson for 0 of 10
    (one,) = last(np.zeros((1, 10)), Design((10,), 1, margin=0.05, answers=True))
    assert (one.low, one.high) == pytest.approx((-most, most))
    assert one.verdict(True) == "undecided"
    assert np.isnan([one.p_same, one.sequential_p_same]).all()
    (many,) = last(np.zeros((1, 100)), Design((100,), 1, margin=0.05, answers=True))
    assert many.verdict(True) == "same"


def test_equal_shares_need_more_seeds_where_there_are_more_hypotheses():
    design = Design((100,), 12, margin=0.05, answers=True)
    assert last(np.zeros((12, 100)), design)[0].verdict(True) == "undecided"


@pytest.mark.parametrize(("only_x", "only_y"), [(0.1, 0.1), (0.5, 0.2), (0.9, 0.0), (0.04, 0.0), (0.3, 0.6)])
def test_the_interval_of_a_difference_of_shares_covers_it_at_least_as_often_as_it_says(
    only_x: float, only_y: float
):
    """Exactly, over all outcomes of ten pairs: so many in which only x says yes, so many in which only y does."""
    outcomes = stats.multinomial(10, [only_x, only_y, 1 - only_x - only_y])
    covered = 0.0
    for up in range(11):
        for down in range(11 - up):
            low, high = share_difference(up, down, 10)
            covered += outcomes.pmf([up, down, 10 - up - down]) * (low <= only_x - only_y <= high)
    assert covered >= 0.95


# ---- Holm ----


def test_holms_adjustment_by_hand():
    # sorted .01 x 4, .02 x 3, .03 x 2, .5 x 1, never falling
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])


def test_what_was_not_tested_counts_in_holms_family_only_where_the_plan_counts_it():
    found = holm([NAN, 0.02, 0.03])
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx([0.04, 0.04])
    assert holm([NAN, 0.02, 0.03], 3)[1:] == pytest.approx([0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]):
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(values)] == sorted(adjusted)


# ---- contrasts ----


def test_a_contrast_needs_all_of_its_rows_and_no_rounding_is_left():
    values = np.array([[2.0, 5.0, NAN, 0.1 + 0.2], [1.0, NAN, 3.0, 0.3], [1.0, 1.0, 1.0, 1.0]])
    found = differences(values, [minus(0, 1), {0: 0.5, 1: 0.5, 2: -1.0}])
    assert found[0, [0, 3]].tolist() == [1, 0]
    assert np.isnan(found[:, 1:3]).all()
    assert found[1, 0] == 0.5


def test_sizes_of_effects_by_hand():
    x, y = np.array([2.0, 5, 5, NAN]), np.array([1.0, 2, 3, 9])
    assert effect_size(x - y) == 2  # differences 1, 3, 2
    assert variance_reduction(x, y) == 1 - 1 / 4  # of var x = 3, var y = 1
    assert cliffs_delta(x[:3], y[:3]) == (1 - 1 + 0 + 3 + 3) / 9
    assert np.isnan(effect_size(np.array([0.1, 0.1 + 1e-17])))
    assert np.isnan([effect_size(x[:1]), variance_reduction(x[:1], y[:1]), cliffs_delta(x[3:], y)]).all()
