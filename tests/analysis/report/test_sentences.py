"""Sentences made of numbers: worked by hand for each kind of verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.findings.against_baseline import RowComparison
from analysis.findings.factorial_effects import EstimatedEffect
from analysis.findings.looks import Looks
from analysis.findings.margins import DECIDE
from analysis.metrics import METRICS
from analysis.report.sentences import answers, effect_sentences, sentence, summary
from analysis.statistics.factorial import Effect
from analysis.statistics.intervals import NOTHING, Interval
from analysis.statistics.power import SeedsNeeded
from analysis.statistics.sequential import Judged

NAMES = {"double": "Double", "dqn": "DQN"}


def judged(n: int = 10, ends: Interval = NOTHING, verdict: str = "undecided") -> Judged:
    return Judged(
        look=1, n=n, difference=ends.point, low=ends.low, high=ends.high, p_adjusted=0.0123, p_same_adjusted=0.04,
        differs=verdict in ("differs", "small"), same=verdict in ("same", "small"),
    )  # fmt: skip


def compared(
    metric: str = "final_return", n: int = 10, ends: Interval = NOTHING, verdict: str = "undecided", **others
) -> RowComparison:
    one = RowComparison(
        env_id="CartPole-v1",
        metric=METRICS[metric],
        label="double",
        against="dqn",
        means=(0.0, 0.0),
        judged=judged(n, ends, verdict),
        family=1,
        margin=22.75,
        effect_size=1.0,
        cliffs_delta=0.5,
        variance_reduction=0.5,
        seeds=None,
        failed=0,
        at_worst=np.nan,
        at_best=np.nan,
    )
    return replace(one, **others)


def test_a_lower_value_is_told_with_its_sign_turned_and_its_interval_the_right_way_round():
    one = compared("overestimation", ends=Interval(-12.34, -20.0, -10.1), verdict="differs")
    assert sentence(one, NAMES) == (
        "Double lowers overestimation by 12.3 [10.1, 20.0] (value) against DQN, n = 10, Holm p = 0.012."
    )


def test_a_higher_value_says_whether_that_is_better():
    one = compared(ends=Interval(50.0, 20.0, 80.0), verdict="differs")
    assert sentence(one, NAMES) == (
        "Double raises final return by 50.0 [20.0, 80.0] (return per episode) against DQN, n = 10, "
        "Holm p = 0.012: better."
    )
    worse = compared("running_variance", ends=Interval(50.0, 20.0, 80.0), verdict="differs")
    assert sentence(worse, NAMES).endswith(": worse.")


def test_what_is_undecided_says_how_many_seeds_would_be_needed():
    one = compared(ends=Interval(13.4, -5.0, 31.9), seeds=SeedsNeeded(24, 9, None))
    assert sentence(one, NAMES) == (
        "Double against DQN: final return is undecided at n = 10 (+13.4 [-5.00, 31.9], return per episode); "
        "about 24 seeds (9 to more than 100 over the interval) would be needed if the true difference equals the "
        "observed one."
    )


def test_more_seeds_than_any_table_holds_and_differences_that_do_not_vary():
    many = compared(ends=Interval(1.5, -5.0, 8.0), seeds=SeedsNeeded(None, None, None))
    assert "; more than 100 seeds would be needed if" in sentence(many, NAMES)
    even = compared("loss", ends=Interval(0.0, 0.0, 0.0), seeds=None)
    assert sentence(even, NAMES).endswith("is undecided at n = 10 (0.0 [0.0, 0.0], loss).")


def test_within_the_margin_says_what_the_margin_is():
    one = compared(ends=Interval(-1.5, -6.0, 3.0), verdict="same")
    assert sentence(one, NAMES) == (
        "Double is within the margin of DQN on final return (-1.50 [-6.00, 3.00], return per episode; "
        "the margin is 22.8), n = 10."
    )
    small = compared(ends=Interval(3.0, 1.0, 5.0), verdict="small")
    assert sentence(small, NAMES).endswith("Holm p = 0.012: better by less than the margin (22.8).")
    neither = compared("overestimation", ends=Interval(3.0, 1.0, 5.0), verdict="small")
    assert sentence(neither, NAMES).endswith("Holm p = 0.012: by less than the margin (22.8).")


def test_before_the_first_look_nothing_is_said():
    looks = Looks(DECIDE, planned=(8, 16))
    one = compared(n=3, ends=Interval(13.4, np.nan, np.nan), looks=looks)
    one = replace(one, judged=replace(one.judged, look=0))
    assert sentence(one, NAMES) == (
        "Double against DQN: no look at final return is judged yet (+13.4, return per episode, n = 3)."
    )


def test_one_seed_decides_nothing():
    one = compared(n=1, ends=Interval(13.4, np.nan, np.nan))
    assert sentence(one, NAMES) == (
        "Double against DQN: one seed can't decide on final return (+13.4, return per episode, n = 1)."
    )
    few = compared(n=4, ends=Interval(13.4, np.nan, np.nan))
    assert "4 seeds can't decide on final return" in sentence(few, NAMES)


def test_what_is_missing_is_said_to_be_missing():
    assert sentence(compared(n=0), NAMES) == "Double against DQN: no final return to compare."
    assert answers([compared(n=0)], NAMES) == []
    assert answers([], NAMES) == []


def test_failed_runs_are_shown_at_worst_and_at_best():
    one = compared(ends=Interval(50.0, 20.0, 80.0), verdict="differs", failed=2, at_worst=-30.0, at_best=90.0)
    assert sentence(one, NAMES).endswith(
        "better. With the 2 failed runs of either side at the worst or the best of any run, the difference lies "
        "between -30.0 and 90.0."
    )


def test_a_row_without_a_name_keeps_its_label():
    assert sentence(compared(n=0), {}).startswith("double against dqn")


def test_what_differs_comes_first_and_is_counted():
    ends = Interval(50.0, 20.0, 80.0)
    found = [compared(ends=ends), compared(ends=ends, verdict="differs"), compared("auc", ends=ends)]
    second, first = answers(found, NAMES)
    assert first.title == "Final return (return per episode; bigger is better)"
    assert first.summary == "1 of 2 rows differs from the baseline; 1 undecided."
    assert ["raises" in text for text in first.sentences] == [True]
    assert ["undecided" in text for text in first.undecided] == [True]
    assert second.title == "Mean of the curve (return per episode; bigger is better): the primary metric"
    assert second.summary == "the row does not differ from the baseline; 1 undecided."


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (["differs"], "the row differs from the baseline."),
        (["differs", "differs"], "2 of 2 rows differ from the baseline."),
        (
            ["undecided", "same"],
            "none of 2 rows differ from the baseline; 1 within the margin; 1 undecided.",
        ),
    ],
)
def test_a_summary_counts_the_verdicts(verdicts: list[str], text: str):
    assert summary([compared(verdict=verdict) for verdict in verdicts]) == text


def test_a_main_effect_says_what_replaces_what_and_whether_its_sign_is_known():
    effect = Effect("main", "target: hard - none", "", {}, 6)
    number = judged(ends=Interval(40.0, 10.0, 70.0), verdict="differs")
    known = EstimatedEffect("CartPole-v1", "", "final_return", effect, number, 8)
    (text,) = effect_sentences([known])
    assert text == (
        "target, hard instead of none: raises final return by 40.0 [10.0, 70.0] (return per episode, mean over "
        "6 pairs of cells, n = 10, CartPole-v1, Holm p = 0.012)."
    )
    (text,) = effect_sentences([replace(known, judged=judged(ends=Interval(40.0, -10.0, 90.0)))])
    assert "the effect on final return is undecided (+40.0 [-10.0, 90.0]; return per episode" in text
    small = replace(known, judged=judged(ends=Interval(4.0, -1.0, 9.0), verdict="same"))
    assert (
        "the effect on final return is within the margin (+4.00 [-1.00, 9.00]" in effect_sentences([small])[0]
    )
    assert effect_sentences([replace(known, judged=judged())]) == []
