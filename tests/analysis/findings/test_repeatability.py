"""Environments whose runs share state are not judged; those whose runs don't repeat claim nothing of pairing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ablations import store
from analysis.findings.decide import decide
from analysis.findings.evidence import collect
from analysis.loading import read
from analysis.report import opening, sentences
from analysis.tables.comparisons import verdict_text
from analysis.tables.missing import missing_facts
from tests.analysis.looks import study_of_looks
from tests.analysis.made_up import evidence, make_study, row

SHARED = "a counter on the class outlives the run"
REPEATS: dict[str, Any] = {"repeats": True, "reason": None, "shares_state": False, "global_generators": []}
SHARES = REPEATS | {"repeats": False, "shares_state": True, "reason": SHARED}
DIFFERS = REPEATS | {"repeats": False, "reason": "two resets with one seed part"}
RANDOM = {"episodes": 100, "mean_return": 20.0, "std_return": 9.0}


def study(folder: Path, found: dict[str, Any] | None, seeds: int = 8) -> Path:
    facts = {"random_policy": RANDOM, **({"repeatability": found} if found else {})}
    return make_study(folder, [row("dqn"), row("no-replay"), row("per")], seeds=seeds, facts=facts)


def test_runs_that_share_state_are_compared_and_not_judged_on_any_metric(tmp_path: Path):
    judged = evidence(study(tmp_path / "sound", REPEATS)).comparisons
    assert any(one.judged.differs for one in judged)
    found = evidence(study(tmp_path / "shared", SHARES))
    ones = found.comparisons
    assert {one.verdict for one in ones} == {"undecided"}
    assert {verdict_text(one) for one in ones} == {f"undecided: {SHARED}"}
    assert all(np.isnan([one.judged.p_adjusted, one.judged.low, one.judged.high]).all() for one in ones)
    by_name = {(one.label, one.metric.name): one.difference.point for one in judged}
    assert all(np.isclose(one.difference.point, by_name[one.label, one.metric.name]) for one in ones)
    names = {one.label: one.label for one in found.rows}
    assert f"undecided, as {SHARED}" in sentences.sentence(ones[0], names)
    assert SHARED in opening.openings(found)[0].undecided
    assert any("no independent samples" in text and SHARED in text for text in missing_facts(found.scores))


def test_no_look_at_runs_that_share_state_is_judged_and_a_stored_one_is_not_believed(tmp_path: Path):
    folder = study_of_looks(tmp_path / "s", facts={"repeatability": REPEATS})
    decided = decide(folder)
    assert decided["looks"]
    store.write_decisions(folder, decided)
    known = store.read_study(folder)
    environments = [{**one, "repeatability": SHARES} for one in known["environments"]]
    store.write_study(folder, {**known, "environments": environments})
    assert {one.verdict for one in collect(read(folder)).comparisons} == {"undecided"}
    store.write_decisions(folder, {**decided, "looks": []})
    assert decide(folder)["looks"] == []


def test_runs_that_do_not_repeat_are_judged_and_claim_no_gain_by_pairing(tmp_path: Path):
    sound, found = (
        evidence(study(tmp_path / name, one)) for name, one in (("sound", None), ("differs", DIFFERS))
    )
    assert [one.verdict for one in found.comparisons] == [one.verdict for one in sound.comparisons]
    assert not np.isnan([one.variance_reduction for one in sound.comparisons]).all()
    assert np.isnan([one.variance_reduction for one in found.comparisons]).all()
    said = " ".join(missing_facts(found.scores))
    assert "pairing gains nothing" in said
    assert "two resets with one seed part" in said
    assert "pairing" not in " ".join(missing_facts(sound.scores))
