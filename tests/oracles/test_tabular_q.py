"""Without hidden layers, bias, replay and target network, deep Q-learning is tabular Q-learning, step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ablations.dqn.head import BiasFree
from ablations.dqn.learner import Learner, learn
from ablations.dqn.replay.latest import Latest
from ablations.dqn.target import NoTarget
from ablations.dqn.variants import Variant
from ablations.envs.exact import optimal_q
from ablations.envs.gym import GymLanes, make
from ablations.recorders.exact import model_of
from tests import configured
from tests.oracles import tabular_q

TABLE = Variant(replay=Latest(), target=NoTarget(), head=BiasFree())
SEEDS = (4, 0, 9)
ALPHA, GAMMA = 0.3, 0.95


def cohort(size: int, slip: float, limit: int, steps: int, epsilon: float) -> Learner:
    return configured.learner(
        TABLE,
        GymLanes("ablations/Grid-v0", arguments(size, slip, limit), 0, SEEDS),
        SEEDS,
        dtype=torch.float64,
        total_timesteps=steps,
        learning_rate=ALPHA,
        batch_size=1,
        learning_starts=1,
        gamma=GAMMA,
        hidden=(),
        optimizer="sgd",
        loss="squared",
        epsilon_schedule="constant",
        start_e=epsilon,
    )


def arguments(size: int, slip: float, limit: int) -> dict[str, object]:
    return {"size": size, "slip": slip, "limit": limit, "features": "onehot"}


@pytest.mark.parametrize(("size", "slip", "limit"), [(2, 0.0, 0), (3, 0.2, 7), (4, 0.1, 0)])
def test_it_is_the_table_of_q_learning(size: int, slip: float, limit: int) -> None:
    learner = cohort(size, slip, limit, 1_500, epsilon=0.25)
    rewards = [record.steps.reward.copy() for record in learn(learner)]
    for lane, seed in enumerate(SEEDS):
        env = make("ablations/Grid-v0", arguments(size, slip, limit))
        expected = tabular_q.learn(
            env, entropy=0, seed=seed, steps=1_500, alpha=ALPHA, gamma=GAMMA, epsilon=0.25
        )
        assert [reward for _, _, reward, _ in expected.steps] == [each[lane] for each in rewards]
        weight = learner.online.params["advantage.weight"][lane].detach()
        np.testing.assert_allclose(weight, expected.table, rtol=1e-10, atol=1e-12)


def test_the_table_finds_the_exact_values_of_a_world_without_chance() -> None:
    model = model_of("ablations/Grid-v0", arguments(3, 0.0, 20))
    assert model is not None
    learner = cohort(3, 0.0, 20, 6_000, epsilon=1.0)
    for _ in learn(learner):
        pass
    exact = optimal_q(model, GAMMA)[~model.terminal]
    for weight in learner.online.params["advantage.weight"].detach():
        np.testing.assert_allclose(weight[:8], exact, atol=2e-3)
