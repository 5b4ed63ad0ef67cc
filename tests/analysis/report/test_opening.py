"""The first screen in words: what a person would say of each slot, and one line on what is open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.findings.evidence import Evidence
from analysis.report import render
from analysis.report.opening import claim_lines, openings
from tests.analysis.findings.test_evidence import FACTS, rise
from tests.analysis.made_up import cell, evidence, make_study, row

ROWS = ("dqn", "no-replay", "double", "dueling", "naive")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Without replay the return is lower by 150, without target and replay higher by 100; the rest is alike."""
    by = {"no-replay": -150.0, "naive": 100.0}
    folder = tmp_path_factory.mktemp("opening") / "s"
    return evidence(make_study(folder, [row(name) for name in ROWS], seeds=10, play=rise(by), facts=FACTS))


def test_each_slot_has_a_sentence_with_difference_interval_and_seeds(found: Evidence):
    (opening,) = openings(found)
    said = dict(opening.sentences)
    assert said["Replay"] == (
        "No replay costs 47 % of the mean return: -150.0 [-150.7, -149.2] of 315.8, 10 seeds."
    )
    assert said["Several at once"] == (
        "Naive (no replay, no target) adds a third to the mean return: +99.9 [99.0, 100.5] on 315.8, 10 seeds."
    )


def test_what_turns_a_mean_negative_takes_no_share_of_it(tmp_path: Path):
    rows = [row("dqn"), row("no-replay")]
    play = rise({"no-replay": -400.0})
    (opening,) = openings(evidence(make_study(tmp_path / "s", rows, seeds=10, play=play, facts=FACTS)))
    ((_, sentence),) = opening.sentences
    assert sentence == "No replay lowers the mean return: -400.0 [-400.7, -399.2] from 315.8, 10 seeds."


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
        r"Judged by the mean return \(mean of the curve, return per episode\): 315.8 for DQN in \d,\d+ steps, "
        r"10 seeds\. Of 4 variants 2 differ from the baseline and 2 stay within the margin of .+ "
        r"\(5 % of the way from random play to solved\)\. The chance that any difference is false is at most 5 %, "
        r'and so it is for any "within the margin"\. Brackets: 95 % intervals\.',
        f"{opening.judged} {opening.counts} {opening.certainty}",
    )


def test_claims_that_are_decided_come_first_and_untested_ones_not_at_all(found: Evidence):
    outcomes = [line.outcome for line in claim_lines(found.judged)]
    assert set(outcomes) <= {"supported", "contradicted", "undecided"}
    assert outcomes == sorted(outcomes, key=("supported", "contradicted", "undecided").index)


def test_a_claim_is_a_line_of_the_steps_that_tell_and_each_step_has_a_sentence(found: Evidence):
    both = "Replay alone and a target network alone each give higher returns than neither."
    (line,) = [line for line in claim_lines(found.judged) if line.text == both]
    assert line.outcome == "contradicted"
    assert line.telling == "Final return -249.8 [-250.6, -249.1], n = 10"
    assert len(line.why) == 2
    assert line.why[0].startswith("No two rows differ in this alone: replay uniform against ")
    assert line.why[1].startswith(
        "Final return: lower by 249.8 [249.1, 250.6] (return per episode), n = 10; "
    )


def undecided(folder: Path, names: tuple[str, ...], seeds: int) -> str:
    rows = [row(name) for name in names]
    (opening,) = openings(evidence(make_study(folder, rows, seeds=seeds, play=rise({}), facts=FACTS)))
    assert opening.sentences == ()
    return opening.undecided


def test_few_seeds_leave_one_line_on_everything(tmp_path: Path):
    assert undecided(tmp_path / "few", ROWS[:3], 3) == (
        "Undecided at 3 seeds. About so many would settle it: not known for No replay and Double."
    )
    many = (*ROWS, "per", "no-target", "soft-target", "combined")
    assert re.fullmatch(
        r"Undecided at 6 seeds\. About so many would settle it: \d+ to \d+ for \d of them; "
        r"more than 100 for \d of them\.",
        undecided(tmp_path / "many", many, 6),
    )


def test_a_factorial_has_a_sentence_for_each_factor(tmp_path: Path):
    rows = [cell(replay=replay, target=t) for replay in ("uniform", "consecutive") for t in ("hard", "none")]
    play = rise({"consecutive+hard": -150.0, "consecutive+none": -150.0})
    (opening,) = openings(evidence(make_study(tmp_path / "s", rows, seeds=10, play=play, facts=FACTS)))
    said = dict(opening.sentences)
    assert said["Replay"] == "Uniform instead of consecutive raises the mean return by 150.7 [150.0, 151.4]."
    assert (
        said["Target network"]
        == "Hard instead of none changes it by less than the margin (-0.081 [-0.52, 0.37])."
    )
    assert said["Together"] == "None of 1 interactions differs from 0."


def test_several_environments_are_counted_before_any_is_told(tmp_path: Path):
    rows, envs = [row("dqn"), row("no-replay")], ["CartPole-v1", "Other-v0"]
    play = rise({"no-replay": -150.0})
    made = evidence(make_study(tmp_path / "s", rows, seeds=6, envs=envs, play=play, facts=FACTS))
    counted = "Of 1 variant 1 differs from the baseline."
    assert [opening.counts for opening in openings(made)] == [counted, counted]
    text = render(made, "0" * 64).decode("utf-8")
    lines = [
        f'<li><a href="#answer-{place}">{env_id}</a>: {counted}</li>' for place, env_id in enumerate(envs, 1)
    ]
    heads = [f'<h3 id="answer-{place}">{env_id}</h3>' for place, env_id in enumerate(envs, 1)]
    assert text.count(counted) == len(lines)
    places = [text.index(one) for one in (*lines, *heads)]
    assert places == sorted(places)
