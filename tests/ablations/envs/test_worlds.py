"""The exact worlds as environments: what they are registered as, how they move, what they refuse."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ablations.envs import checks
from ablations.envs.gym import make
from ablations.envs.observations import actions_of, observation_of
from ablations.envs.registry import GRID_SIZES
from ablations.envs.worlds import World, baird, grid
from ablations.errors import Findings

UP, RIGHT, DOWN, LEFT = range(4)


def world(env_id: str, **args: Any) -> World:
    found = make(env_id, args).unwrapped
    assert isinstance(found, World)
    return found


@pytest.mark.parametrize(
    ("env_id", "args", "observation", "actions"),
    [
        ("ablations/Grid-v0", {}, 2, 4),
        ("ablations/Grid-v0", {"size": 4, "features": "onehot"}, 16, 4),
        ("ablations/Baird-v0", {}, 8, 7),
    ],
)
def test_a_world_is_a_proper_environment(
    env_id: str, args: dict[str, Any], observation: int, actions: int
) -> None:
    env = make(env_id, args)
    assert (observation_of(env).shape, actions_of(env)) == ((observation,), actions)
    check_env(make(env_id, args).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("size", GRID_SIZES)
def test_each_size_has_two_ids_that_differ_in_what_is_seen(size: int) -> None:
    seen, table = world(f"ablations/Grid{size}-v0").model(), world(f"ablations/GridTable{size}-v0").model()
    assert seen.observations.shape == (size * size, 2)
    np.testing.assert_array_equal(table.observations, np.eye(size * size))
    np.testing.assert_array_equal(seen.transitions, table.transitions)


def test_a_study_finds_the_worlds_without_importing_torch() -> None:
    program = (
        "import sys; from ablations.envs import checks; from ablations.errors import Findings; "
        "f = Findings('x'); checks.check_id('ablations/Grid-v0', [], f, 'envs'); "
        "checks.check_made('ablations/Baird-v0', {}, f); assert not f.problems, f.problems; "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_slip_of_the_finger_is_answered_with_the_nearest_world() -> None:
    found = Findings("x")
    checks.check_id("ablations/Gird-v0", [], found, "envs")
    assert "did you mean 'ablations/Grid-v0'?" in found.problems[0].message


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"size": 1}, "size must be 2 to 10, not 1"),
        ({"size": 11}, "size must be 2 to 10, not 11"),
        ({"size": 5.0}, "size must be 2 to 10, not 5.0"),
        ({"slip": 1.5}, "slip is a probability"),
        ({"slip": "0"}, "slip is a probability"),
        ({"limit": -1}, "limit must be an integer of at least 0"),
        ({"features": "pixels"}, "features must be one of coordinates, onehot, not 'pixels'"),
    ],
)
def test_wrong_arguments_are_refused_in_words(args: dict[str, Any], message: str) -> None:
    found = Findings("x")
    checks.check_made("ablations/Grid-v0", args, found)
    assert message in found.problems[0].message


def test_the_way_along_the_edges_leads_to_the_goal() -> None:
    env = grid(3, slip=0.0)
    seen, _ = env.reset(seed=0)
    np.testing.assert_array_equal(seen, [-1, -1])
    places, rewards, ends = [], [], []
    for action in (UP, RIGHT, RIGHT, RIGHT, DOWN, LEFT, RIGHT, DOWN):
        seen, reward, terminated, truncated, _ = env.step(np.int64(action))
        places.append(seen.tolist())
        rewards.append(reward)
        ends.append(terminated)
        assert not truncated
    assert places == [[-1, -1], [-1, 0], [-1, 1], [-1, 1], [0, 1], [0, 0], [0, 1], [1, 1]]
    assert rewards == [-0.01] * 7 + [1.0]
    assert ends == [False] * 7 + [True]


@pytest.mark.parametrize(("limit", "cut"), [(3, [False, False, True]), (0, [False] * 3)])
def test_the_limit_truncates_and_zero_is_none(limit: int, cut: list[bool]) -> None:
    env = grid(5, slip=0.0, limit=limit)
    for seed in (0, 1):  # the count starts again with each episode
        env.reset(seed=seed)
        steps = [env.step(np.int64(UP)) for _ in range(3)]
        assert [step[3] for step in steps] == cut
        assert not any(step[2] for step in steps)


@pytest.mark.parametrize("env_id", ["ablations/Grid-v0", "ablations/Baird-v0"])
def test_a_model_is_made_of_probabilities(env_id: str) -> None:
    model = world(env_id).model()
    np.testing.assert_allclose(model.transitions.sum(-1), 1)
    assert model.start.sum() == pytest.approx(1)
    assert len(np.unique(model.observations, axis=0)) == len(model.observations)


def test_steps_are_as_frequent_as_the_model_says() -> None:
    env, moves = grid(3, slip=0.4, limit=0), 8_000
    counts = np.zeros(9)
    env.reset(seed=7)
    for _ in range(moves):
        env._state = 4  # the middle: right with 0.6, up and down with 0.2
        env.step(np.int64(RIGHT))
        counts[env._state] += 1
    np.testing.assert_allclose(counts / moves, env.model().transitions[4, RIGHT], atol=0.02)
    assert counts[[1, 5, 7]].sum() == moves


def test_bairds_star_has_the_features_and_the_lines_of_the_books() -> None:
    model = baird().model()
    assert model.observations.tolist() == [
        [2, 0, 0, 0, 0, 0, 0, 1],
        [0, 2, 0, 0, 0, 0, 0, 1],
        [0, 0, 2, 0, 0, 0, 0, 1],
        [0, 0, 0, 2, 0, 0, 0, 1],
        [0, 0, 0, 0, 2, 0, 0, 1],
        [0, 0, 0, 0, 0, 2, 0, 1],
        [0, 0, 0, 0, 0, 0, 1, 2],
    ]
    env = baird(limit=20)
    env.reset(seed=0)
    for action in (0, 5, 6, 3):
        seen, reward, terminated, _, _ = env.step(np.int64(action))
        np.testing.assert_array_equal(seen, model.observations[action])
        assert (reward, terminated) == (0.0, False)


def test_bairds_star_begins_anywhere_and_is_cut_at_its_length() -> None:
    env = baird(limit=5)
    begun = {tuple(env.reset(seed=seed)[0].tolist()) for seed in range(60)}
    assert len(begun) == 7
    cuts = [env.step(np.int64(0))[3] for _ in range(5)]
    assert cuts == [False] * 4 + [True]
