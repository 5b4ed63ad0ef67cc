"""Lanes on the device: a run's bits don't depend on its neighbours, and what goes wrong in one stays there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from ablations.dqn.learner import learn, step_of
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.variants import DQN, NAMED, Variant
from ablations.envs.gym import Steps
from ablations.recorders import device_episodes
from ablations.recorders.episodes import EpisodeRecorder

from .training import trained, untrained

LANE = 1


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("dqn", {}),
        ("combined", {"max_grad_norm": 0.5, "loss": "huber"}),
        ("no-replay", {"optimizer": "sgd"}),
        ("soft-target", {"optimizer": "rmsprop", "batch_size": 9}),
    ],
)
@pytest.mark.parametrize("env_id", ["CartPole-v1"])
def test_a_run_is_the_same_bits_alone_among_3_and_among_64(
    name: str, numbers: dict[str, Any], env_id: str
) -> None:
    most = untrained(NAMED[name].variant, range(64), env_id, **numbers)
    series = trained(most)
    for lanes in (1, 3):
        seeds = np.random.default_rng(lanes).permutation(64)[:lanes].tolist()
        few = untrained(NAMED[name].variant, seeds, env_id, **numbers)
        found = trained(few)
        for lane, seed in enumerate(seeds):
            moments = few.optimizer.moments.second, most.optimizer.moments.second
            for ours, theirs in ((few.online.flat, most.online.flat), moments):
                assert torch.equal(ours[lane].view(torch.int32), theirs[seed].view(torch.int32))
            assert torch.equal(few.target_params[lane], most.target_params[seed])
            assert found.rows(lane).tolist() == series.rows(seed).tolist()
            assert len(found.rows(lane)) > 0
    assert series.rows(0).tolist() != series.rows(1).tolist()


@pytest.mark.parametrize("env_id", ["Acrobot-v1", "MountainCar-v0"])
def test_other_environments_train_too_and_keep_lanes_apart(env_id: str) -> None:
    three, one = (untrained(DQN, seeds, env_id) for seeds in ([4, 2, 0], [2]))
    for learner in (three, one):
        trained(learner)
    assert torch.equal(three.online.flat[1], one.online.flat[0])
    rows, alone = (learner.memory.state()["rows"] for learner in (three, one))
    assert torch.equal(rows[1], alone[0])
    assert not torch.equal(rows[0], rows[1])


@pytest.mark.parametrize("noted", [1, 7 * 3, 2**22])
def test_episodes_are_those_that_a_look_at_each_step_finds_however_many_are_read_at_once(
    noted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_episodes, "MOST_NOTES", noted)
    learner = untrained(DQN, range(3), epsilon_schedule="exponential", start_e=0.9)
    device, host = device_episodes.DeviceEpisodeRecorder(3, "cpu"), EpisodeRecorder(3)
    for record in learn(learner):
        device.observe(record)
        host.observe(record._replace(steps=Steps(*(each.numpy().copy() for each in record.steps))))
        if record.step in (20, 150):
            assert device.rows(2).tolist() == host.rows[2]
    for lane in range(3):
        assert device.rows(lane).tolist() == host.rows[lane]
        assert device.table(lane, "e", "v", 7).equals(host.table(lane, "e", "v", 7))
        assert device.unfinished(lane) == host.unfinished(lane)
    assert min(map(len, host.rows)) > 2


def test_a_recorder_that_saw_no_episode_end_makes_an_empty_table() -> None:
    recorder = trained(untrained(DQN, [0, 1], "MountainCar-v0", total_timesteps=50))
    assert recorder.table(1, "e", "v", 0).num_rows == 0
    assert recorder.unfinished(1) == {"length": 50, "return": -50.0}


@pytest.mark.parametrize("name", ["dqn", "combined", "no-replay"])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_poisoned_lane_is_frozen_marked_and_costs_the_others_no_bit(name: str, poison: float) -> None:
    sound, sick = (untrained(NAMED[name].variant, [0, 1, 2], train_frequency=2) for _ in range(2))
    expected = trained(sound)
    recorder, frozen = device_episodes.DeviceEpisodeRecorder(3, "cpu"), None
    for record in learn(sick):
        recorder.observe(record)
        if record.step == 101:
            with torch.no_grad():
                sick.online.params["advantage.weight"][LANE] = poison
            frozen = sick.online.flat[LANE].clone()
    assert frozen is not None
    assert sick.diverged_at == {LANE: 102}
    assert sound.diverged_at == {}
    np.testing.assert_array_equal(sick.online.flat[LANE].numpy(), frozen.numpy())
    for lane in (0, 2):
        assert torch.equal(sick.online.flat[lane], sound.online.flat[lane])
        assert recorder.rows(lane).tolist() == expected.rows(lane).tolist()
    unfinished = recorder.unfinished(LANE)["length"]
    assert sum(row[2] for row in recorder.rows(LANE).tolist()) + unfinished == 200  # it acts on to the end


@pytest.mark.parametrize(
    "settings",
    [{}, {"train_frequency": 7}, {"gradient_steps": 3}, {"train_frequency": 4, "gradient_steps": 2}],
)
def test_an_updates_number_tells_its_step(settings: dict[str, Any]) -> None:
    learner = untrained(DQN, total_timesteps=80, **settings)
    steps = [record.step for record in learn(learner) for _ in record.updates]
    assert [step_of(learner.settings, number) for number in range(1, len(steps) + 1)] == steps


def test_a_run_is_repeated_to_the_bit_and_another_seed_is_another_run() -> None:
    one, again = (untrained(NAMED["per"].variant, [3, 5]) for _ in range(2))
    assert trained(one).rows(0).tolist() == trained(again).rows(0).tolist()
    assert torch.equal(one.online.flat, again.online.flat)
    assert not torch.equal(one.online.flat[0], one.online.flat[1])


def test_the_ring_on_the_device_counts_as_the_hosts_does() -> None:
    learner = untrained(Variant(replay=Prioritized()), total_timesteps=130)
    for record in learn(learner):
        assert int(learner.memory.position) == record.step % 100
        assert int(learner.memory.size) == min(record.step, 100)


def test_weights_start_where_the_other_engines_start() -> None:
    learner = untrained(DQN, [6, 2])
    assert torch.equal(learner.online.flat, learner.network.initial(0, [6, 2], torch.float32))
