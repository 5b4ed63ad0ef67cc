"""The component matrix, worked by hand."""

from __future__ import annotations

import pytest

from ablations.dqn.target import Hard, Soft
from ablations.dqn.variants import NAMED, Variant
from ablations.studies.components import by_environment, caveats, component_matrix, selects_and_evaluates
from tests.ablations.documents import BOUNDED, study


def matrix(**changes):
    return {line["row"]: line for line in component_matrix(study(**changes).rows)}


def test_a_row_shows_its_pieces_updates_samples_and_networks():
    settings = {"batch_size": 32, "train_frequency": 4, "gradient_steps": 2}
    lines = matrix(variants=["dqn", "no-replay"], settings=settings)
    assert lines["dqn"] == {
        "row": "dqn",
        "replay": "uniform",
        "updates/step": "0.5",
        "samples/update": "32",
        "samples/step": "16",
        "selects": "target",
        "evaluates": "target",
    }
    assert lines["no-replay"]["samples/update"] == "1"
    assert lines["no-replay"]["samples/step"] == "0.5"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dqn", ("target", "target")),
        ("double", ("online", "target")),
        ("inverse-double", ("target", "online")),
        ("no-target", ("online", "online")),
    ],
)
def test_the_two_by_two_of_who_selects_and_who_evaluates(name, expected):
    assert selects_and_evaluates(NAMED[name].variant) == expected


@pytest.mark.parametrize("target", [Hard(1), Soft(1.0)])
def test_a_target_that_is_always_online_selects_and_evaluates_online(target):
    assert selects_and_evaluates(Variant(target=target)) == ("online", "online")


def test_the_slots_that_vary_or_are_not_neutral_have_a_column_in_order():
    lines = matrix(variants=["dqn", "naive"], slots={"loss": "huber", "trunk": {"hidden": [8]}})
    assert list(lines["dqn"])[1:5] == ["trunk", "replay", "target", "loss"]
    assert lines["dqn"]["trunk"] == "mlp.hidden=8"


def test_every_named_variant_has_a_line_without_a_gap():
    lines = matrix(variants="all", env=BOUNDED)
    assert set(lines) == set(NAMED)
    assert all(all(cell for cell in line.values()) for line in lines.values())


def test_numbers_that_are_not_defaults_show():
    assert (
        matrix(variants=["dqn"], sweep={"target.period": [7]})["dqn@target.period=7"]["target"]
        == "hard.period=7"
    )


def test_no_replay_is_said_to_ignore_buffer_and_batch():
    (note,) = caveats(study(variants=["dqn", "no-replay", "naive"]).rows)
    assert note.startswith("no-replay, naive:")
    assert "do not apply" in note


@pytest.mark.parametrize(("setting", "verb"), [("train_frequency", "skips"), ("gradient_steps", "repeats")])
def test_no_replay_is_said_to_skip_or_repeat_transitions(setting, verb):
    notes = caveats(study(variants=["dqn", "no-replay"], settings={setting: 2}).rows)
    assert any(note.startswith("no-replay:") and verb in note for note in notes)


def test_a_bootstrap_without_a_target_network_is_said_to_be_idle():
    own = {"lonely": {"base": "double", "target": "none"}}
    assert any("no effect" in note for note in caveats(study(variants=["dqn", "lonely"], variant=own).rows))


def test_environments_with_overrides_of_their_own_get_a_matrix_of_their_own():
    plain, other = by_environment(
        study(
            envs=["CartPole-v1", "Acrobot-v1"],
            env={"Acrobot-v1": {"settings": {"batch_size": 16, "gamma": 0.5}}},
        )
    )
    assert plain[0] == ["CartPole-v1"]
    assert other[0] == ["Acrobot-v1"]
    assert component_matrix(other[1])[0]["samples/update"] == "16"


def test_environments_with_pieces_of_their_own_get_a_matrix_of_their_own():
    env = {"Acrobot-v1": {"slots": {"trunk": {"hidden": [8]}}}}
    plain, other = by_environment(study(envs=["CartPole-v1", "Acrobot-v1"], env=env))
    assert "trunk" not in component_matrix(plain[1])[0]
    assert component_matrix(other[1])[0]["trunk"] == "mlp.hidden=8"


def test_environments_that_differ_in_budget_alone_share_a_matrix():
    groups = by_environment(
        study(envs=["CartPole-v1", "Acrobot-v1"], env={"Acrobot-v1": {"settings": {"total_timesteps": 9}}})
    )
    assert [env_ids for env_ids, _ in groups] == [["CartPole-v1", "Acrobot-v1"]]
