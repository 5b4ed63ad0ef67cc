"""Findings of the literature against stored runs: each outcome, from runs in which it was put there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analysis.findings.claims import Claim, JudgedClaim, Mechanism, Step, comparable_pairs, judge, read_claims
from analysis.findings.scores import EnvironmentScores, environment_scores
from analysis.findings.summary import summarize
from analysis.loading import read as read_results
from analysis.report.claims import reasons
from tests.analysis.findings.test_evidence import FACTS, rise
from tests.analysis.made_up import Columns, Episodes, make_study, row, see
from tests.analysis.pieces import KNOWN, NAMED

DOUBLE = Step("final_return", "higher", rows={"bootstrap": ["double"]}, against={"bootstrap": ["max"]})
PRIORITIES = Step("final_return", "higher", where={"replay": ["prioritized"]}, more="replay.alpha")


def claim(*steps: Step) -> Claim:
    return Claim("c", "text", "source", steps)


def scores(folder: Path, labels: list[str], by: Mapping[str, float], **others) -> EnvironmentScores:
    rows = [row(label) for label in labels]
    results = read_results(make_study(folder, rows, play=rise(by), facts=FACTS, **{"seeds": 10, **others}))
    return environment_scores(results, summarize(results))[0]


def test_a_difference_in_the_stated_direction_supports_a_claim(tmp_path: Path):
    found = judge(scores(tmp_path / "s", ["dqn", "double"], {"double": 100.0}), claim(DOUBLE))
    assert found.outcome == "supported"
    (reason,) = reasons(found)
    assert reason.startswith("Final return: higher by ")
    assert reason.endswith("(return per episode), n = 10; double - dqn.")


def test_a_difference_in_the_other_direction_contradicts_it(tmp_path: Path):
    found = judge(scores(tmp_path / "s", ["dqn", "double"], {"double": -100.0}), claim(DOUBLE))
    assert found.outcome == "contradicted"
    assert reasons(found)[0].startswith("Final return: lower by ")


def test_a_difference_that_is_too_small_or_too_rarely_seen_is_undecided(tmp_path: Path):
    small = judge(scores(tmp_path / "a", ["dqn", "double"], {}), claim(DOUBLE))
    few = judge(scores(tmp_path / "b", ["dqn", "double"], {"double": 100.0}, seeds=3), claim(DOUBLE))
    single = judge(scores(tmp_path / "c", ["dqn", "double"], {"double": 100.0}, seeds=1), claim(DOUBLE))
    assert [small.outcome, few.outcome, single.outcome] == ["undecided"] * 3
    assert "higher expected" in reasons(small)[0]


def test_a_claim_without_rows_or_without_the_metric_is_not_tested(tmp_path: Path):
    without_row = judge(scores(tmp_path / "a", ["dqn", "dueling"], {}), claim(DOUBLE))
    assert without_row.outcome == "not tested by these runs"
    assert reasons(without_row) == [
        "No two rows differ in this alone: bootstrap double against bootstrap max.",
    ]
    values = Step("overestimation", "lower", rows=DOUBLE.rows, against=DOUBLE.against)
    without_metric = judge(scores(tmp_path / "b", ["dqn", "double"], {}), claim(values))
    assert without_metric.outcome == "not tested by these runs"
    assert reasons(without_metric) == ["No overestimation is known of runs that could be compared."]


def test_a_claim_holds_only_if_each_of_its_steps_does(tmp_path: Path):
    shown = scores(tmp_path / "s", ["dqn", "double", "dueling"], {"double": 100.0, "dueling": -100.0})
    head = Step("final_return", "higher", rows={"head": ["dueling"]}, against={"head": ["linear"]})
    inverse = Step("final_return", "higher", rows={"bootstrap": ["inverse-double"]}, against=DOUBLE.against)
    assert judge(shown, claim(DOUBLE, inverse)).outcome == "not tested by these runs"
    assert judge(shown, claim(DOUBLE, head)).outcome == "contradicted"
    assert judge(shown, claim(inverse, head)).outcome == "contradicted"
    assert judge(shown, claim(DOUBLE, DOUBLE)).outcome == "supported"


def test_pairs_are_averaged_at_seeds_that_all_of_them_have(tmp_path: Path):
    by = {"consecutive": -100.0, "no-replay": -200.0}
    states = {("no-replay", 0): "failed"}
    shown = scores(tmp_path / "s", ["dqn", "consecutive", "no-replay"], by, states=states)
    replay = Step(
        "final_return",
        "higher",
        rows={"replay": ["uniform"]},
        against={"replay": ["latest", "consecutive"]},
    )
    found = judge(shown, claim(replay))
    assert found.outcome == "supported"
    assert "n = 9; dqn - consecutive, dqn - no-replay." in reasons(found)[0]
    assert "higher by 15" in reasons(found)[0] or "higher by 149" in reasons(found)[0]


def test_stronger_prioritisation_is_a_number_and_not_a_kind(tmp_path: Path):
    shown = scores(tmp_path / "s", ["dqn", "per", "per-flat"], {"per": 50.0})
    rows = [line.row for line in shown.summaries]
    assert list(comparable_pairs(rows, PRIORITIES)) == [(1, 2)]
    assert judge(shown, claim(PRIORITIES)).outcome == "supported"


def test_rows_at_different_points_of_a_sweep_are_not_compared(tmp_path: Path):
    rows = [row(name, {"learning_rate": rate}) for name in ("dqn", "double") for rate in (0.1, 0.2)]
    results = read_results(make_study(tmp_path / "s", rows, facts=FACTS))
    found = environment_scores(results, summarize(results))[0]
    assert list(comparable_pairs([line.row for line in found.summaries], DOUBLE)) == [(2, 0), (3, 1)]


def test_the_claims_that_are_shipped_name_sources_and_pieces_that_exist():
    found = read_claims()
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert any(letter.isdigit() for letter in one.source), one.name
        for step in one.steps:
            for kinds in (step.where, step.rows, step.against):
                for slot, some in kinds.items():
                    assert set(some) <= set(KNOWN[slot]), one.name
            slot, _, number = step.more.partition(".")
            assert not slot or any(number in piece for piece in KNOWN[slot].values()), one.name


def test_every_shipped_claim_is_tested_by_the_study_of_all_variants(tmp_path: Path):
    shown = scores(tmp_path / "s", list(NAMED), {}, seeds=2, look=see)
    assert [one.name for one in read_claims() if "not tested" in judge(shown, one).outcome] == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rows": {"head": ["dueling"]}}, "name the same slots"),
        ({}, "either 'more'"),
        ({"more": "replay.alpha", "expected": "more"}, "not 'more'"),
        ({"more": "replay.alpha", "metric": "beauty"}, "no metric"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(wrong: dict, why: str):
    with pytest.raises(ValueError, match=why):
        Step(**{"metric": "auc", "expected": "higher", **wrong})


def test_prioritised_replay_that_prioritises_nothing_is_no_evidence_for_prioritising(tmp_path: Path):
    learns = Step("final_return", "higher", rows={"replay": ["prioritized"]}, against={"replay": ["uniform"]})
    shown = scores(tmp_path / "s", ["dqn", "per", "per-flat"], {"per": 50.0})
    rows = [line.row for line in shown.summaries]
    assert list(comparable_pairs(rows, learns)) == [(1, 0)]
    assert list(comparable_pairs(rows, PRIORITIES)) == [(1, 2)]
    assert reasons(judge(shown, claim(learns)))[0].endswith("n = 10; per - dqn.")


def mechanism(tmp_path: Path, follows: bool) -> JudgedClaim:
    """Double lowers overestimation by 5 to 14 over seeds; the return follows, twice as much, or goes its own way."""

    def play(line: Mapping[str, Any], seed: int, steps: int) -> Episodes:
        gain = 2.0 * (5 + seed) if follows else 20.0 + (7 * seed) % 5
        gained = gain * (line["variant"] == "double")
        return [(steps * place // 40, 100.0 + gained) for place in range(1, 41)]

    def look(line: Mapping[str, Any], seed: int, steps: int) -> Mapping[str, Columns]:
        seen = see(line, seed, steps)
        lower = (5.0 + seed) * (line["variant"] == "double")
        return {**seen, "evaluations": {**seen["evaluations"], "predicted_q": [90.0 - lower] * 20}}

    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=10, play=play, look=look, facts=FACTS
    )
    results = read_results(folder)
    through = Claim("c", "text", "source", (DOUBLE,), Mechanism("overestimation", "lower"))
    return judge(environment_scores(results, summarize(results))[0], through)


def test_a_mechanism_is_consistent_where_the_outcome_follows_the_mediator(tmp_path: Path):
    found = mechanism(tmp_path, follows=True)
    assert found.mechanism is not None
    assert found.mechanism.n == 10
    assert found.mechanism.correlation.point == pytest.approx(-1)
    assert found.mechanism.is_consistent(DOUBLE)
    assert "Exploratory, consistent with the mechanism: Overestimation: lower by 9.50" in reasons(found)[-1]


def test_a_mechanism_is_not_seen_where_the_outcome_goes_its_own_way(tmp_path: Path):
    found = mechanism(tmp_path, follows=False)
    assert found.mechanism is not None
    # r of -5..-14 with 20, 22, 24, 21, 23, 20, 22, 24, 21, 23 is -.246; Fisher: tanh(-.251 +- 1.96 / sqrt 7)
    assert found.mechanism.correlation.point == pytest.approx(-0.246, abs=5e-4)
    assert found.mechanism.correlation.low == pytest.approx(-0.758, abs=5e-3)
    assert not found.mechanism.is_consistent(DOUBLE)
    assert "no sign of the mechanism" in reasons(found)[-1]


def test_a_mechanism_of_few_seeds_is_not_spoken_of(tmp_path: Path):
    few = scores(tmp_path / "s", ["dqn", "double"], {"double": 100.0}, seeds=4, look=see)
    found = judge(few, Claim("c", "text", "source", (DOUBLE,), Mechanism("overestimation", "lower")))
    assert found.mechanism is None
