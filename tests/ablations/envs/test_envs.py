"""Environments as lanes: whose step is whose, what ends an episode, and what a failure costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ablations.envs.gym import GymLanes, make
from ablations.envs.observations import UnsupportedSpace
from ablations.rng.streams import Role, stream
from tests.laws import toys


def counters(lanes: int = 2, **args: Any) -> GymLanes:
    return GymLanes("tests/Counter-v0", args, 0, range(lanes))


@pytest.mark.parametrize("cut", [False, True])
def test_no_transition_leads_from_one_episode_into_the_next(cut: bool) -> None:
    envs = counters(length=3, cut=cut)
    for step in range(12):
        before = envs.obs.copy()
        steps = envs.step([0, 1])
        ended = step % 3 == 2
        assert before.tolist() == [[step // 3, step % 3]] * 2
        assert (
            steps.next_obs.tolist() == [[step // 3, step % 3 + 1]] * 2
        )  # also of the last step: no reset yet
        assert steps.terminated.tolist() == [ended and not cut] * 2
        assert steps.truncated.tolist() == [ended and cut] * 2
        now = [step // 3 + 1, 0] if ended else [step // 3, step % 3 + 1]
        assert envs.obs.tolist() == [now] * 2


def test_every_step_is_a_step_of_the_environment() -> None:
    """Autoreset would spend a step on each reset."""
    envs = counters(length=3)
    for _ in range(9):
        envs.step([0, 0])
    assert [env.unwrapped.episode for env in envs.envs] == [3, 3]  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", [-1, 0, 5])
def test_actions_are_counted_from_the_start_of_the_discrete_space(start: int) -> None:
    envs = counters(lanes=3, start=start)
    assert envs.step([0, 1, 2]).reward.tolist() == [start, start + 1, start + 2]


@pytest.mark.parametrize("shape", [(2,), (5,), (2, 3), (3, 2, 2)])
def test_observations_of_any_box_shape_keep_it(shape: tuple[int, ...]) -> None:
    envs = counters(shape=shape)
    assert envs.observation.shape == shape
    steps = envs.step([0, 0])
    expected = np.arange(envs.observation.numbers)
    expected[:2] = 0, 1
    expected = expected.reshape(shape)
    assert steps.next_obs.tolist() == [expected.tolist()] * 2
    assert envs.obs.tolist() == [expected.tolist()] * 2
    assert (steps.next_obs.dtype, steps.reward.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("words", toys.UNSUPPORTED)
def test_other_spaces_are_refused_by_name(words: str) -> None:
    observes, acts = toys.UNSUPPORTED[words]
    with pytest.raises(UnsupportedSpace, match=words):
        GymLanes("tests/Strange-v0", {"observes": observes, "acts": acts}, 0, [0])


def test_each_lane_is_seeded_by_its_seeds_environment_stream_wherever_it_stands() -> None:
    one, other = (GymLanes("CartPole-v1", {}, 7, seeds) for seeds in ([3, 1], [1, 5, 3]))
    assert one.obs.tolist() == [other.obs[2].tolist(), other.obs[0].tolist()]
    env = make("CartPole-v1", {})
    expected, _ = env.reset(seed=int(stream(7, 1, Role.ENVIRONMENT).integers(2**31)))
    assert one.obs[1].tolist() == expected.tolist()
    assert one.obs.tolist() != GymLanes("CartPole-v1", {}, 8, [3, 1]).obs.tolist()


def test_later_resets_go_on_in_the_environments_own_generator() -> None:
    envs = GymLanes("tests/Walk-v0", {}, 0, [0])
    starts = [tuple(envs.obs[0].tolist())]
    while len(starts) < 4:
        steps = envs.step([0])
        if steps.terminated[0]:
            starts.append(tuple(envs.obs[0].tolist()))
    assert all(one != other for one, other in pairwise(starts))
    assert len(set(starts)) == 4


def test_an_environment_with_a_time_limit_of_its_own_is_truncated_by_it() -> None:
    envs = GymLanes("MountainCar-v0", {"max_episode_steps": 5}, 0, [0])
    ends = [bool(envs.step([1]).truncated[0]) for _ in range(11)]
    assert ends == [False, False, False, False, True] * 2 + [False]


def doomed_and_sound() -> list[int]:
    """Seeds of three lanes of which only the middle one's environment raises."""
    odd, even = toys.odd_and_even(2)
    return [even[0], odd[0], even[1]]


@pytest.mark.parametrize("args", [{"at_step": 4}, {"at_reset": 1}, {"at_reset": 0}])
def test_an_environment_that_raises_freezes_its_own_lane_and_no_other(args: dict[str, int]) -> None:
    seeds = doomed_and_sound()
    envs = GymLanes("tests/Fragile-v0", args, 0, seeds)
    sound = GymLanes("tests/Walk-v0", {}, 0, seeds)
    for step in range(120):
        actions = [step % 2, 0, 1]
        steps, expected = envs.step(actions), sound.step(actions)
        for found, right in zip(steps, expected, strict=True):
            np.testing.assert_array_equal(found[[0, 2]], right[[0, 2]])
        np.testing.assert_array_equal(envs.obs[[0, 2]], sound.obs[[0, 2]])
    assert list(envs.failures) == [1]
    last = envs.step([0, 0, 0])
    assert last.next_obs[1].tolist() == envs.obs[1].tolist()
    assert (last.reward[1], last.terminated[1], last.truncated[1]) == (0, False, False)


def test_a_failure_keeps_step_type_message_and_where_it_was_raised() -> None:
    envs = GymLanes("tests/Fragile-v0", {"at_step": 4}, 0, doomed_and_sound())
    for _ in range(6):
        envs.step([0, 0, 0])
    failure = envs.failures[1]
    assert (failure.step, failure.type, failure.message) == (4, "ZeroDivisionError", "the physics went wrong")
    assert failure.frames[-1].filename == toys.__file__
    assert failure.frames[-1].name == "step"


def test_a_failed_first_reset_is_a_failure_at_step_zero() -> None:
    envs = GymLanes("tests/Fragile-v0", {"at_reset": 0}, 0, doomed_and_sound())
    assert (envs.failures[1].step, envs.failures[1].type) == (0, "ConnectionError")


def test_a_failure_at_a_reset_still_counts_the_episode_that_ended() -> None:
    envs = GymLanes("tests/Fragile-v0", {"at_reset": 1}, 0, doomed_and_sound())
    while 1 not in envs.failures:
        steps = envs.step([0, 0, 0])
    assert steps.terminated[1]
    assert envs.failures[1].step == envs.steps


def test_closing_goes_on_past_an_environment_that_cannot_be_closed() -> None:
    envs = counters(lanes=2)
    closed = []

    def refuse() -> None:
        raise OSError("the window is stuck")

    envs.envs[0].unwrapped.close = refuse  # type: ignore[method-assign]
    envs.envs[1].unwrapped.close = lambda: closed.append(1)  # type: ignore[method-assign]
    envs.close()
    assert closed == [1]
