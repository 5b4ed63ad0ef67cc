"""Collapses, soft divergence, overestimation and probe diagnostics, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.metrics import METRICS, RunData, score_run
from analysis.metrics.collapses import Collapse, collapses
from analysis.metrics.series import Floats
from analysis.metrics.values import (
    LARGEST,
    evaluation_curve,
    first_crossing,
    largest,
    overestimation,
    overestimation_tail,
    share_outside,
    value_excess,
)


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def probes(q_max: Floats, q_min: Floats | None = None, batch: Floats | None = None) -> dict[str, Floats]:
    rows = len(q_max)
    return {
        "global_step": np.arange(1000.0, 1000.0 * (rows + 1), 1000.0),
        "q_max": q_max,
        "q_min": np.zeros(rows) if q_min is None else q_min,
        "batch_q_abs_max": np.full(rows, np.nan) if batch is None else batch,
    }


def run(*blocks: tuple[int, float]) -> tuple[np.ndarray, Floats]:
    """Episodes of ten steps: how many, and their return."""
    returns = np.concatenate([np.full(count, value) for count, value in blocks])
    return 10 * np.arange(1, len(returns) + 1), returns


def test_a_collapse_begins_below_half_of_the_way_and_ends_at_the_threshold():
    # threshold 10, random 2: half of the way is 6. Ten tens solve at step 100. Each 0 takes 1 off the mean: the fifth,
    # at step 150, takes it to 5. Ten 10s bring it back: the last 0 leaves the window at step 250.
    ends, returns = run((10, 10), (5, 0), (10, 10))
    assert collapses(ends, returns, 10, 2) == [Collapse(150, 250)]


def test_a_collapse_without_recovery_is_open():
    ends, returns = run((10, 10), (20, 0))
    assert collapses(ends, returns, 10, 2) == [Collapse(150, None)]


def test_wavering_around_the_half_is_one_collapse_and_a_second_needs_a_recovery():
    ends, returns = run((10, 10), (5, 0), (4, 10), (3, 0), (20, 10), (6, 0))
    found = collapses(ends, returns, 10, 2)
    assert [collapse.at for collapse in found] == [150, 470]
    assert found[0].recovered_at is not None
    assert found[1].recovered_at is None


def test_a_run_that_never_solves_cannot_collapse():
    ends, returns = run((30, 5))
    assert collapses(ends, returns, 10, 2) == []
    found = score_run(RunData(ends, returns, 300, threshold=10, random=2))
    assert np.isnan([found["collapses"], found["recoveries"], found["steps_to_recovery"]]).all()


def test_a_run_that_solves_and_stays_has_no_collapse():
    ends, returns = run((30, 10))
    found = score_run(RunData(ends, returns, 300, threshold=10, random=2))
    assert (found["collapses"], found["recoveries"]) == (0, 0)


def test_the_scores_count_collapses_and_time_the_first_recovery():
    ends, returns = run((10, 10), (5, 0), (10, 10), (6, 0))
    run_data = RunData(ends, returns, 400, threshold=10, random=2)
    found = score_run(run_data)
    assert (found["collapses"], found["recoveries"], found["steps_to_recovery"]) == (2, 1, 100)
    censored_at = METRICS["steps_to_recovery"].censored_at
    assert censored_at is not None
    assert censored_at(run_data) == 250


def test_without_a_random_policy_there_is_no_half_of_the_way():
    ends, returns = run((30, 10))
    assert np.isnan(score_run(RunData(ends, returns, 300, threshold=10))["collapses"])


def test_soft_divergence_needs_five_percent_of_the_bounds_width_beyond_a_bound():
    # bounds [1, 100]: 5 % of 99 is 4.95
    assert np.isnan(first_crossing(probes(floats(50, 100, 104.9)), (1, 100)))
    assert first_crossing(probes(floats(50, 105, 50, 200)), (1, 100)) == 2000
    assert np.isnan(first_crossing(probes(floats(0, 0), floats(-3.9, 0)), (1, 100)))
    assert first_crossing(probes(floats(0, 0), floats(0, -4)), (1, 100)) == 2000


def test_signed_bounds_see_what_the_size_alone_would_miss():
    # MountainCar: every value lies in [-100, -1]; +20 is impossible, though |20| is small
    assert first_crossing(probes(floats(-50, 20)), (-100, -1)) == 2000


def test_a_batch_between_two_probes_can_tell_of_soft_divergence():
    assert first_crossing(probes(floats(50, 50), batch=floats(90, 105)), (1, 100)) == 2000


def test_values_that_are_nan_cross_nothing_but_a_run_that_diverged_did():
    nothing = probes(floats(np.nan, np.nan), floats(np.nan, np.nan))
    assert np.isnan(first_crossing(nothing, (1, 100)))
    assert first_crossing(nothing, (1, 100), diverged_at=1500) == 1500
    assert first_crossing(probes(floats(np.inf)), (1, 100)) == 1000


def test_without_bounds_or_probes_nothing_is_said_of_soft_divergence():
    ends, returns = run((3, 1))
    seen = probes(floats(500))
    assert np.isnan(score_run(RunData(ends, returns, 30, probes=seen))["soft_divergence"])
    assert np.isnan(score_run(RunData(ends, returns, 30, bounds=(1, 100)))["soft_divergence"])
    found = score_run(RunData(ends, returns, 30, bounds=(1, 100), probes=seen))
    assert (found["soft_divergence"], found["steps_to_soft_divergence"]) == (1, 1000)


def test_unbounded_divergence_is_what_the_manifest_says():
    ends, returns = run((3, 1))
    assert score_run(RunData(ends, returns, 30))["unbounded_divergence"] == 0
    assert score_run(RunData(ends, returns, 30, diverged_at=20))["unbounded_divergence"] == 1


def test_overestimation_is_predicted_minus_obtained():
    assert overestimation(floats(10, 12, np.inf), floats(9, 9, 9)) == 2
    assert np.isnan(overestimation(floats(), floats()))


def test_the_cut_tail_is_bounded_by_the_larger_bound():
    # two episodes, one terminated, one cut with gamma^T = 0.01 left: at most 0.01 x 100 / 2
    assert overestimation_tail(floats(0, 0.01), (1, 100)) == pytest.approx(0.5)
    assert overestimation_tail(floats(0, 0.01), (-200, 100)) == pytest.approx(1.0)


def test_the_evaluation_curve_is_the_mean_of_each_evaluations_episodes():
    at, returns = evaluation_curve(floats(100, 100, 200, 200), floats(1, 3, 5, 9))
    assert at.tolist() == [100, 200]
    assert returns.tolist() == [2, 7]


def test_diagnostics_are_means_over_the_probes_that_have_them():
    ends, returns = run((3, 1))
    seen = probes(floats(3, 7), floats(-5, 1)) | {"churn": floats(np.nan, 0.25), "loss": floats(1, np.inf)}
    found = score_run(RunData(ends, returns, 30, probes=seen))
    assert (found["churn"], found["loss"], found["largest_q"], found["smallest_q"]) == (0.25, 1, 7, -5)
    assert np.isnan(found["action_gap"])


def test_the_final_evaluation_is_the_mean_of_the_last_tenth():
    ends, returns = run((3, 1))
    seen = {"global_step": floats(89, 91, 100), "episodic_return": floats(0, 4, 8)}
    assert score_run(RunData(ends, returns, 100, evaluations=seen))["evaluation_return"] == 6


def test_distances_from_exact_values_are_means_over_a_run_and_its_largest():
    ends, returns = run((3, 1))
    seen = {"q_error_mean": floats(4, 2), "q_error_max": floats(9, 3), "regret": floats(1, 0)}
    found = score_run(RunData(ends, returns, 30, exact=seen))
    assert (found["q_error"], found["largest_q_error"], found["regret"]) == (3, 9, 0.5)
    assert np.isnan(found["exact_overestimation"])


def test_an_infinite_extreme_counts_as_the_largest_number_so_that_its_run_stays_in_the_mean():
    assert largest(np.array([np.nan, 3.0, np.inf])) == LARGEST
    assert largest(np.array([-np.inf])) == -LARGEST
    assert np.isnan(largest(np.array([np.nan])))


def test_value_excess_counts_powers_of_ten_of_the_bounds_width():
    # bounds [0, 100]: 1000 is 9 widths beyond, log10(1 + 9) = 1; -9900 is 99 widths below, log10(100) = 2
    inside = probes(floats(40, 100), floats(0, 5))
    assert value_excess(inside, (0.0, 100.0)) == 0.0
    assert value_excess(probes(floats(40, 1000, 60)), (0.0, 100.0)) == pytest.approx(1.0)
    assert value_excess(probes(floats(40, 1000), floats(0, -9900)), (0.0, 100.0)) == pytest.approx(2.0)


def test_value_excess_ends_at_six_and_a_run_that_diverged_has_it():
    assert value_excess(probes(floats(1e30)), (0.0, 1.0)) == 6.0
    assert value_excess(probes(floats(np.inf)), (0.0, 1.0)) == 6.0
    assert value_excess(probes(floats(0.5)), (0.0, 1.0), diverged_at=900) == 6.0
    assert np.isnan(value_excess(probes(floats(np.nan)), (0.0, 1.0)))


def test_time_outside_the_bounds_is_a_share_of_the_probes():
    beside = probes(floats(50, 101, 100, np.nan, 300), floats(0, 0, 0, np.nan, 0))
    assert share_outside(beside, (0.0, 100.0)) == pytest.approx(2 / 4)


def test_value_excess_is_not_known_without_bounds_or_probes():
    ends, returns = run((5, 1))
    for known in ({}, {"bounds": (0.0, 1.0)}, {"probes": probes(floats(5))}):
        found = score_run(RunData(ends, returns, 50, **known))
        assert np.isnan([found["value_excess"], found["share_outside"]]).all()
    both = score_run(RunData(ends, returns, 50, bounds=(0.0, 1.0), probes=probes(floats(10))))
    assert both["value_excess"] == pytest.approx(1.0)
    assert both["share_outside"] == 1.0
