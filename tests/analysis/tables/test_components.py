"""The component matrix: slots that vary, what the others share, and what a row cannot share."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.tables.components import component_table
from tests.analysis.made_up import against, row
from tests.analysis.pieces import NEUTRAL, described


def study(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    slots = {slot: described(slot, piece) for slot, piece in NEUTRAL.items()}
    compared = [{**one, "against": against(one, rows)} for one in rows]
    return {
        "baseline": "dqn", "slots": slots, "neutral": slots, "rows": compared, "environments": [], **more,
    }  # fmt: skip


def column(name: str, *rows: dict[str, Any]) -> list[str]:
    table = component_table(study(*rows))
    return [line[list(table.columns).index(name)] for line in table.rows]


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("dqn", ("target", "target")),
        ("double", ("online", "target")),
        ("inverse-double", ("target", "online")),
        ("no-target", ("online", "online")),
    ],
)
def test_it_says_who_selects_and_who_evaluates(name: str, networks: tuple[str, str]):
    (selects,), (evaluates,) = (column(one, row(name)) for one in ("selects the action", "evaluates it"))
    assert (selects, evaluates) == networks


def test_a_target_that_is_copied_at_every_update_leaves_both_to_the_online_network():
    copied = row("double", {"target.period": 1})
    assert column("selects the action", copied) == column("evaluates it", copied) == ["online"]
    soft = row("soft-target", {"target.tau": 1.0})
    assert column("evaluates it", soft) == ["online"]


def test_a_bootstrap_that_does_more_than_choose_is_not_forced_into_the_four_quadrants():
    munchausen = row("m", bootstrap={"kind": "munchausen"}, target={"kind": "none"})
    assert column("selects the action", munchausen) == ["?"]


def test_it_says_what_no_replay_cannot_share():
    rows = (row("dqn"), row("no-replay"))
    assert column("samples per update", *rows) == ["64", "1"]
    assert column("replaces", *rows) == ["nothing", "replay"]


def test_it_says_that_no_replay_skips_transitions_or_repeats_them():
    rare, often = ({**row("no-replay")} for _ in range(2))
    rare["settings"] = {**rare["settings"], "train_frequency": 4}
    often["settings"] = {**often["settings"], "gradient_steps": 2}
    assert column("samples per update", rare, often) == ["1, skips transitions", "1, repeats them"]


def test_slots_that_tell_rows_apart_are_columns_and_the_others_a_sentence():
    trunk = {"kind": "mlp", "hidden": [8]}
    rows = (row("dqn", trunk=trunk), row("double", trunk=trunk))
    table = component_table(study(*rows))
    assert list(table.columns)[:3] == ["variant", "bootstrap", "replaces"]
    assert column("replaces", *rows) == ["nothing", "bootstrap"]
    (note,) = table.notes
    assert note.startswith("All rows share trunk mlp (hidden [8]), head linear, exploration epsilon-greedy (")
    assert "target hard (period 100)" in note
    assert "bootstrap" not in note


def test_pieces_of_an_environment_are_named():
    small = {"trunk": {"kind": "mlp", "hidden": [32], "facts": {}}}
    environments = [
        {"env_id": "A-v0", "row_slots": {"dqn": small, "double": small}},
        {"env_id": "B-v0", "row_slots": {"dqn": small}},
    ]
    notes = component_table(study(row("dqn"), row("double"), environments=environments)).notes
    assert notes[1:] == [
        "On A-v0, all rows have trunk mlp (hidden [32]).",
        "On B-v0, dqn: trunk mlp (hidden [32]).",
    ]
