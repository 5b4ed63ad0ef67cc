"""Baird's star grows as fast as the theory of expected updates says, and a slow target network stops it."""

from __future__ import annotations

import numpy as np
import pytest

from ablations.dqn.head import BiasFree
from ablations.dqn.learner import learn
from ablations.dqn.replay.latest import Latest
from ablations.dqn.target import Hard, NoTarget
from ablations.dqn.variants import Piece, Variant
from ablations.envs.gym import GymLanes
from ablations.envs.worlds import baird
from ablations.recorders.exact import ExactRecorder
from tests import configured

ALPHA, GAMMA = 0.1, 0.99


def errors(target: Piece, steps: int = 4_000) -> np.ndarray:
    """max |Q - Q*| of ten seeds at a half of the steps and at their end: (2, 10)."""
    seeds = range(10)
    learner = configured.learner(
        Variant(replay=Latest(), target=target, head=BiasFree()),
        GymLanes("ablations/Baird-v0", {}, 0, seeds),
        seeds,
        total_timesteps=steps,
        learning_rate=ALPHA,
        batch_size=1,
        learning_starts=1,
        gamma=GAMMA,
        hidden=(),
        optimizer="sgd",
        epsilon_schedule="constant",
        start_e=1.0,
    )
    exact = ExactRecorder(learner, baird().model(), steps // 2)
    for record in learn(learner):
        exact.observe(record)
    return np.stack([row["q_error_max"] for row in exact.rows])


def growth_per_step() -> float:
    """alpha times the largest eigenvalue of the expected update of the solid action's weights, once it is greedy.

    Every state is met once in seven steps and its solid action taken once in seven of these:
    A = sum_s phi(s) (gamma phi(7) - phi(s))^T / 49.
    """
    phi = baird().model().observations.astype(np.float64)
    update = sum(np.outer(phi[s], GAMMA * phi[6] - phi[s]) for s in range(7)) / 49
    return float(ALPHA * np.linalg.eigvals(update).real.max())


def test_without_a_target_network_errors_grow_at_the_rate_of_the_expected_update() -> None:
    assert growth_per_step() == pytest.approx(0.003418, rel=1e-3)
    half, end = errors(NoTarget())
    rates = np.log(end / half) / 2_000
    assert rates.min() > 0.0025
    assert rates.mean() == pytest.approx(growth_per_step(), rel=0.1)


def test_a_slow_target_network_stops_the_growth() -> None:
    half, end = errors(Hard(400))
    assert (end < half).all()
    assert (end < 2).all()
