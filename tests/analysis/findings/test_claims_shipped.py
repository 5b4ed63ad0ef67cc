"""Every finding in claims.toml can come out each way: supported, contradicted, undecided, not tested."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.findings.claims import JudgedClaim, judge, read_claims
from analysis.findings.measured import measured
from analysis.findings.scores import environment_scores
from analysis.findings.summary import RowSummary
from analysis.loading import read as read_results
from analysis.metrics import score_run
from analysis.report.claims import reasons
from tests.analysis.findings.test_evidence import FACTS, rise
from tests.analysis.made_up import Columns, make_study, row, see

CLAIMS = {claim.name: claim for claim in read_claims()}

ROWS: Mapping[str, tuple[Sequence[str], Collection[str]]] = {
    "replay-and-target": (["dqn", "no-replay", "no-target"], {"dqn"}),
    "either-beats-neither": (["naive", "no-replay", "no-target"], {"no-replay", "no-target"}),
    "double-lowers-overestimation": (["dqn", "double"], {"dqn"}),
    "double-raises-return": (["dqn", "double"], {"double"}),
    "target-lowers-divergence": (["dqn", "no-target"], {"no-target"}),
    "double-lowers-divergence": (["dqn", "double"], {"dqn"}),
    "inverse-double-raises-divergence": (["double", "inverse-double"], {"inverse-double"}),
    "prioritisation-raises-divergence": (["per-flat", "per"], {"per"}),
    "prioritised-replay-learns-faster": (["dqn", "per"], {"per"}),
    "dueling-raises-return": (["dqn", "dueling"], {"dueling"}),
    "munchausen-lowers-churn": (["dqn", "munchausen"], {"dqn"}),
    "munchausen-widens-the-action-gap": (["dqn", "munchausen"], {"munchausen"}),
    "classification-raises-return": (["dqn", "hl-gauss"], {"hl-gauss"}),
    "resetting-adam-raises-return": (["dqn", "adam-reset"], {"adam-reset"}),
    "tricks-combine": (["dqn", "combined"], {"combined"}),
}
"""The rows that a claim compares, and those that have more of its metric if it is true."""


def judged(folder: Path, name: str, rows: Sequence[str], more: Collection[str], seeds: int) -> JudgedClaim:
    """The claim on made-up runs in which some rows have higher returns, and values beyond every bound."""

    def look(row: Mapping[str, Any], seed: int, steps: int) -> Mapping[str, Columns]:
        """What ``see`` makes up of a run with a target network (bounded), or of one without (beyond bounds)."""
        kind = "none" if row["label"] in more else "hard"
        return see({**row, "slots": {**row["slots"], "target": {"kind": kind}}}, seed, steps)

    play = rise(dict.fromkeys(more, 100.0))
    made = make_study(
        folder,
        [row(one) for one in rows],
        seeds=seeds,
        play=play,
        look=look,
        facts=FACTS,
    )
    results = read_results(made)
    (environment,) = results.environments
    lines = []
    for one in results.rows(environment["env_id"]):  # a line without intervals, which claims don't ask for
        run_data = tuple(measured(one, run, environment) for run in one.valid_runs)
        lines.append(
            RowSummary(
                one, environment["reward_threshold"], run_data, tuple(map(score_run, run_data)), {}, {}
            )
        )
    (scores,) = environment_scores(results, lines)
    return judge(scores, CLAIMS[name])


def test_every_shipped_claim_is_tried_here():
    assert set(ROWS) == set(CLAIMS)


@pytest.mark.parametrize("name", ROWS)
def test_a_claim_is_supported_by_runs_in_which_it_is_true(tmp_path: Path, name: str):
    rows, more = ROWS[name]
    found = judged(tmp_path / "s", name, rows, more, seeds=8)
    assert found.outcome == "supported", reasons(found)
    assert all("n = 8" in reason for reason in reasons(found))


@pytest.mark.parametrize("name", ROWS)
def test_a_claim_is_contradicted_by_runs_in_which_the_contrary_is_true(tmp_path: Path, name: str):
    rows, more = ROWS[name]
    found = judged(tmp_path / "s", name, rows, set(rows) - set(more), seeds=8)
    assert found.outcome == "contradicted", reasons(found)


@pytest.mark.parametrize("name", ROWS)
def test_a_claim_is_undecided_where_few_seeds_speak_for_it(tmp_path: Path, name: str):
    rows, more = ROWS[name]
    found = judged(tmp_path / "s", name, rows, more, seeds=3)
    assert found.outcome == "undecided", reasons(found)
    assert all("undecided" in reason and "n = 3" in reason for reason in reasons(found))


@pytest.mark.parametrize("name", ROWS)
def test_a_claim_is_not_tested_by_runs_without_one_of_its_rows(tmp_path: Path, name: str):
    rows, more = ROWS[name]
    found = judged(tmp_path / "s", name, rows[:1], more, seeds=2)
    assert found.outcome == "not tested by these runs"
    assert all(reason.startswith("No two rows differ in this alone") for reason in reasons(found))
