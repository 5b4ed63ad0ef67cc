"""Slots of a study: [slots], variants' tables, registry lines and environments, and which of them wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .defaults import PIECES, in_config, slots_with, told
from .once import once
from .outside import begin, manifest_of, rows_in, runs_in, write_study

SLOTS: dict[str, Any] = {
    "trunk": {"hidden": [16]},
    "target": {"kind": "soft", "tau": 0.01},
    "loss": "huber",
    "optimizer": {"kind": "rmsprop", "max_grad_norm": 10.0},
    "exploration": {"start_e": 0.5, "schedule": "exponential"},
}

OWN = """
[variant.hardened]
base = "dqn"
target = { kind = "hard" }
[variant.squared]
base = "double"
loss = { kind = "squared" }
label = "Double, squared again"
[variant.narrow]
base = "dqn"
trunk = { hidden = [8, 4] }
[variant.quick]
base = "dqn"
target = { tau = 0.5 }
[variant.quicker]
base = "quick"
target = { tau = 0.9 }
replay = { kind = "prioritized", alpha = 0.5, stratified = false }
[variant.calm]
base = "quicker"
optimizer = { max_grad_norm = 1.0 }
exploration = { end_e = 0.25 }
[variant.back]
base = "calm"
replay = { kind = "uniform" }
optimizer = { kind = "adam" }
exploration = { kind = "epsilon-greedy", exploration_fraction = 0.5 }
"""

REGISTERED = [
    "dqn",
    "no-replay",
    "consecutive",
    "no-target",
    "soft-target",
    "double",
    "inverse-double",
    "dueling",
    "dueling-deep",
    "per",
]
NAMES = [*REGISTERED, "hardened", "squared", "narrow", "quick", "quicker", "calm", "back"]


def of_the_study(**own: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The slots of a row that has these pieces of its own, and else what [slots] says."""
    shared: dict[str, Any] = {
        "trunk": {"kind": "mlp", "hidden": [16]},
        "target": {"kind": "soft", "tau": 0.01},
        "loss": {"kind": "huber"},
        "optimizer": {"kind": "rmsprop", "max_grad_norm": 10.0},
        "exploration": {"kind": "epsilon-greedy", "start_e": 0.5, "schedule": "exponential"},
    }
    return slots_with(**shared | own)


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        write_study(folder, {"variants": NAMES, "seeds": 1}, {"total_timesteps": 120}, OWN, slots=SLOTS)
        begin(folder, "--variants", "dqn")

    return once(tmp_path_factory, "slots", make) / "results" / "tiny"


def test_slots_reach_every_registered_variant_but_for_the_slot_that_it_changes(resolved: Path) -> None:
    rows = {label: told(row["slots"]) for label, row in rows_in(resolved).items()}
    assert list(rows) == NAMES
    expected = {
        "dqn": of_the_study(),
        "no-replay": of_the_study(replay={"kind": "latest"}),
        "consecutive": of_the_study(replay={"kind": "consecutive"}),
        "no-target": of_the_study(target={"kind": "none"}),
        "soft-target": of_the_study(target={"kind": "soft"}),
        "double": of_the_study(bootstrap={"kind": "double"}),
        "inverse-double": of_the_study(bootstrap={"kind": "inverse-double"}),
        "dueling": of_the_study(head={"kind": "dueling"}),
        "dueling-deep": of_the_study(
            head={"kind": "dueling", "hidden": rows["dueling-deep"]["head"]["hidden"]}
        ),
        "per": of_the_study(replay={"kind": "prioritized"}),
    }
    assert {name: rows[name] for name in REGISTERED} == expected
    assert rows["dueling-deep"]["head"]["hidden"] != []


def test_a_variant_sets_a_slot_even_to_the_neutral_piece(resolved: Path) -> None:
    rows = {label: told(row["slots"]) for label, row in rows_in(resolved).items()}
    assert rows["hardened"] == of_the_study(target={"kind": "hard"})
    assert rows["squared"] == of_the_study(bootstrap={"kind": "double"}, loss={"kind": "squared"})


def test_a_table_without_kind_changes_numbers_of_the_piece_that_slots_or_base_put_there(
    resolved: Path,
) -> None:
    rows = {label: told(row["slots"]) for label, row in rows_in(resolved).items()}
    assert rows["narrow"] == of_the_study(trunk={"kind": "mlp", "hidden": [8, 4]})
    assert rows["quick"] == of_the_study(target={"kind": "soft", "tau": 0.5})
    replay = {"kind": "prioritized", "alpha": 0.5, "stratified": False}
    quicker = {"target": {"kind": "soft", "tau": 0.9}, "replay": replay}
    assert rows["quicker"] == of_the_study(**quicker)
    exploration = {"kind": "epsilon-greedy", "start_e": 0.5, "schedule": "exponential", "end_e": 0.25}
    calm = {"optimizer": {"kind": "rmsprop", "max_grad_norm": 1.0}, "exploration": exploration}
    assert rows["calm"] == of_the_study(**quicker | calm)


def test_a_table_with_a_kind_replaces_the_piece_whole(resolved: Path) -> None:
    assert told(rows_in(resolved)["back"]["slots"]) == of_the_study(
        target={"kind": "soft", "tau": 0.9},
        replay={"kind": "uniform"},
        optimizer={"kind": "adam"},
        exploration={"kind": "epsilon-greedy", "exploration_fraction": 0.5},
    )


def test_what_runs_is_what_study_json_says(resolved: Path) -> None:
    (config,) = [manifest_of(resolved, run)["config"] for run in runs_in(resolved) if run["label"] == "dqn"]
    assert config["slots"] == in_config(of_the_study())


def test_the_facts_of_the_bootstraps_tell_who_selects_and_who_evaluates(resolved: Path) -> None:
    rows = rows_in(resolved)
    plain, double, inverse = (
        rows[name]["slots"]["bootstrap"]["facts"] for name in ("dqn", "double", "inverse-double")
    )
    assert plain["selects"] == inverse["selects"] != double["selects"]
    assert plain["evaluates"] == double["evaluates"] != inverse["evaluates"]


def test_the_facts_of_no_replay_tell_how_many_samples_an_update_takes(resolved: Path) -> None:
    facts = rows_in(resolved)["no-replay"]["slots"]["replay"]["facts"]
    assert [value for name, value in facts.items() if "samples" in name] == [1]


OF_IMAGES = ("minatar-cnn", "nature-cnn")
"""Kinds that CartPole's four numbers are nothing to."""
KINDS = [(slot, kind) for slot, kinds in PIECES.items() for kind in kinds if kind not in OF_IMAGES]


def test_every_kind_of_every_slot_trains_as_the_studys_own_piece(tmp_path: Path) -> None:
    """One variant a kind, beside the baseline; a neutral one would be the baseline's second name."""
    names, tables = ["dqn"], '[env."CartPole-v1"]\nvalue_bounds = [1.0, 100.0]\n'
    for slot, kind in KINDS:
        if kind != next(iter(PIECES[slot])):
            names.append(f"{slot}-{kind}")
            tables += f'[variant.{slot}-{kind}]\nbase = "dqn"\n{slot} = {{ kind = "{kind}" }}\n'
    write_study(tmp_path, {"variants": names, "seeds": 1}, {"total_timesteps": 120}, tables)
    results = begin(tmp_path)
    assert list(rows_in(results)) == names
    assert {manifest_of(results, run)["status"] for run in runs_in(results)} == {"ok"}


# ---------------------------------------------------------------- environments

PLACES = """
[env."CartPole-v0"]
settings = { total_timesteps = 80, gamma = 0.9 }
[env."CartPole-v0".slots]
trunk = { hidden = [8] }
target = { kind = "hard", period = 7 }
exploration = { end_e = 0.1 }
loss = "huber"
[variant.hardened]
base = "dqn"
target = { kind = "hard" }
[variant.narrow]
base = "double"
trunk = { hidden = [4] }
[variant.warm]
base = "dqn"
exploration = { exploration_fraction = 0.5 }
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """The config of each run, by environment and row."""

    def make(folder: Path) -> None:
        top = {
            "envs": ["CartPole-v1", "CartPole-v0"],
            "variants": ["dqn", "hardened", "narrow", "warm"],
            "seeds": 1,
        }
        slots = {"target": {"kind": "soft", "tau": 0.01}, "exploration": {"start_e": 0.5}}
        write_study(folder, top, {"total_timesteps": 120}, PLACES, slots=slots)
        begin(folder)

    results = once(tmp_path_factory, "places", make) / "results" / "tiny"
    return {(run["env_id"], run["label"]): manifest_of(results, run)["config"] for run in runs_in(results)}


def test_an_environments_settings_stand_in_place_of_the_studys(
    places: dict[tuple[str, str], dict[str, Any]],
) -> None:
    for (env_id, _), config in places.items():
        own = {"total_timesteps": 80, "gamma": 0.9} if env_id == "CartPole-v0" else {"total_timesteps": 120}
        assert (
            config["settings"]
            == {
                "learning_starts": 100,
                "batch_size": 32,
                "buffer_size": 500,
            }
            | own
        )


def test_an_environments_slots_stand_slot_by_slot_in_place_of_the_studys(
    places: dict[tuple[str, str], dict[str, Any]],
) -> None:
    common = {"trunk": {"kind": "mlp", "hidden": [16]}, "target": {"kind": "soft", "tau": 0.01}}
    assert places["CartPole-v1", "dqn"]["slots"] == common | {
        "exploration": {"kind": "epsilon-greedy", "start_e": 0.5}
    }
    own = {
        "trunk": {"kind": "mlp", "hidden": [8]},
        "target": {"kind": "hard", "period": 7},
        "exploration": {"kind": "epsilon-greedy", "end_e": 0.1},
        "loss": {"kind": "huber"},
    }
    assert places["CartPole-v0", "dqn"]["slots"] == own
    warm = {"kind": "epsilon-greedy", "exploration_fraction": 0.5, "end_e": 0.1}
    assert places["CartPole-v0", "warm"]["slots"] == own | {"exploration": warm}


def test_a_variant_that_sets_a_slot_keeps_its_own_in_every_environment(
    places: dict[tuple[str, str], dict[str, Any]],
) -> None:
    for env_id in ("CartPole-v1", "CartPole-v0"):
        assert "target" not in places[env_id, "hardened"]["slots"]
        assert places[env_id, "narrow"]["slots"]["trunk"] == {"kind": "mlp", "hidden": [4]}
        assert places[env_id, "narrow"]["slots"]["bootstrap"] == {"kind": "double"}
    assert places["CartPole-v0", "narrow"]["slots"]["target"] == {"kind": "hard", "period": 7}
