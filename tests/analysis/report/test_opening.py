"""The first screen in words: what a person would say of each slot, and one line on what is open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.findings.evidence import Evidence, collect
from analysis.loading import read
from analysis.report.opening import claim_lines, openings
from tests.analysis.findings.test_evidence import FACTS, rise
from tests.analysis.made_up import make_study, row

ROWS = ("dqn", "no-replay", "double", "dueling", "naive")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Without replay the return is lower by 150, without target and replay higher by 100; the rest is alike."""
    by = {"no-replay": -150.0, "naive": 100.0}
    folder = tmp_path_factory.mktemp("opening") / "s"
    return collect(
        read(make_study(folder, [row(name) for name in ROWS], seeds=10, play=rise(by), facts=FACTS))
    )


def test_each_slot_has_a_sentence_with_difference_interval_and_seeds(found: Evidence):
    (opening,) = openings(found)
    said = dict(opening.sentences)
    assert said["Replay"] == (
        "No replay costs 47 % of the mean return: -150.0 [-150.7, -149.2] of 315.8, 10 seeds."
    )
    assert said["Several at once"] == (
        "Naive (no replay, no target) adds a third to the mean return: +99.9 [99.0, 100.5] on 315.8, 10 seeds."
    )


def test_what_is_within_the_margin_is_said_to_change_less(found: Evidence):
    (opening,) = openings(found)
    said = dict(opening.sentences)
    same = "changes it by less than the margin (10 seeds)."
    assert said["Value of the next state (bootstrap)"] == f"Double {same}"
    assert said["Output layer (head)"] == f"Dueling {same}"
    assert opening.undecided == ""


def test_the_first_line_counts_rows_and_gives_the_baselines_mean(found: Evidence):
    (opening,) = openings(found)
    assert re.fullmatch(
        r"Judged by the mean return \(mean of the curve, return per episode\): 315.8 for DQN over 10 seeds\. "
        r"Of 4 variants 2 differ from the baseline and 2 stay within the margin of .+ "
        r"\(5 % of the way from random play to solved\)\. That any difference is false has a chance of at most "
        r'5 %, and so has that any "within the margin" is\.',
        opening.about,
    )


def test_claims_that_are_decided_come_first_and_untested_ones_not_at_all(found: Evidence):
    outcomes = [line.outcome for line in claim_lines(found.judged)]
    assert set(outcomes) <= {"supported", "contradicted", "undecided"}
    assert outcomes == sorted(outcomes, key=("supported", "contradicted", "undecided").index)


def test_few_seeds_leave_one_line_on_everything(tmp_path: Path):
    rows = [row(name) for name in ROWS]
    few = collect(read(make_study(tmp_path / "s", rows, seeds=3, play=rise({}), facts=FACTS)))
    (opening,) = openings(few)
    assert opening.sentences == ()
    assert opening.undecided.startswith("Undecided at 3 seeds. About so many would settle it: ")
