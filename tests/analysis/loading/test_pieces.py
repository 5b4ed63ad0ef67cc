"""The pieces of rows: facts apart, as they act, and in each environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ablations import store
from analysis.loading import Row, read
from analysis.loading.pieces import acting, read_pieces
from tests.analysis.made_up import make_study, row
from tests.analysis.pieces import NEUTRAL, described

NEUTRAL_STORED = {slot: described(slot, piece) for slot, piece in NEUTRAL.items()}


def acting_slots(one: dict[str, Any]) -> dict[str, Any]:
    """What a row's pieces act as where they are not neutral."""
    study = {"slots": NEUTRAL_STORED, "neutral": NEUTRAL_STORED, "rows": [one]}
    found = acting(study, read_pieces(study, one["slots"]))
    return {slot: piece for slot, piece in found.slots.items() if piece != NEUTRAL[slot]}


def rows_of(folder: Path, env_id: str = "CartPole-v1") -> list[Row]:
    return read(folder).rows(env_id)


def test_slots_have_no_facts_and_facts_stand_beside_them(tmp_path: Path):
    (one,) = rows_of(make_study(tmp_path / "s", [row("double")], seeds=1))
    assert list(one.slots) == list(NEUTRAL)
    assert one.slots["bootstrap"] == {"kind": "double"}
    assert one.facts["bootstrap"]["selects"] == "online"
    assert [slot for slot, facts in one.facts.items() if not facts.get("neutral")] == ["bootstrap"]


@pytest.mark.parametrize("target", [{"kind": "hard", "period": 1}, {"kind": "soft", "tau": 1.0}])
def test_a_target_copied_at_every_update_is_none_and_the_bootstrap_then_has_no_effect(target: dict[str, Any]):
    assert acting_slots(row("double", target=target)) == {"target": {"kind": "none"}}


def test_the_equal_piece_of_a_piece_may_be_stored_without_facts():
    one = row("double", target={"kind": "hard", "period": 1})
    del one["slots"]["target"]["facts"]["equals"]["facts"]
    assert acting_slots(one)["target"] == {"kind": "none"}
    none = row("no-target")
    study = {"slots": NEUTRAL_STORED, "neutral": NEUTRAL_STORED, "rows": [one, none]}
    found = acting(study, read_pieces(study, one["slots"]))
    assert found.slots["bootstrap"] == {"kind": "max"}
    assert found.facts["bootstrap"]["evaluates"] == "online"


def test_a_bootstrap_that_does_more_than_choose_matters_without_a_target_network():
    one = row("m", target={"kind": "none"}, bootstrap={"kind": "munchausen"})
    assert acting_slots(one) == {"target": {"kind": "none"}, "bootstrap": {"kind": "munchausen"}}


def test_a_row_has_the_pieces_and_settings_of_its_environment(tmp_path: Path):
    rows = [row("dqn"), row("double", {"learning_rate": 0.5})]
    folder = make_study(tmp_path / "s", rows, seeds=1, envs=("A-v0", "B-v0"))
    study = json.loads((folder / "study.json").read_text())
    trunk = {"kind": "mlp", "hidden": []}
    study["environments"][1] |= {
        "settings": {"learning_rate": 0.1, "gamma": 0.9},
        "row_slots": {"dqn": {"trunk": described("trunk", trunk)}},
    }
    store.write_study(folder, study)
    (first, _), (dqn, double) = (rows_of(folder, env_id) for env_id in ("A-v0", "B-v0"))
    assert (first.slots["trunk"], dqn.slots["trunk"]) == (NEUTRAL["trunk"], trunk)
    assert dqn.facts["trunk"] == {"tabular": True}
    assert (first.settings["gamma"], dqn.settings["gamma"], dqn.settings["learning_rate"]) == (0.99, 0.9, 0.1)
    assert double.settings["learning_rate"] == 0.5  # what is swept is not overridden


def test_a_row_is_compared_with_the_row_that_the_study_names(tmp_path: Path):
    rows = [
        row("dqn"),
        row("double"),
        {**row("dueling"), "against": "double"},
        {**row("per"), "against": None},
    ]
    found = rows_of(make_study(tmp_path / "s", rows, seeds=1))
    assert [one.against for one in found] == [None, "dqn", "double", None]
