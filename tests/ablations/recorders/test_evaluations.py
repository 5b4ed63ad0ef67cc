"""Evaluations: the same numbers however the episodes are stepped, and what an environment that raises costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from ablations import engines
from ablations.dqn.learner import Learner, learn
from ablations.dqn.variants import DQN
from ablations.envs.gym import GymEpisodes, GymLanes
from ablations.envs.make import lanes_of
from ablations.recorders import evaluations
from ablations.recorders.evaluations import EvaluationRecorder, start_seeds
from ablations.recorders.probes import probe_states
from tests import configured
from tests.laws import toys  # noqa: F401 (registers environments)
from tests.laws.worlds import SMALL
from tests.on_engines import ENGINES, put_on_cpu_tensors

SEEDS = (0, 1, 2)


def learner(env_id: str, args: dict[str, Any], fast: bool = False, seeds: tuple[int, ...] = SEEDS) -> Learner:
    return configured.learner(DQN, lanes_of(env_id, args, 0, seeds, fast), seeds, hidden=(16,), **SMALL)


def tables(a: Learner, env_id: str, every: int, episodes: int) -> list[pa.Table]:
    """Train; what the evaluations of each lane store."""
    recorder = EvaluationRecorder(a, every, episodes)
    for record in learn(a):
        recorder.observe(record)
    return [recorder.table(lane, env_id, "dqn", seed) for lane, seed in enumerate(a.seeds)]


@pytest.mark.parametrize(
    ("env_id", "args"),
    [
        ("CartPole-v1", {}),
        ("CartPole-v1", {"sutton_barto_reward": True, "max_episode_steps": 40}),
        ("Acrobot-v1", {"max_episode_steps": 150}),
        ("MountainCar-v0", {}),
    ],
)
def test_evaluations_store_the_same_bits_stepped_all_at_once(env_id: str, args: dict[str, Any]) -> None:
    one_by_one, at_once = (tables(learner(env_id, args, fast), env_id, 60, 3) for fast in (False, True))
    assert [table.num_rows for table in at_once] == [15] * 3
    for theirs, ours in zip(one_by_one, at_once, strict=True):
        assert ours.equals(theirs)
    lengths = {each for table in at_once for each in table["episodic_length"].to_pylist()}
    assert len(lengths) >= 3 or env_id != "CartPole-v1"  # episodes that end at different steps


@pytest.mark.parametrize("fast", [False, True])
def test_a_lane_is_evaluated_as_if_it_were_alone(fast: bool) -> None:
    together = tables(learner("CartPole-v1", {}, fast), "CartPole-v1", 100, 4)
    for lane, seed in enumerate(SEEDS):
        (alone,) = tables(learner("CartPole-v1", {}, fast, (seed,)), "CartPole-v1", 100, 4)
        assert together[lane].equals(alone)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"])
def test_every_engine_plays_what_gymnasium_plays_from_the_same_seeds(
    engine: str, env_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To rounding: a device has sines of its own. Some episodes are over before the longest ends."""
    put_on_cpu_tensors(engine, monkeypatch)
    numbers = {**SMALL, "hidden": (16,), "gamma": 0.9, "total_timesteps": 90}
    ours = configured.learner(DQN, engines.of(engine).lanes(env_id, {}, 0, [3, 1]), [3, 1], engine, **numbers)
    for _ in learn(ours):
        pass
    theirs = configured.learner(DQN, GymLanes(env_id, {}, 0, [3, 1]), [3, 1], **numbers)
    theirs.online.flat.copy_(ours.online.flat)
    recorder, expected = EvaluationRecorder(ours, 30, 4), EvaluationRecorder(theirs, 30, 4).play()
    with torch.no_grad():
        for _ in range(2):  # the second time as the first
            found = recorder.play()
            assert list(found) == list(expected)
            for name, column in found.items():
                np.testing.assert_allclose(column, expected[name], rtol=1e-5, err_msg=name)
                assert column.dtype == expected[name].dtype
    assert len(np.unique(found["episodic_length"])) > 1 or env_id != "CartPole-v1"


@pytest.mark.parametrize("args", [{"at_step": 4}, {"at_reset": 0}, {"at_reset": 1}])
def test_an_evaluation_that_raises_fails_its_own_lane_and_no_other(
    args: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    a = learner("tests/Walk-v0", {}, seeds=tuple(range(6)))
    doomed = {lane for lane, seed in enumerate(a.seeds) if any(each % 2 for each in start_seeds(0, seed, 2))}
    assert 0 < len(doomed) < 6
    monkeypatch.setattr(a.envs, "episodes", lambda seeds: GymEpisodes("tests/Fragile-v0", args, seeds))
    found = tables(a, "tests/Fragile-v0", 100, 2)
    sound = tables(learner("tests/Walk-v0", {}, seeds=tuple(range(6))), "tests/Walk-v0", 100, 2)
    assert set(a.envs.failures) == doomed
    for lane in set(range(6)) - doomed:
        assert found[lane].drop_columns("env_id").equals(sound[lane].drop_columns("env_id"))
    steps = {failure.step for failure in a.envs.failures.values()}
    assert steps <= {100, 200, 300}
    assert "at_step" in args or steps == {100 * (1 + args["at_reset"])}


def test_an_episode_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluations, "MOST_STEPS", 25)
    args = {"max_episode_steps": -1}
    for fast in (False, True):
        (table,) = tables(learner("MountainCar-v0", args, fast, (0,)), "MountainCar-v0", 300, 1)
        (row,) = table.to_pylist()
        assert (row["episodic_length"], row["terminated"], row["truncated"]) == (25, False, True)
        assert row["tail_discount"] == 0.99**25


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"])
def test_probe_states_are_the_same_bits_stepped_all_at_once(env_id: str) -> None:
    (slow, _), (fast, _) = (probe_states(env_id, {}, 4, SEEDS, fast) for fast in (False, True))
    assert fast.tobytes() == slow.tobytes()


def test_only_episodes_under_way_are_stepped_and_all_can_be_played_again() -> None:
    """The seventh of ten begins and goes on as if it were alone; the others stand still."""
    episodes, alone = (
        lanes_of("CartPole-v1", {}, 0, [0], fast=True).episodes(seeds) for seeds in (list(range(10)), [6])
    )
    others = np.delete(np.arange(10), 6)
    for _ in range(2):
        episodes.begin(np.arange(3))
        alone.begin(np.arange(0))
        assert episodes.going.tolist() == [False] * 3 + [True] * 7
        assert episodes.obs[6].tolist() == alone.obs[0].tolist()
        episodes.going[others] = False
        before = episodes.obs.copy()
        for step in range(1, 6):
            reward = episodes.step(np.ones(10, int)).reward
            alone.step(np.array([1]))
            assert episodes.obs[6].tolist() == alone.obs[0].tolist()
            assert (episodes.obs[others] == before[others]).all()
            assert reward.tolist() == [0.0] * 6 + [1.0] + [0.0] * 3
            assert (episodes.elapsed[6], alone.elapsed[0]) == (step, step)


def played(a: Learner, epsilon: float, now: int = 0) -> dict[str, Any]:
    """A long evaluation by a network that nothing was taught."""
    return EvaluationRecorder(a, 60, 40, epsilon=epsilon).play(now)


def test_an_epsilon_of_its_own_makes_a_share_of_actions_random_and_is_a_lanes_own() -> None:
    a = learner("CartPole-v1", {})
    greedy, random, again, later = (played(a, *each) for each in ((0.0,), (1.0,), (1.0,), (1.0, 60)))
    assert random["episodic_length"].tolist() == again["episodic_length"].tolist()
    assert random["episodic_length"].tolist() != later["episodic_length"].tolist()
    assert greedy["episodic_length"].mean() < 12  # one action for ever
    assert 15 < random["episodic_length"].mean() < 30  # 22 for a random policy
    alone = played(learner("CartPole-v1", {}, seeds=SEEDS[1:2]), 1.0)
    assert alone["episodic_return"].tolist() == random["episodic_return"].reshape(3, 40)[1].tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_epsilon_in_evaluations_changes_no_training_bit(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_cpu_tensors(engine, monkeypatch)
    made = []
    for epsilon in (0.0, 0.5):
        envs = engines.of(engine).lanes("CartPole-v1", {}, 0, SEEDS)
        a = configured.learner(DQN, envs, SEEDS, engine=engine, hidden=(16,), **SMALL)
        recorder = EvaluationRecorder(a, 60, 2, epsilon=epsilon)
        for record in learn(a):
            recorder.observe(record)
        made.append(
            (
                a.online.flat.tolist(),
                recorder.table(0, "CartPole-v1", "dqn", 0)["episodic_length"].to_pylist(),
            )
        )
    assert made[0][0] == made[1][0]
    assert made[0][1] != made[1][1]
