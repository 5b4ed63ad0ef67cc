"""Wrappers that learn what they see: evaluations see with training's eyes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import NormalizeObservation

from ablations.envs.gym import GymLanes, make
from ablations.envs.running_statistics import names_of, numbers_of, put
from tests.laws import toys

NOBODY = np.array([], dtype=np.intp)


def wrapped(**args: Any) -> Any:
    return NormalizeObservation(toys.Walk(**args))


gymnasium.register("tests/NormalizedWalk-v0", wrapped)


def trained(seeds: list[int], steps: int) -> GymLanes:
    lanes = GymLanes("tests/NormalizedWalk-v0", {}, 0, seeds)
    for step in range(steps):
        lanes.step([step % 2] * len(seeds))
    return lanes


def test_an_evaluation_takes_over_each_lanes_statistics_anew_and_leaves_them_alone() -> None:
    lanes = trained([3, 4], 70)
    episodes = lanes.episodes([8, 9, 8, 9])
    for _ in range(2):
        before = [numbers_of(env) for env in lanes.envs]
        episodes.begin(NOBODY)
        raw = {seed: toys.Walk().reset(seed=seed)[0] for seed in (8, 9)}
        for number, seed in enumerate((8, 9, 8, 9)):
            mean, var, _ = before[number // 2].values()
            expected = (raw[seed] - mean) / np.sqrt(var + 1e-8)
            np.testing.assert_allclose(episodes.obs[number], expected, rtol=1e-5)
        for _ in range(5):
            episodes.step([0, 1, 0, 1])
        for env, kept in zip(lanes.envs, before, strict=True):
            assert {name: value.tolist() for name, value in numbers_of(env).items()} == {
                name: value.tolist() for name, value in kept.items()
            }
        for step in range(30):
            lanes.step([step % 2, 1])  # and moves on
    assert not np.array_equal(episodes.obs[:2], episodes.obs[2:])


def test_no_bit_of_the_training_depends_on_evaluations() -> None:
    one, other = trained([5], 10), trained([5], 10)
    other.episodes([1, 2]).begin(NOBODY)
    for step in range(20):
        assert one.step([step % 2]).next_obs.tobytes() == other.step([step % 2]).next_obs.tobytes()


def test_what_two_wrappers_of_one_kind_keep_is_not_mixed_up() -> None:
    one, other = (NormalizeObservation(NormalizeObservation(toys.Walk())) for _ in range(2))
    one.reset(seed=0)
    for _ in range(9):
        one.step(0)
    assert names_of(one) == ["NormalizeObservation.obs_rms"] * 2
    put(other, numbers_of(one))
    assert str(numbers_of(other)) == str(numbers_of(one))
    other.reset(seed=4)
    assert str(numbers_of(other)) == str(numbers_of(one))


def test_others_keep_none() -> None:
    assert names_of(make("CartPole-v1", {})) == []
