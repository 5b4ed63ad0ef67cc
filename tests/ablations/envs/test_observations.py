"""What environments show: what is kept of shape and type, and which stacks are known by their wrapper."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.wrappers import (
    FrameStackObservation,
    GrayscaleObservation,
    RecordEpisodeStatistics,
    TimeLimit,
    TransformObservation,
    TransformReward,
)

from ablations.envs.checked import CheckedEnv
from ablations.envs.gym import GymLanes, make
from ablations.envs.observations import channels_last, observation_of

from .pictures import Pictures, number_of, stacked


class Showing(gymnasium.Env[Any, Any]):
    """Shows whatever its space is."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.observation_space = Box(0, 255 if dtype is np.uint8 else 1, shape, dtype)
        self.action_space = gymnasium.spaces.Discrete(2)


@pytest.mark.parametrize(
    ("shape", "dtype", "expected", "kept"),
    [
        ((4,), np.float32, (4,), "float32"),
        ((4,), np.float64, (4,), "float32"),
        ((4,), np.int64, (4,), "float32"),
        ((), np.float32, (1,), "float32"),
        ((2, 3), np.float64, (2, 3), "float32"),
        ((10, 10, 4), np.bool_, (10, 10, 4), "bool"),
        ((84, 84), np.uint8, (84, 84), "uint8"),
        ((128,), np.uint8, (128,), "uint8"),
        ((8, 8), np.int16, (8, 8), "float32"),
    ],
)
def test_shape_and_small_types_are_kept(shape: Any, dtype: Any, expected: Any, kept: str) -> None:
    found = observation_of(Showing(shape, dtype))
    assert (found.shape, found.dtype.name, found.stack) == (expected, kept, None)
    assert found.is_vector == (len(expected) == 1 and kept == "float32")


def test_bytes_of_0_and_1_are_bools() -> None:
    showing = Showing((10, 10, 4), np.uint8)
    showing.observation_space = Box(0, 1, (10, 10, 4), np.uint8)
    assert observation_of(showing).dtype == np.bool_


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((84, 84), "uint8", (84, 84, 4)),
        ((8, 6, 3), "uint8", (8, 6, 12)),
        ((8, 6), "float32", (8, 6, 4)),
        ((50,), "uint8", (200,)),
    ],
)
def test_stacked_frames_are_channels_the_oldest_first(shape: Any, dtype: str, expected: Any) -> None:
    found = observation_of(stacked(4, shape=shape, dtype=dtype))
    assert found.shape == expected
    assert found.stack is not None
    assert (found.stack.size, found.stack.frame) == (4, shape)
    frames = np.arange(4 * math.prod(shape), dtype=np.int64).reshape(4, *shape)
    shown = channels_last(frames)
    assert shown.shape == expected
    assert np.array_equal(found.newest(shown), frames[-1])
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) > 1:
        assert np.array_equal(shown[..., channels : 2 * channels].reshape(frames[1].shape), frames[1])


def test_a_stack_of_vectors_is_a_vector_as_ever() -> None:
    env = FrameStackObservation(make("CartPole-v1", {}), 3)
    found = observation_of(env)
    assert (found.shape, found.stack, found.is_vector) == ((12,), None, True)


def test_a_stack_is_known_below_wrappers_that_hand_on_what_they_are_shown() -> None:
    for env in (
        TimeLimit(stacked(), 5),
        RecordEpisodeStatistics(TimeLimit(stacked(), 5)),
        TransformReward(stacked(), lambda reward: 2 * float(reward)),
    ):
        assert observation_of(env).stack is not None


def test_a_stack_below_a_wrapper_that_may_change_it_is_an_observation_like_any_other() -> None:
    class Own(gymnasium.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            return super().step(action)

    other: Any = stacked()
    for env in (Own(stacked()), TransformObservation(other, lambda shown: ~shown, other.observation_space)):
        found = observation_of(env)
        assert (found.shape, found.stack) == ((4, 10, 10, 4), None)


def test_frames_below_another_wrapper_are_seen_through_it() -> None:
    colored = Pictures(shape=(9, 8, 3), dtype="uint8")
    found = observation_of(FrameStackObservation(GrayscaleObservation(colored), 4))
    assert found.shape == (9, 8, 4)


def test_lanes_show_pictures_in_their_own_type_channels_last() -> None:
    lanes = GymLanes("tests/StackedPictures-v0", {"shape": (7, 6), "dtype": "uint8"}, 0, [1, 2])
    assert (lanes.obs.shape, lanes.obs.dtype.name) == ((2, 7, 6, 4), "uint8")
    before = [number_of(shown[..., -1]) for shown in lanes.obs]
    steps = lanes.step([0, 1])
    assert [number_of(shown[..., -1]) for shown in steps.next_obs] == [number + 1 for number in before]
    assert [number_of(shown[..., -2]) for shown in steps.next_obs] == before


class Odd(Pictures):
    """Hands over its pictures in another way."""

    def __init__(self, how: Any, **args: Any) -> None:
        super().__init__(**args)
        self.how = how

    def _shown(self) -> Any:
        shown = super()._shown()
        return shown if self.step_of == 0 else self.how(shown)


@pytest.mark.parametrize(
    "how", [lambda shown: shown.astype(np.int64), lambda shown: shown.astype(float), lambda s: s.tolist()]
)
def test_whole_numbers_in_another_type_are_taken(how: Any) -> None:
    env = CheckedEnv(Odd(how, shape=(9, 8), dtype="uint8"))
    first = number_of(env.reset(0))
    seen = env.step(0).obs
    assert (seen.dtype.name, number_of(seen)) == ("uint8", first + 1)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (lambda shown: shown + 0.5, r"holds .*\.5 in place 0 at step 1; expected numbers that uint8 holds"),
        (
            lambda shown: shown.astype(int) - 256,
            r"holds -25\d in place 0 at step 1; expected numbers that uint8",
        ),
        (lambda shown: shown[:-1], r"has the shape \(8, 8\) at step 1; expected the shape \(9, 8\)"),
    ],
)
def test_what_its_space_does_not_hold_is_told(how: Any, sentence: str) -> None:
    env = CheckedEnv(Odd(how, shape=(9, 8), dtype="uint8"))
    env.reset(0)
    with pytest.raises(ValueError, match=sentence):
        env.step(0)


def test_an_environment_that_draws_into_one_array_again_and_again_can_not_be_stacked() -> None:
    place = np.zeros((9, 8), np.uint8)

    def draw(shown: Any) -> Any:
        place[:] = shown
        return place

    env = CheckedEnv(FrameStackObservation(Odd(draw, shape=(9, 8), dtype="uint8"), 4))
    env.reset(3)
    env.step(0)
    with pytest.raises(ValueError, match="older frames that are not those it showed before at step 2"):
        env.step(0)
