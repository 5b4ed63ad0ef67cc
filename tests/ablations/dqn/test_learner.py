"""The kernel's own equations on a few numbers: schedules, errors, actions, what is stored, when updates happen."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.learner import Learner, learn, train_step, transition
from ablations.dqn.replay.prioritized import Prioritized, PrioritizedRing
from ablations.dqn.settings import Settings
from ablations.dqn.target import Hard, Soft
from ablations.dqn.types import Clock
from ablations.dqn.variants import DQN, PIECES, Variant
from ablations.engines import reference
from ablations.envs.gym import GymLanes, Steps
from ablations.rng.streams import Role, stream
from tests import configured
from tests.laws import toys

SMALL: dict[str, Any] = {
    "total_timesteps": 60,
    "learning_starts": 10,
    "batch_size": 4,
    "buffer_size": 20,
    "hidden": (8,),
}


def learner(
    variant: Variant = DQN, lanes: int = 2, dtype: torch.dtype = torch.float64, **settings: Any
) -> Learner:
    seeds = list(range(lanes))
    envs = GymLanes("tests/Walk-v0", {}, 0, seeds)
    return configured.learner(variant, envs, seeds, dtype=dtype, **{**SMALL, **settings})


# --- exploration


def test_the_first_step_explores_at_the_start_value_and_the_record_says_so() -> None:
    moments = list(learn(learner(exploration_fraction=0.5, end_e=0.4)))
    expected = [max(0.4, 1 - 0.6 * (t - 1) / 30) for t in range(1, 61)]
    assert [m.epsilon for m in moments] == pytest.approx(expected)
    assert [m.step for m in moments] == list(range(1, 61))


START = Clock(0, 0, 1000)


def constantly(epsilon: float) -> EpsilonGreedy:
    """A rate of exploration that does not change."""
    return EpsilonGreedy(schedule="constant", start_e=epsilon)


def acted(a: Learner, obs: Tensor, epsilon: float) -> Tensor:
    """What the learner does where it sees ``obs`` (L, D), with its next draws: (L,)."""
    return constantly(epsilon).act(a.q(obs[:, None]).squeeze(1), a.exploration.next(), START)


def test_an_action_is_random_where_the_coin_is_below_epsilon_and_greedy_elsewhere() -> None:
    a = learner(lanes=50)
    obs = torch.from_numpy(a.envs.obs).to(a.dtype)
    coins = np.stack([stream(0, seed, Role.EXPLORATION).random(2) for seed in a.seeds])
    greedy = a.q(obs[:, None])[:, 0].argmax(-1).numpy()
    random = (coins[:, 1] * a.envs.actions).astype(int)
    expected = np.where(coins[:, 0] < 0.5, random, greedy)
    assert acted(a, obs, epsilon=0.5).tolist() == expected.tolist()
    assert (random != greedy).any()


def test_two_draws_are_spent_on_every_action_random_or_greedy() -> None:
    greedy, random = (learner(epsilon_schedule="constant", start_e=epsilon) for epsilon in (0.0, 1.0))
    for a in (greedy, random):
        for _ in range(5):
            a.act_and_store(a, a.exploration.next(), START)
    assert torch.equal(greedy.exploration.next(), random.exploration.next())


def test_of_equal_values_the_first_action_is_greedy() -> None:
    a = learner()
    a.online.flat.zero_()
    obs = torch.ones(2, *a.envs.observation.shape, dtype=a.dtype)
    assert acted(a, obs, epsilon=0.0).tolist() == [0, 0]


@pytest.mark.parametrize("actions", [2, 3, 7])
def test_random_actions_are_uniform_over_all_actions(actions: int) -> None:
    a = learner()
    a.q = lambda obs: torch.zeros(len(obs), 1, actions, dtype=obs.dtype)
    obs = torch.from_numpy(a.envs.obs).to(a.dtype)
    drawn = np.array([acted(a, obs, epsilon=1.0).tolist() for _ in range(700)])
    counts = np.bincount(drawn.ravel(), minlength=actions)
    assert len(counts) == actions
    assert (np.abs(counts - 1400 / actions) < 4.5 * np.sqrt(1400 / actions)).all()


# --- what is stored


@pytest.mark.parametrize(
    ("bootstrap_truncated", "discounts"), [(True, [0.9, 0.0, 0.9, 0.0]), (False, [0.9, 0.0, 0.0, 0.0])]
)
def test_termination_cuts_the_bootstrap_and_a_time_limit_only_if_asked(
    bootstrap_truncated: bool, discounts: list[float]
) -> None:
    steps = Steps(
        next_obs=np.arange(4, dtype=np.float32)[:, None],
        reward=np.array([1.0, 2.0, 3.0, 4.0]),
        terminated=np.array([False, True, False, True]),
        truncated=np.array([False, False, True, True]),
    )
    tensor = partial(reference.tensor, dtype=torch.float64)
    s = Settings(gamma=0.9, bootstrap_truncated=bootstrap_truncated)
    stored = transition(s, torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]), steps, tensor, tensor)
    assert stored.discount.tolist() == discounts
    assert stored.reward.tolist() == [1, 2, 3, 4]
    assert stored.next_obs.tolist() == [[0], [1], [2], [3]]


@pytest.mark.parametrize("cut", [False, True])
def test_memory_holds_each_step_as_it_happened_across_episodes(cut: bool) -> None:
    seeds = [4, 5]
    envs = GymLanes("tests/Counter-v0", {"length": 3, "cut": cut}, 0, seeds)
    a = configured.learner(DQN, envs, seeds, dtype=torch.float64, **SMALL)
    for _ in learn(a):
        pass
    memory = a.memory.rows(torch.arange(20).repeat(2, 1))  # the last 20 of 60 steps; slot 0 is step 40
    for b in range(20):
        episode, done = divmod(40 + b, 3)
        assert memory.obs[:, b].tolist() == [[episode, done]] * 2
        assert memory.next_obs[:, b].tolist() == [[episode, done + 1]] * 2
        assert memory.discount[:, b].tolist() == [0.0 if done == 2 and not cut else 0.99] * 2
    assert torch.equal(memory.reward, memory.action.double())


# --- updates


@pytest.mark.parametrize(
    ("settings", "steps_of_updates"),
    [
        ({}, list(range(10, 61))),
        ({"train_frequency": 7}, [14, 21, 28, 35, 42, 49, 56]),
        ({"train_frequency": 5}, [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60]),
        ({"learning_starts": 60}, [60]),
        ({"learning_starts": 61}, []),
    ],
)
@pytest.mark.parametrize("gradient_steps", [1, 3])
def test_updates_follow_the_steps_that_the_settings_name(
    settings: dict[str, Any], steps_of_updates: list[int], gradient_steps: int
) -> None:
    a = learner(**settings, gradient_steps=gradient_steps)
    before, found = 0, []
    for record in learn(a):
        if a.updates != before:
            assert a.updates == before + gradient_steps
            found.append(record.step)
            before = a.updates
    assert found == steps_of_updates


def test_the_target_follows_updates_and_not_steps() -> None:
    """A sync inside the training test would fall on the least common multiple of both periods."""
    a = learner(Variant(target=Hard(3)), train_frequency=4, learning_starts=12)
    synced = []
    for record in learn(a):
        if a.updates and record.step % 4 == 0 and torch.equal(a.target_params, a.online.flat):
            synced.append((record.step, a.updates))
    assert synced == [(20, 3), (32, 6), (44, 9), (56, 12)]


def test_the_target_starts_equal_to_the_online_network_and_apart_from_it() -> None:
    a = learner(Variant(target=Hard(1000)))
    assert torch.equal(a.target_params, a.online.flat)
    start = a.online.flat.clone()
    for _ in learn(a):
        pass
    assert torch.equal(a.target_params, start)
    assert not torch.equal(a.online.flat, start)


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_an_update_descends_the_mean_of_weighted_errors_of_each_lane(loss: str) -> None:
    """delta = y - Q(s, a) and y is a constant: only Q(s, a) is differentiated (a semi-gradient)."""
    a = learner(
        Variant(replay=Prioritized(alpha=1.0), target=Hard(10)),
        loss=loss,
        optimizer="sgd",
        learning_rate=0.05,
    )
    moments = learn(a)
    for _ in range(30):
        next(moments)
    before, target_params = a.online.flat.clone(), a.target_params.clone()
    (update,) = next(moments).updates
    batch = update.batch
    assert update.delta.shape == batch.weight.shape == (2, 4)
    assert batch.weight.min() < 0.9
    assert not torch.equal(before, target_params)

    flat = before.clone().requires_grad_()
    q = a.network.values(a.network.views(flat), batch.obs)
    y = batch.reward + batch.discount * a.network.values(a.network.views(target_params), batch.next_obs).amax(
        -1
    )
    for lane in range(2):
        chosen = torch.stack([q[lane, b, batch.action[lane, b]] for b in range(4)])
        torch.testing.assert_close(update.delta[lane], (y[lane] - chosen).detach())
        each = (y[lane] - chosen) ** 2 / 2
        if loss == "huber":
            each = torch.nn.functional.huber_loss(chosen, y[lane], reduction="none")
        mean = (batch.weight[lane] * each).sum() / 4
        torch.testing.assert_close(update.loss[lane], mean.detach())
        (slope,) = torch.autograd.grad(mean, flat, retain_graph=True)
        assert slope[1 - lane].count_nonzero() == 0
        torch.testing.assert_close(a.online.flat[lane], (before - 0.05 * slope)[lane], rtol=1e-9, atol=1e-12)


def test_priorities_come_from_the_unweighted_errors() -> None:
    a = learner(Variant(replay=Prioritized(alpha=0.7, eps=0.125, beta_start=1.0)))
    for record in learn(a):
        if record.step == 30:
            break
    update = train_step(a, 30)
    assert update.batch.weight.min() < 0.999
    assert isinstance(a.memory, PrioritizedRing)
    leaves = a.memory.tree.values(update.batch.index)
    torch.testing.assert_close(leaves, (update.delta.abs() + 0.125) ** 0.7)


def test_each_update_spends_one_draw_per_sample_whatever_the_piece() -> None:
    left = []
    for name in ("uniform", "latest", "consecutive", "prioritized"):
        a = learner(Variant(replay=PIECES["replay"][name]()))
        for _ in learn(a):
            pass
        assert a.updates == 51
        left.append(a.sampling.next().tolist())
    assert left == [left[0]] * 4
    assert left[0] == [stream(0, seed, Role.REPLAY).random((52, 4))[51].tolist() for seed in (0, 1)]


@pytest.mark.parametrize(("step", "beta"), [(15, 0.25), (30, 0.5), (60, 1.0)])
def test_beta_is_the_share_of_environment_steps_done_and_reaches_its_end_at_the_last(
    step: int, beta: float
) -> None:
    """w = (N P)^-beta over its maximum = (p / least p)^-beta with p of the draw, before the update changes it."""
    a = learner(Variant(replay=Prioritized(alpha=1.0, beta_start=0.0, beta_end=1.0, eps=0.125)))
    moments = learn(a)
    for _ in range(step - 1):
        next(moments)
    assert isinstance(a.memory, PrioritizedRing)
    leaves = a.memory.tree.values(torch.arange(20).repeat(2, 1))
    leaves[:, a.memory.position] = a.memory.largest[:, 0]  # the transition that comes in
    (update,) = next(moments).updates
    p = leaves.gather(1, update.batch.index)  # (L, B)
    assert p.max() > p.min()
    torch.testing.assert_close(update.batch.weight, (p / p.amin(-1, keepdim=True)) ** -beta)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_observation_that_is_stored_is_the_one_that_was_acted_on(dtype: torch.dtype) -> None:
    """`obs` moves on in place; a stored view of it would hold the successor."""
    a = learner(dtype=dtype)
    seen = [a.envs.obs.copy()]
    for _ in learn(a):
        seen.append(a.envs.obs.copy())
    stored = a.memory.rows(torch.arange(20).repeat(2, 1)).obs.numpy()
    np.testing.assert_array_equal(stored, np.stack(seen[40:60], axis=1))


@pytest.mark.parametrize("target", [Hard(5), Soft(0.1)])
def test_training_never_touches_the_target_network_by_gradient(target: Hard | Soft) -> None:
    a = learner(Variant(target=target))
    updates = [update for record in learn(a) for update in record.updates]
    assert not updates[-1].delta.requires_grad
    assert not a.target_params.requires_grad
    assert not a.q_target(
        torch.zeros(len(a.seeds), 1, *a.envs.observation.shape, dtype=a.dtype)
    ).requires_grad


def test_a_lane_of_a_failed_environment_costs_the_others_no_bit() -> None:
    odd, even = toys.odd_and_even(2)
    seeds = [even[0], odd[0], even[1]]
    after = []
    for env_id, args in (("tests/Fragile-v0", {"at_step": 20}), ("tests/Walk-v0", {})):
        a = configured.learner(DQN, GymLanes(env_id, args, 0, seeds), seeds, **SMALL)
        for _ in learn(a):
            pass
        after.append(a.online.flat)
    assert torch.equal(after[0][[0, 2]], after[1][[0, 2]])
    assert not torch.equal(after[0][1], after[1][1])
