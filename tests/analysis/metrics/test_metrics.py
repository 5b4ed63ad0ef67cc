"""Each metric on numbers that fit on the back of an envelope."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analysis import metrics
from tests.oracles import curve as curve_oracle
from tests.oracles import running_variance as variance_oracle


def ints(*values: int) -> metrics.Ints:
    return np.array(values, dtype=np.int64)


def floats(*values: float) -> metrics.Floats:
    return np.array(values, dtype=np.float64)


def scored(ends: metrics.Ints, returns: metrics.Floats, steps: int, threshold: float | None):
    return metrics.score_run(metrics.RunData(ends, returns, steps, threshold))


def test_the_running_mean_takes_what_there_is_and_then_the_last_window():
    found = metrics.running_mean(floats(1, 3, 5, 100), window=3)
    assert found.tolist() == [1, 2, 3, 36]


def test_the_curve_is_nan_before_the_first_episode_and_never_looks_ahead():
    found = metrics.curve(ints(10, 25), floats(4, 8), at=ints(5, 10, 24, 25, 40), steps=40)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [4, 4, 6, 6]


def test_the_curve_is_held_to_the_last_environment_step_and_not_beyond():
    found = metrics.curve(ints(10), floats(4), at=ints(39, 40, 41), steps=40)
    assert found[:2].tolist() == [4, 4]
    assert np.isnan(found[2])


def test_a_run_without_episodes_has_no_curve_and_no_scores():
    found = scored(ints(), floats(), steps=100, threshold=5.0)
    assert np.isnan(metrics.curve(ints(), floats(), ints(50, 100), 100)).all()
    assert np.isnan(found["final_return"])
    assert np.isnan(found["auc"])
    assert found["solved"] == 0


def test_the_final_return_is_the_mean_of_episodes_ending_in_the_last_tenth():
    # of 1000 steps, 901 to 1000: the episode that ends at 900 is not in it
    assert metrics.final_return(ints(500, 900, 901, 1000), floats(1, 2, 10, 20), steps=1000) == 15
    assert np.isnan(metrics.final_return(ints(500, 900), floats(1, 2), steps=1000))


def test_auc_is_the_time_average_of_the_curve():
    # 2 from step 10 to 19 (10 steps), then the mean of 2 and 4 from 20 to 39 (20 steps)
    assert metrics.auc(ints(10, 20), floats(2, 4), steps=39) == pytest.approx((2 * 10 + 3 * 20) / 30)


def test_auc_of_an_episode_that_ends_with_the_run_is_its_return():
    assert metrics.auc(ints(40), floats(7), steps=40) == 7


def test_solved_needs_a_full_window():
    assert metrics.first_solved(floats(*[10] * 9), threshold=10) is None
    assert metrics.first_solved(floats(*[10] * 10), threshold=10) == 9


def test_solved_is_the_first_time_the_mean_of_ten_reaches_the_threshold():
    returns = floats(*[0] * 10, *[10] * 10, *[0] * 5)
    # the mean reaches 5 with the fifth ten: episode 15, index 14
    assert metrics.first_solved(returns, threshold=5) == 14
    found = scored(np.arange(1, 26) * 10, returns, steps=300, threshold=5.0)
    assert (found["solved"], found["steps_to_threshold"], found["episodes_to_threshold"]) == (1, 150, 15)


def test_a_run_that_does_not_reach_the_threshold_has_no_time_to_it():
    found = scored(np.arange(1, 26), floats(*[1] * 25), steps=30, threshold=5.0)
    assert found["solved"] == 0
    assert np.isnan(found["steps_to_threshold"])
    assert np.isnan(found["episodes_to_threshold"])


def test_without_a_threshold_nothing_is_said_of_solving():
    found = scored(ints(10), floats(1), steps=10, threshold=None)
    assert np.isnan([found["solved"], found["solved_100"], found["steps_to_threshold"]]).all()


def test_the_lessons_form_of_solved_is_not_applicable_to_a_small_budget():
    returns = floats(*[5] * 100)
    assert np.isnan(metrics.solved_over_100(returns, threshold=5, steps=499))
    assert metrics.solved_over_100(returns, threshold=5, steps=500) == 1
    assert metrics.solved_over_100(returns[:99], threshold=5, steps=500) == 0


def test_the_growing_running_variance_starts_at_zero():
    found = metrics.running_variance(floats(1, 3, 5, 7), window=3, form="growing")
    assert found == pytest.approx([0, 1, 8 / 3, 8 / 3])


def test_full_windows_only_are_nan_before_the_window_is_full():
    found = metrics.running_variance(floats(1, 3, 5, 8), window=3, form="full")
    assert np.isnan(found[:2]).all()
    assert found[2:] == pytest.approx([8 / 3, 38 / 9])


def test_the_variance_around_the_trend_ignores_a_straight_climb():
    found = metrics.running_variance(np.arange(30.0) * 7, form="trend")
    assert np.isnan(found[:9]).all()
    assert found[9:] == pytest.approx(np.zeros(21), abs=1e-20)


def test_the_variance_around_the_trend_is_the_squared_residual_times_w_over_w_minus_2():
    # around the line of 0, 1, 0 (flat, at 1/3) the residuals are -1/3, 2/3, -1/3: mean square 2/9, times 3/1
    found = metrics.running_variance(floats(0, 1, 0), window=3, form="trend")
    assert found[2] == pytest.approx(2 / 3)


def test_the_variance_around_the_trend_is_unbiased_for_noise_around_a_climb():
    returns = 3.0 * np.arange(200_000) + np.random.default_rng(0).normal(0, 2, 200_000)
    assert np.nanmean(metrics.running_variance(returns, form="trend")) == pytest.approx(4, rel=0.02)


def test_a_trend_through_two_episodes_is_refused():
    with pytest.raises(ValueError, match="3 or more"):
        metrics.running_variance(floats(1, 2, 3), window=2, form="trend")


@pytest.mark.parametrize("count", [0, 1, 5, 9, 10, 11, 60])
def test_the_fast_metrics_equal_the_loops(count: int):
    rng = np.random.default_rng(count)
    ends = np.cumsum(rng.integers(1, 20, count))
    returns = rng.normal(100, 50, count)
    steps = int(ends[-1]) + 7 if count else 50
    at = metrics.grid(steps, 40)
    curve = curve_oracle.curve(ends.tolist(), returns.tolist(), steps, at.tolist())
    np.testing.assert_allclose(metrics.curve(ends, returns, at, steps), curve)
    final = curve_oracle.final_return(ends.tolist(), returns.tolist(), steps)
    np.testing.assert_allclose(metrics.final_return(ends, returns, steps), final)
    every = list(range(1, steps + 1))
    auc = curve_oracle.auc(curve_oracle.curve(ends.tolist(), returns.tolist(), steps, every))
    np.testing.assert_allclose(metrics.auc(ends, returns, steps), auc)
    for form, oracle in (
        ("growing", variance_oracle.growing),
        ("full", variance_oracle.full),
        ("trend", variance_oracle.around_trend),
    ):
        found = metrics.running_variance(returns, 10, form)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, oracle(returns.tolist()), rtol=1e-9, atol=1e-9)


def test_the_grid_ends_at_the_budget_and_starts_after_zero():
    assert metrics.grid(50_000, 200)[[0, -1]].tolist() == [250, 50_000]
    assert metrics.grid(3, 200).tolist() == [1, 2, 3]


def test_every_metric_is_in_the_document_of_metrics():
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text)) | {"curve"}
    missing = {name.removeprefix("training_") for name in metrics.METRICS} - named
    assert not missing


def test_every_metric_declares_its_unit_and_direction():
    assert all(
        metric.unit and metric.bigger_is_better in (True, False, None) for metric in metrics.METRICS.values()
    )
    assert all(name == metric.name for name, metric in metrics.METRICS.items())
    assert not metrics.METRICS["running_variance"].bigger_is_better
    assert metrics.METRICS["final_return"].bigger_is_better
