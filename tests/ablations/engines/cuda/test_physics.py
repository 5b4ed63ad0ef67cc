"""Environments on the device: the host's physics to rounding, starts and time limits as Gymnasium's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ablations.engines.cuda import ops
from ablations.engines.cuda.lanes import AHEAD, DeviceLanes
from ablations.engines.cuda.tensors import Tensors
from ablations.envs.classic import CLASSIC_CONTROL

STEPS = 3000


def lanes_of(env_id: str, seeds: Any, **args: Any) -> DeviceLanes:
    return ops.lanes(env_id, args, 0, seeds)


@pytest.mark.parametrize("env_id", CLASSIC_CONTROL)
def test_each_step_is_the_hosts_to_rounding(env_id: str) -> None:
    """From states spread over all that can be reached and somewhat more."""
    kind, rng = CLASSIC_CONTROL[env_id][0], np.random.default_rng(0)
    low, high = np.array(kind.state_bounds).T
    states = np.ascontiguousarray(rng.uniform(1.1 * low, 1.1 * high, (STEPS, len(low))).T)
    actions = rng.integers(kind.actions, size=STEPS)
    host, device = kind(), kind(xp=Tensors("cpu"))
    expected, found = host.step(states, actions), device.step(torch.from_numpy(states), torch.tensor(actions))
    assert 0 < expected.terminated.sum() < STEPS
    # of angles the sine tells what matters: at half a turn either sign is right
    compared = np.sin if env_id == "Acrobot-v1" else np.positive
    ours, theirs = compared(found.states.numpy()), compared(expected.states)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(device.obs(found.states), host.obs(expected.states), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(found.reward, expected.reward)
    np.testing.assert_array_equal(found.terminated, expected.terminated)


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
