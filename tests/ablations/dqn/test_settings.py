"""Settings and the numbers of pieces: the defaults of the contract, ranges, one plain form."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from typing import Any, get_type_hints

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from ablations.dqn.bootstrap import Munchausen, SoftQ
from ablations.dqn.exploration import EpsilonGreedy, Softmax
from ablations.dqn.head import Dueling
from ablations.dqn.loss import HlGauss
from ablations.dqn.maintenance import Reset
from ablations.dqn.optimizer import SGD, Adam, RMSprop
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.returns import NStep
from ablations.dqn.settings import NAMES, Settings, objections
from ablations.dqn.target import Hard, Soft
from ablations.dqn.trunk import MinAtarCnn, Mlp, NatureCnn
from ablations.dqn.variants import PIECES

DEFAULTS: dict[str, Any] = {
    "total_timesteps": 50_000,
    "learning_rate": 1e-3,
    "buffer_size": 10_000,
    "batch_size": 64,
    "gamma": 0.99,
    "learning_starts": 1_000,
    "train_frequency": 1,
    "gradient_steps": 1,
    "bootstrap_truncated": True,
}
NUMBERS: dict[type, dict[str, Any]] = {
    Mlp: {"hidden": (64, 64), "layer_norm": False},
    MinAtarCnn: {
        "filters": (16,),
        "kernels": (3,),
        "strides": (1,),
        "hidden": (128,),
        "layer_norm": False,
    },
    NatureCnn: {
        "filters": (32, 64, 64),
        "kernels": (8, 4, 3),
        "strides": (4, 2, 1),
        "hidden": (512,),
        "layer_norm": False,
    },
    Dueling: {"hidden": ()},
    EpsilonGreedy: {
        "start_e": 1.0,
        "end_e": 0.05,
        "schedule": "linear",
        "exploration_fraction": 0.2,
        "epsilon_decay": 0.995,
    },
    Prioritized: {"alpha": 0.6, "beta_start": 0.4, "beta_end": 1.0, "eps": 1e-6, "stratified": True},
    Hard: {"period": 100},
    Soft: {"tau": 0.005},
    Adam: {"eps": 1e-8, "max_grad_norm": 0.0, "reset_at_sync": False},
    RMSprop: {"eps": 1e-8, "max_grad_norm": 0.0, "decay": 0.99, "centered": False},
    SGD: {"max_grad_norm": 0.0},
    Softmax: {"temperature": 1.0},
    NStep: {"n": 3},
    Munchausen: {"alpha": 0.9, "tau": 0.03, "clip": -1.0},
    SoftQ: {"tau": 0.03},
    HlGauss: {"atoms": 51, "sigma": 0.75, "v_min": None, "v_max": None},
    Reset: {"every": 10_000, "layers": 1},
}
"""Numbers that a study may have stored, whose defaults never change; pieces that are not here had none."""


def accepts(record: type, name: str, value: Any) -> bool:
    """Whether a value has the type and lies in the range that a field is annotated with."""
    annotation = get_type_hints(record, include_extras=True)[name]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def test_the_defaults_are_those_of_the_contract():
    assert Settings().plain() == DEFAULTS
    assert tuple(DEFAULTS) == NAMES


def test_the_numbers_of_pieces_have_the_defaults_of_the_contract():
    for piece in (piece for pieces in PIECES.values() for piece in pieces.values()):
        found = {field.name: field.default for field in fields(piece)}
        pinned = NUMBERS.get(piece, {})
        assert {name: found[name] for name in pinned} == pinned, piece
    assert set(NUMBERS) <= {piece for pieces in PIECES.values() for piece in pieces.values()}


def test_settings_are_frozen_hashable_and_plain_json():
    settings = Settings(gamma=0.5)
    with pytest.raises(FrozenInstanceError):
        settings.gamma = 0.9  # type: ignore[misc]
    assert hash(settings) == hash(Settings(gamma=0.5))
    assert json.loads(json.dumps(settings.plain()))["gamma"] == 0.5


def test_a_configuration_states_no_setting_that_holds_its_default():
    assert Settings().plain_changes() == {}
    changed = Settings(gamma=0.9, batch_size=64)
    assert changed.plain_changes() == {"gamma": 0.9}
    assert Settings(**changed.plain_changes()) == changed


def test_every_default_passes_its_own_check():
    assert all(accepts(Settings, name, value) for name, value in DEFAULTS.items())
    for piece in (piece for pieces in PIECES.values() for piece in pieces.values()):
        assert all(accepts(piece, field.name, field.default) for field in fields(piece)), piece


@pytest.mark.parametrize(
    ("record", "name", "value"),
    [
        (Settings, "total_timesteps", 0),
        (Settings, "learning_rate", 0.0),
        (Settings, "learning_rate", float("nan")),
        (Settings, "learning_rate", float("inf")),
        (Settings, "buffer_size", 0),
        (Settings, "batch_size", 0),
        (Settings, "gamma", 1.01),
        (Settings, "gamma", -0.01),
        (Settings, "learning_starts", 0),
        (Settings, "train_frequency", 0),
        (Settings, "gradient_steps", 0),
        (Settings, "total_timesteps", 10**30),
        (EpsilonGreedy, "start_e", 1.1),
        (EpsilonGreedy, "end_e", -0.1),
        (EpsilonGreedy, "schedule", "sudden"),
        (EpsilonGreedy, "exploration_fraction", 0.0),
        (EpsilonGreedy, "exploration_fraction", 1.1),
        (EpsilonGreedy, "epsilon_decay", 0.0),
        (EpsilonGreedy, "epsilon_decay", 1.1),
        (Mlp, "hidden", (64, 0)),
        (MinAtarCnn, "filters", (0,)),
        (NatureCnn, "strides", (4, 2, 0)),
        (NatureCnn, "kernels", (2_000, 4, 3)),
        (Dueling, "hidden", (0,)),
        (Hard, "period", 0),
        (Soft, "tau", 0.0),
        (Soft, "tau", 1.1),
        (Prioritized, "alpha", -0.1),
        (Prioritized, "beta_end", 1.1),
        (Prioritized, "eps", 0.0),
        (Adam, "eps", 0.0),
        (RMSprop, "eps", 0.0),
        (SGD, "max_grad_norm", -1.0),
        (RMSprop, "decay", 1.0),
        (Softmax, "temperature", 0.0),
        (NStep, "n", 0),
        (Munchausen, "alpha", 1.1),
        (Munchausen, "clip", 0.0),
        (SoftQ, "tau", 0.0),
        (HlGauss, "atoms", 1),
        (HlGauss, "sigma", 0.0),
        (Reset, "every", 0),
        (Reset, "layers", 0),
    ],
)
def test_values_out_of_range_are_refused(record: type, name: str, value: Any):
    assert not accepts(record, name, value)


@pytest.mark.parametrize(
    ("record", "name", "value"),
    [
        (Settings, "gamma", 0.0),
        (Settings, "gamma", 1.0),
        (EpsilonGreedy, "exploration_fraction", 1.0),
        (EpsilonGreedy, "end_e", 0.0),
        (Mlp, "hidden", ()),
        (Mlp, "hidden", (1,)),
        (Hard, "period", 1),
        (Soft, "tau", 1.0),
        (Prioritized, "alpha", 0.0),
    ],
)
def test_values_on_the_edge_are_accepted(record: type, name: str, value: Any):
    assert accepts(record, name, value)


def test_learning_may_start_with_the_first_full_batch_and_not_before():
    assert not list(objections(Settings(batch_size=1000)))
    ((name, message),) = objections(Settings(batch_size=1001))
    assert name == "learning_starts"
    assert "1000" in message
