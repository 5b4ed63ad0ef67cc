"""Lanes don't see each other: what goes wrong in one leaves the others' bits alone, and is marked."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from ablations.dqn.learner import Learner, learn
from ablations.dqn.trunk import MinAtarCnn
from ablations.dqn.types import StepRecord
from ablations.dqn.variants import DQN, Piece
from ablations.envs.gym import GymLanes
from ablations.recorders.episodes import EpisodeRecorder

from . import toys, worlds
from .covering import SHOWING
from .worlds import covering, rows_of, untrained

LANE = 1
SHORT: dict[str, Any] = {"total_timesteps": 90, "learning_starts": 20}
POISONS = [math.nan, math.inf, -math.inf]
EVERY_POISON = ("dqn", "combined", "munchausen", "hl-gauss", "reset", "softmax-exploration")
CNN = MinAtarCnn((4,), hidden=(16,))
VARIANTS = {**SHOWING, **covering(2)}


def watched(
    learner: Learner, poison_at: int | None = None, poison: float = 0.0
) -> tuple[list[StepRecord], EpisodeRecorder]:
    """Train; optionally poke a number into one lane's weights before the step after ``poison_at``."""
    recorder, moments = EpisodeRecorder(len(learner.seeds)), []
    for record in learn(learner):
        recorder.observe(record)
        moments.append(record)
        if record.step == poison_at:
            with torch.no_grad():
                learner.online.params["advantage.weight"][LANE] = poison
    return moments, recorder


def others(flat: Tensor) -> Tensor:
    return flat[[0, 2]]


def series(recorder: EpisodeRecorder) -> list[Any]:
    """The other lanes' finished episodes."""
    return [rows_of(recorder, lane) for lane in (0, 2)]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_poisoned_lane_is_marked_acts_on_and_costs_the_others_no_bit(name: str) -> None:
    sound = untrained(VARIANTS[name], seeds=[0, 1, 2], **SHORT)
    _, expected = watched(sound)
    for poison in POISONS if name in EVERY_POISON else POISONS[:1]:
        sick = untrained(VARIANTS[name], seeds=[0, 1, 2], **SHORT)
        moments, recorder = watched(sick, poison_at=50, poison=poison)
        assert torch.equal(others(sick.online.flat), others(sound.online.flat))
        assert torch.equal(others(sick.target_params), others(sound.target_params))
        assert series(recorder) == series(expected)
        assert sick.diverged_at == {LANE: 51}
        assert len(moments) == 90
        lane_steps = recorder.rows(LANE)["episodic_length"].sum() + recorder.unfinished(LANE)["length"]
        assert lane_steps == 90  # it goes on acting to the end of its budget


def test_a_frozen_lanes_parameters_stay_as_they_were() -> None:
    learner = untrained(DQN, seeds=[0, 1, 2])
    frozen = None
    for record in learn(learner):
        if record.step == 80:
            with torch.no_grad():
                learner.online.params["advantage.weight"][LANE] = math.inf
            frozen = learner.online.flat[LANE].clone()
    assert frozen is not None
    assert torch.equal(learner.online.flat[LANE], frozen)


@cache
def spiked(name: str, loss: str, spike: float, engine: str) -> tuple[Learner, EpisodeRecorder]:
    """Three lanes on walks of which the middle one's pays ``spike`` at step 40."""
    learner = untrained(SHOWING[name], range(3), "tests/Walk-v0", loss=loss, **SHORT)
    assert isinstance(learner.envs, GymLanes)
    toys.poison(learner.envs, LANE, 40, spike)
    moments, recorder = watched(learner)
    assert len(moments) == 90
    return learner, recorder


@pytest.mark.parametrize("spike", [math.nan, math.inf, 1e38])
@pytest.mark.parametrize("name", ["dqn", "no-replay", "consecutive", "combined", "n-step", "munchausen"])
@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_a_poisonous_reward_stays_in_its_lane(spike: float, name: str, loss: str) -> None:
    """1e38 is finite but its square is not in float32; under Huber it is merely large."""
    learner, recorder = spiked(name, loss, spike, worlds.ENGINE)
    sound, expected = spiked(name, loss, 0.0, worlds.ENGINE)
    assert torch.equal(others(learner.online.flat), others(sound.online.flat))
    assert series(recorder) == series(expected)
    if loss == "squared" or not math.isfinite(spike):
        assert list(learner.diverged_at) == [LANE]
        assert 40 <= learner.diverged_at[LANE] <= 90
    assert learner.online.flat[LANE].isfinite().all()


@cache
def walked(seeds: tuple[int, ...]) -> tuple[Learner, EpisodeRecorder]:
    """Lanes of the reference on walks that nothing is wrong with."""
    learner = untrained(DQN, seeds, "tests/Walk-v0", **SHORT)
    return learner, watched(learner)[1]


@pytest.mark.parametrize("trunk", [DQN.trunk, CNN], ids=["mlp", "cnn"])
@pytest.mark.parametrize(
    ("env_id", "shape"), [("tests/Pictures-v0", (10, 10, 4)), ("tests/StackedPictures-v0", (10, 10))]
)
@pytest.mark.parametrize("name", ["per", "n-step"])
def test_lanes_with_images_are_as_if_they_were_alone(
    engine: str, env_id: str, shape: tuple[int, ...], name: str, trunk: Piece
) -> None:
    if engine == "cuda":
        pytest.skip("no environment that a device steps shows images")
    variant = replace(SHOWING[name], trunk=trunk)
    world: dict[str, Any] = {"env_id": env_id, "env_args": {"shape": shape}, "buffer_size": 25, **SHORT}
    together = untrained(variant, range(3), **world)
    moments, recorder = watched(together)
    for lane in range(3):
        alone = untrained(variant, [lane], **world)
        own_moments, own = watched(alone)
        assert torch.equal(alone.online.flat[0], together.online.flat[lane])
        assert rows_of(own, 0) == rows_of(recorder, lane)
        for one, other in zip(own_moments, moments, strict=True):
            for mine, all_ in zip(one.updates, other.updates, strict=True):
                assert torch.equal(mine.batch.obs[0], all_.batch.obs[lane])
                assert torch.equal(mine.batch.next_obs[0], all_.batch.next_obs[lane])


@pytest.mark.parametrize("name", ["dqn", "per", "n-step", "munchausen", "no-replay", "consecutive"])
def test_pictures_give_the_bits_of_the_same_numbers_in_a_row(engine: str, name: str) -> None:
    """For ``mlp``, which takes them as a row of numbers anyway."""
    if engine == "cuda":
        pytest.skip("no environment that a device steps shows images")
    as_pictures, as_rows = (
        untrained(SHOWING[name], (0, 1), env_id, buffer_size=25, **SHORT)
        for env_id in ("tests/Pictures-v0", "tests/PicturesAsRows-v0")
    )
    for one, other in zip(watched(as_pictures)[0], watched(as_rows)[0], strict=True):
        assert len(one.updates) == len(other.updates)
    assert torch.equal(as_pictures.online.flat, as_rows.online.flat)


@pytest.mark.parametrize("how", [*toys.WRONG_STEPS, *toys.WRONG_RESETS])
def test_an_environment_that_hands_over_what_it_may_not_fails_its_own_lane_alone(how: str) -> None:
    """It is told what and when; nobody has learned from it, and no learner diverged."""
    if worlds.ENGINE != "reference":
        pytest.skip("engines have no part in it")
    odd, even = toys.odd_and_even(2)
    seeds = [even[0], odd[0], even[1]]
    learner = untrained(DQN, seeds, "tests/Misbehaving-v0", env_args={"how": how}, **SHORT)
    _, recorder = watched(learner)
    sound, expected = walked(tuple(seeds))
    assert torch.equal(others(learner.online.flat), others(sound.online.flat))
    assert series(recorder) == series(expected)
    assert list(learner.envs.failures) == [LANE]
    failure = learner.envs.failures[LANE]
    assert {**toys.WRONG_STEPS, **toys.WRONG_RESETS}[how][1] in failure.message
    assert f"step {failure.step};" in failure.message
    assert failure.step == 30 or how in toys.WRONG_RESETS
    assert "; expected " in failure.message
    assert learner.diverged_at == {}


def test_lanes_diverge_each_at_a_step_of_their_own_and_as_if_they_were_alone() -> None:
    """SGD at an absurd learning rate overflows within a few updates."""
    numbers: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 3.0, "total_timesteps": 200}
    learner = untrained(DQN, seeds=range(6), **numbers)
    watched(learner)
    assert len(learner.diverged_at) >= 3
    assert len(set(learner.diverged_at.values())) >= 2
    assert all(50 <= step <= 200 for step in learner.diverged_at.values())
    for lane in range(6):
        alone = untrained(DQN, seeds=[lane], **numbers)
        watched(alone)
        assert alone.diverged_at.get(0) == learner.diverged_at.get(lane)
        assert torch.equal(alone.online.flat[0], learner.online.flat[lane])


def test_all_lanes_may_diverge_and_the_run_still_ends() -> None:
    learner = untrained(DQN, seeds=[0, 1])
    moments = []
    for record in learn(learner):
        moments.append(record)
        if record.step == 60:
            with torch.no_grad():
                learner.online.flat.fill_(math.nan)
    assert learner.diverged_at == {0: 61, 1: 61}
    assert len(moments) == 300
