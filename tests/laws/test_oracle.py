"""Lane k of the fast code equals the textbook: every named variant, every setting, hundreds of updates, float64."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from ablations.dqn import settings
from ablations.dqn.head import Dueling
from ablations.dqn.learner import learn
from ablations.dqn.returns import NStep, OneStep
from ablations.dqn.trunk import MinAtarCnn
from ablations.dqn.types import Update
from ablations.dqn.variants import DQN, NAMED, Piece, Variant, plain
from ablations.envs.gym import GymLanes
from ablations.recorders.episodes import EpisodeRecorder
from tests import configured
from tests.oracles import textbook_dqn

from . import worlds
from .covering import SHOWING

SETTINGS: dict[str, Any] = {
    "total_timesteps": 320,
    "learning_starts": 60,
    "batch_size": 8,
    "buffer_size": 150,  # wraps around
    "hidden": [24, 16],
    "learning_rate": 1e-3,
    "exploration_fraction": 0.5,
}
SEEDS = (3, 0, 7)
LANE = 1  # neither first nor last

PAIRS = worlds.covering(2)

OTHER_SETTINGS: dict[str, dict[str, Any]] = {
    "huber": {"loss": "huber"},
    "clipped": {"max_grad_norm": 0.5},
    "rmsprop": {"optimizer": "rmsprop"},
    "sgd": {"optimizer": "sgd"},
    "adam-eps": {"adam_eps": 1e-4},
    "train-frequency": {"train_frequency": 4, "total_timesteps": 500},
    "gradient-steps": {"gradient_steps": 3, "total_timesteps": 160},
    "exponential": {"epsilon_schedule": "exponential", "epsilon_decay": 0.99},
    "constant": {"epsilon_schedule": "constant", "start_e": 0.2},
    "no-hidden-layer": {"hidden": []},
    "five-layers": {"hidden": [8, 8, 8, 8, 8]},
    "layer-norm": {"layer_norm": True},
    "five-layers-normalized": {"hidden": [8, 5, 9, 16, 8], "layer_norm": True},
    "gamma": {"gamma": 0.9},
}


@cache
def of_the_textbook(env_id: str, variant: Variant, shared: settings.Settings) -> textbook_dqn.Trace:
    """The textbook's training, which is the same whatever engine it is compared with."""
    return textbook_dqn.train(
        env_id, {}, plain(variant), shared.plain(), SEEDS[LANE], 0, shared.total_timesteps
    )


def compare(variant: Variant, numbers: dict[str, Any], env_id: str = "CartPole-v1") -> None:
    """Train three lanes and one textbook agent; compare everything that both know."""
    variant, shared = configured.configured(variant, **numbers)
    envs = GymLanes(env_id, {}, 0, SEEDS)
    learner = configured.learner(variant, envs, SEEDS, worlds.ENGINE, torch.float64, **shared.plain())
    recorder = EpisodeRecorder(len(SEEDS))
    updates: list[tuple[int, Update]] = []
    for record in learn(learner):
        recorder.observe(record)
        updates += [(record.step, update) for update in record.updates]
    trace = of_the_textbook(env_id, variant, shared)

    rows = recorder.rows(LANE)
    assert [e.global_step for e in trace.episodes] == rows["global_step"].tolist()
    assert [e.episodic_return for e in trace.episodes] == rows["episodic_return"].tolist()
    np.testing.assert_allclose([e.epsilon for e in trace.episodes], rows["epsilon"], rtol=1e-12)
    assert len(trace.updates) == learner.updates >= 100
    for (step, update), expected in zip(updates, trace.updates, strict=True):
        assert step == expected.step
        np.testing.assert_allclose(update.delta[LANE], expected.delta, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(update.batch.weight[LANE], expected.weights, rtol=1e-7)
        np.testing.assert_allclose(update.loss[LANE], expected.loss, rtol=1e-7, atol=1e-12)
        if expected.slots is not None:
            assert update.batch.index[LANE].tolist() == expected.slots
    target_params = learner.network.views(learner.target_params)
    assert len(learner.online.params) == len(trace.online)
    for name, part in learner.online.params.items():
        layer, _, kind = name.rpartition(".")
        oracle = {"advantage": "head", "value": "value"}.get(layer) or ".".join(layer.rsplit("_", 1))
        for found, known in ((part, trace.online), (target_params[name], trace.target)):
            np.testing.assert_allclose(
                found[LANE].detach(), known[f"{oracle}.{kind}"], rtol=1e-6, atol=1e-9, err_msg=name
            )


def own(variant: Variant, **changes: Any) -> dict[str, Any]:
    """The settings that a variant has."""
    without = () if hasattr(variant.exploration, "exploration_fraction") else ("exploration_fraction",)
    return {number: value for number, value in {**SETTINGS, **changes}.items() if number not in without}


@pytest.mark.parametrize("name", SHOWING)
def test_every_named_variant_equals_the_textbook(name: str) -> None:
    compare(SHOWING[name], own(SHOWING[name]))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name != "dqn" else ()) for name in SHOWING]
)
def test_every_named_variant_equals_the_textbook_on_images(name: str) -> None:
    if worlds.ENGINE == "cuda":
        pytest.skip("no environment that a device steps shows images")
    layer_norm = SHOWING[name].trunk.layer_norm
    variant = replace(SHOWING[name], trunk=MinAtarCnn((4, 3), (3, 2), (1, 1), layer_norm=layer_norm))
    numbers = own(variant, total_timesteps=170, buffer_size=80, hidden=[16])
    compare(variant, numbers, "tests/Pictures-v0")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_of_pieces_equals_the_textbook(name: str) -> None:
    own = {number: SETTINGS[number] for number in settings.NAMES if number in SETTINGS}
    compare(PAIRS[name], {**own, "total_timesteps": 170, "buffer_size": 100})


NAMED_TOO = ("huber", "rmsprop", "layer-norm")
"""Settings that named variants have."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "five-layers-normalized" else ())
        for name in OTHER_SETTINGS
        if name not in NAMED_TOO
    ],
)
def test_every_setting_equals_the_textbook(name: str) -> None:
    compare(DQN, {**SETTINGS, **OTHER_SETTINGS[name]})


@pytest.mark.parametrize(
    "name", ["huber", "clipped", "gradient-steps", pytest.param("layer-norm", marks=pytest.mark.slow)]
)
def test_settings_meet_prioritised_weights_as_in_the_textbook(name: str) -> None:
    compare(NAMED["combined"].variant, {**SETTINGS, **OTHER_SETTINGS[name]})


@pytest.mark.parametrize(
    ("bootstrap_truncated", "returns"),
    [
        (True, NStep(5)),
        (False, OneStep()),
        pytest.param(True, OneStep(), marks=pytest.mark.slow),
        pytest.param(False, NStep(5), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_time_limits_are_treated_as_in_the_textbook(bootstrap_truncated: bool, returns: Piece) -> None:
    longer = {"total_timesteps": 650, "train_frequency": 4}  # three limits
    numbers = {**SETTINGS, **longer, "bootstrap_truncated": bootstrap_truncated}
    compare(Variant(head=Dueling((8,)), returns=returns), numbers, env_id="MountainCar-v0")


def test_consecutive_takes_the_last_batch_even_from_a_smaller_buffer() -> None:
    compare(NAMED["consecutive"].variant, {**SETTINGS, "buffer_size": 4})
