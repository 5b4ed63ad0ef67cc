"""Settings: the defaults of the contract, strict types, ranges, one canonical form."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from ablations.dqn import fields
from ablations.dqn.settings import NAMES, Settings, objections
from ablations.errors import Findings
from tests.ablations.documents import study

DEFAULTS = {
    "total_timesteps": 50_000,
    "learning_rate": 1e-3,
    "buffer_size": 10_000,
    "batch_size": 64,
    "gamma": 0.99,
    "learning_starts": 1_000,
    "train_frequency": 1,
    "gradient_steps": 1,
    "bootstrap_truncated": True,
    "start_e": 1.0,
    "end_e": 0.05,
    "epsilon_schedule": "linear",
    "exploration_fraction": 0.2,
    "epsilon_decay": 0.995,
    "hidden": [64, 64],
    "loss": "squared",
    "optimizer": "adam",
    "adam_eps": 1e-8,
    "max_grad_norm": 0.0,
}


def checked(**values):
    found = Findings("here")
    valid = fields.check_table(Settings, values, found, "settings")
    return valid, [problem.message for problem in found.problems]


def test_the_defaults_are_those_of_the_contract():
    assert Settings().plain() == DEFAULTS
    assert tuple(DEFAULTS) == NAMES


def test_settings_are_frozen_hashable_and_plain_json():
    settings = Settings(hidden=(8, 8))
    with pytest.raises(FrozenInstanceError):
        settings.gamma = 0.5  # type: ignore[misc]
    assert hash(settings) == hash(Settings(hidden=(8, 8)))
    assert json.loads(json.dumps(settings.plain()))["hidden"] == [8, 8]


def test_every_default_passes_its_own_check():
    assert checked(**DEFAULTS) == ({**DEFAULTS, "hidden": (64, 64)}, [])


def test_an_integer_for_a_float_is_accepted_and_gives_the_same_key():
    whole, real = (
        study(settings={"gamma": 1, "max_grad_norm": 10}),
        study(settings={"gamma": 1.0, "max_grad_norm": 10.0}),
    )
    assert [run.key for run in whole.runs()] == [run.key for run in real.runs()]
    assert isinstance(whole.settings.gamma, float)


def test_minus_zero_is_zero():
    assert str(checked(max_grad_norm=-0.0)[0]["max_grad_norm"]) == "0.0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 64.0),
        ("batch_size", "64"),
        ("batch_size", True),
        ("gamma", True),
        ("gamma", "0.9"),
        ("bootstrap_truncated", 1),
        ("bootstrap_truncated", "true"),
        ("hidden", 64),
        ("hidden", [64.0]),
        ("hidden", [True]),
        ("hidden", "64x64"),
        ("loss", 1),
        ("optimizer", ["adam"]),
        ("learning_rate", {}),
    ],
)
def test_nothing_else_is_coerced(name, value):
    valid, mistakes = checked(**{name: value})
    assert not valid
    assert len(mistakes) == 1
    assert "got" in mistakes[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("total_timesteps", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("buffer_size", 0),
        ("batch_size", 0),
        ("gamma", 1.01),
        ("gamma", -0.01),
        ("learning_starts", 0),
        ("train_frequency", 0),
        ("gradient_steps", 0),
        ("start_e", 1.1),
        ("end_e", -0.1),
        ("exploration_fraction", 0.0),
        ("exploration_fraction", 1.1),
        ("epsilon_decay", 0.0),
        ("epsilon_decay", 1.1),
        ("hidden", [64, 0]),
        ("adam_eps", 0.0),
        ("max_grad_norm", -1.0),
        ("total_timesteps", 10**30),
        ("learning_rate", 10**400),
    ],
)
def test_values_out_of_range_are_refused(name, value):
    valid, mistakes = checked(**{name: value})
    assert not valid
    assert len(mistakes) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma", 0.0),
        ("gamma", 1.0),
        ("hidden", []),
        ("hidden", [1]),
        ("exploration_fraction", 1.0),
        ("end_e", 0.0),
    ],
)
def test_values_on_the_edge_are_accepted(name, value):
    assert checked(**{name: value})[1] == []


def test_learning_may_start_with_the_first_full_batch_and_not_before():
    assert not list(objections({**DEFAULTS, "batch_size": 1000}))
    ((names, message),) = objections({**DEFAULTS, "batch_size": 1001})
    assert names == ("learning_starts", "batch_size")
    assert "1000" in message


@pytest.mark.parametrize(("schedule", "count"), [("linear", 1), ("exponential", 1), ("constant", 0)])
def test_end_e_above_start_e_is_a_mistake_unless_epsilon_is_constant(schedule, count):
    values = {**DEFAULTS, "epsilon_schedule": schedule, "start_e": 0.01}
    assert len(list(objections(values))) == count
