"""Environments on the device against Gymnasium's own: the same physics to rounding, starts and time limits as there."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from ablations.engines.cuda import ops
from ablations.engines.cuda.lanes import AHEAD, DeviceLanes
from ablations.engines.cuda.tensors import Tensors
from ablations.envs.classic import CLASSIC_CONTROL
from ablations.envs.dynamics import Dynamics

STEPS = 3000


def physics_of(env_id: str) -> Dynamics:
    return CLASSIC_CONTROL[env_id][0](xp=Tensors("cpu"))


def lanes_of(env_id: str, seeds: Any, **args: Any) -> DeviceLanes:
    return ops.lanes(env_id, args, 0, seeds)


@pytest.mark.parametrize("env_id", CLASSIC_CONTROL)
def test_each_step_is_gymnasiums_to_rounding(env_id: str) -> None:
    """From Gymnasium's state before each of thousands of steps, spread over what random play and pushes reach."""
    env: Any = gymnasium.make(env_id).unwrapped
    physics = physics_of(env_id)
    rng = np.random.default_rng(0)
    befores, actions, expected = [], [], []
    env.reset(seed=0)
    for _ in range(STEPS):
        before, action = np.array(env.state, dtype=np.float64), int(rng.integers(physics.actions))
        seen, reward, terminated, _, _ = env.step(action)
        befores.append(before)
        actions.append(action)
        expected.append((np.array(env.state, dtype=np.float64), seen, reward, terminated))
        if terminated:
            env.reset()
            env.state = env.state * np.float64(rng.choice([1, 8]))  # also from the edges
    assert sum(terminated for *_, terminated in expected) > 0 or env_id == "MountainCar-v0"
    states, reward, ends = physics.step(torch.from_numpy(np.array(befores).T), torch.tensor(actions))
    theirs = [np.array(column) for column in zip(*expected, strict=True)]
    np.testing.assert_allclose(states.T, theirs[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(physics.obs(states), theirs[1], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(reward, theirs[2])
    np.testing.assert_array_equal(ends, theirs[3])


@pytest.mark.parametrize("goal", [0.49, 0.5])
def test_a_mountain_car_arrives_and_stops_at_the_left_end(goal: float) -> None:
    states = torch.tensor([[goal, -1.19], [0.02, -0.06]], dtype=torch.float64)
    moved, _, terminated = physics_of("MountainCar-v0").step(states, torch.tensor([2, 0]))
    assert terminated.tolist() == [True, False]
    assert moved[:, 1].tolist() == [-1.2, 0.0]


def test_a_cart_pole_follows_gymnasiums_path_for_whole_episodes() -> None:
    env: Any = gymnasium.make("CartPole-v1").unwrapped
    physics, rng = physics_of("CartPole-v1"), np.random.default_rng(1)
    for episode in range(40):
        env.reset(seed=episode)
        states, over = torch.from_numpy(np.array(env.state))[:, None], False
        while not over:
            action = int(rng.integers(2))
            _, _, over, _, _ = env.step(action)
            states, _, terminated = physics.step(states, torch.tensor([action]))
            np.testing.assert_allclose(states[:, 0], env.state, rtol=1e-9, atol=1e-11)
            assert bool(terminated) == over


@pytest.mark.parametrize(
    ("env_id", "low", "high"),
    [
        ("CartPole-v1", [-0.05] * 4, [0.05] * 4),
        ("Acrobot-v1", [-0.1] * 4, [0.1] * 4),
        ("MountainCar-v0", [-0.6, 0.0], [-0.4, 0.0]),
    ],
)
def test_starts_fill_gymnasiums_box(env_id: str, low: list[float], high: list[float]) -> None:
    starts = lanes_of(env_id, range(50)).starts.flatten(0, 1)  # (N, S)
    low_, high_ = torch.tensor(low), torch.tensor(high)
    span = high_ - low_
    assert (starts >= low_ - 1e-7).all()
    assert (starts <= high_ + 1e-7).all()
    assert ((starts.amin(0) - low_) <= 0.01 * span).all()
    assert ((high_ - starts.amax(0)) <= 0.01 * span).all()
    assert torch.allclose(starts.mean(0).float(), (low_ + high_) / 2, atol=0.02 * float(span.max()))


def test_episodes_end_at_the_time_limit_that_gymnasium_registers_or_that_is_asked_for() -> None:
    for args, limit in (({}, 200), ({"max_episode_steps": 7}, 7)):
        envs = lanes_of("MountainCar-v0", [0, 1], **args)
        cut = []
        for step in range(1, 2 * limit + 1):
            envs.refill()
            steps = envs.step(torch.tensor([1, 1]))
            cut += [step] * int(steps.truncated.all())
            assert not steps.terminated.any()
        assert cut == [limit, 2 * limit]


def test_successors_are_the_true_ones_and_the_next_episode_begins_at_its_own_start() -> None:
    """A lane's starts are numbered by episode: the order of ends, refills and other lanes make no difference."""
    envs, alone = lanes_of("CartPole-v1", [5, 3, 9]), lanes_of("CartPole-v1", [3])
    starts = [alone.obs[0].tolist()]
    rng = np.random.default_rng(0)
    seen = [envs.obs[1].tolist()]
    for _ in range(6 * AHEAD):
        envs.refill()
        steps = envs.step(torch.tensor([int(rng.integers(2)), 1, 0]))
        over = steps.terminated | steps.truncated
        assert torch.equal(envs.obs[~over], steps.next_obs[~over])
        if over[1]:
            assert steps.next_obs[1, 2].abs() > 0.2
            seen.append(envs.obs[1].tolist())
    while len(starts) < len(seen):
        alone.refill()
        if alone.step(torch.tensor([0])).terminated[0]:
            starts.append(alone.obs[0].tolist())
    assert seen == starts
    assert len(set(map(tuple, seen))) == len(seen) > 60


def test_every_step_may_end_an_episode_and_starts_do_not_run_out() -> None:
    envs = lanes_of("MountainCar-v0", [0], max_episode_steps=1)
    seen = []
    for _ in range(3 * AHEAD):
        envs.refill()
        envs.step(torch.tensor([1]))
        seen.append(float(envs.obs[0, 0]))
    assert len(set(seen)) == len(seen)
