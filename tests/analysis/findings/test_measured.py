"""Where Q is no return, nothing is said that compares the two; everything else is."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from analysis.findings.measured import measured
from analysis.loading import read
from analysis.metrics import score_run
from tests.analysis.findings.test_evidence import FACTS
from tests.analysis.made_up import make_study, row, see

OF_RETURNS = ("soft_divergence", "steps_to_soft_divergence", "overestimation", "overestimation_tail")


@pytest.mark.parametrize(("name", "is_return"), [("dqn", True), ("munchausen", False), ("soft-q", False)])
def test_bounds_and_overestimation_are_not_applicable_where_q_is_no_return(
    tmp_path: Path, name: str, is_return: bool
) -> None:
    study = make_study(tmp_path / "s", [row(name, target={"kind": "none"})], seeds=1, look=see, facts=FACTS)
    results = read(study)
    (environment,) = results.environments
    (made,) = results.rows(environment["env_id"])
    (run,) = made.valid_runs
    scores = score_run(measured(made, run, environment))
    assert made.no_return == (not is_return)
    assert {each: not math.isnan(scores[each]) for each in OF_RETURNS} == dict.fromkeys(OF_RETURNS, is_return)
    assert not math.isnan(scores["final_return"] + scores["churn"] + scores["action_gap"])
