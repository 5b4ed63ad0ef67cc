"""What an environment hands over: what is taken as it is, and who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import TimeLimit

from ablations.envs.checked import CheckedEnv
from ablations.envs.gym import GymEpisodes, GymLanes, make, why_no_checkpoints
from ablations.recorders.probes import probe_states
from ablations.runner.play import play
from ablations.runner.random_policy import random_policy
from tests.laws import toys

ONE_ARRAY = np.zeros(4, np.float32)
HARMLESS: dict[str, Callable[..., Any]] = {
    "a list": lambda seen, *rest: (seen.tolist(), *rest),
    "float64": lambda seen, *rest: (seen.astype(np.float64), *rest),
    "another order in memory": lambda seen, *rest: (np.repeat(seen, 2)[::2], *rest),
    "an array for a reward": lambda seen, r, *rest: (seen, np.array(r), *rest),
    "an array of one": lambda seen, r, *rest: (seen, np.array([r]), *rest),
    "a list of one": lambda seen, r, *rest: (seen, [r], *rest),
    "numpy's flags": lambda seen, r, over, cut, info: (seen, r, np.bool_(over), np.bool_(cut), info),
    "integers for flags": lambda seen, r, over, cut, info: (seen, r, int(over), np.int64(cut), info),
    "flags in arrays": lambda seen, r, over, cut, info: (seen, r, np.array([over]), np.array(cut), info),
    "a list of five": lambda *given: list(given),
    "one array again and again": lambda seen, *rest: (np.add(seen, 0, out=ONE_ARRAY), *rest),
    "tensors": lambda seen, r, over, *rest: (
        torch.tensor(seen),
        torch.tensor(r, dtype=torch.float64),
        torch.tensor(over),
        *rest,
    ),
}
BAD = {"how": "no reward", "at_step": 12}


class Habits(toys.Walk):
    """A walk with habits of its own."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def step(self, action: Any) -> Any:
        return HARMLESS[self.how](*super().step(action))


gymnasium.register("tests/Habits-v0", lambda **args: Habits(**args))


def given(env_id: str, args: dict[str, Any]) -> list[bytes]:
    lanes = GymLanes(env_id, args, 0, [3, 4])
    return [
        b"".join(np.asarray(part).tobytes() for part in [*lanes.step([step % 2, 1]), lanes.obs])
        for step in range(60)
    ]


@pytest.mark.parametrize("how", HARMLESS)
def test_harmless_habits_are_taken_for_what_they_mean(how: str) -> None:
    assert given("tests/Habits-v0", {"how": how}) == given("tests/Walk-v0", {})


@pytest.mark.parametrize(
    ("reward", "number"),
    [(True, 1.0), (np.bool_(False), 0.0), (7, 7.0), (np.uint8(9), 9.0), (2**40, 2.0**40)],
)
def test_bools_and_integers_are_rewards(reward: Any, number: float) -> None:
    env = CheckedEnv(Answering((np.zeros(4, np.float32), reward, False, False, {})))
    assert env.step(0).reward == number


def test_huge_but_finite_observations_are_taken() -> None:
    seen = np.full(4, np.finfo(np.float32).max)
    assert CheckedEnv(Answering((seen, 0.0, False, False, {}))).step(0).obs.tolist() == seen.tolist()


class Answering(toys.Walk):
    """Gives the same at every step."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def step(self, action: Any) -> Any:
        return self.answer


@pytest.mark.parametrize("shape", [(40,), (8, 9), (84, 84, 1)])
def test_one_number_of_many_that_is_not_finite_is_found(shape: tuple[int, ...]) -> None:
    seen = np.ones(shape, np.float32)
    env = Answering((seen, 0.0, False, False, {}))
    env.observation_space = gymnasium.spaces.Box(-1, 1, shape, np.float32)
    checked = CheckedEnv(env)
    assert checked.step(0).obs.shape == seen.shape
    seen.reshape(-1)[37] = -np.inf
    with pytest.raises(ValueError, match="the observation holds -inf in place 37 at step 2; expected finite"):
        checked.step(0)


def test_things_that_a_wrapper_of_gymnasium_could_not_unpack_are_told_in_the_same_words() -> None:
    env = CheckedEnv(TimeLimit(Answering((np.zeros(4, np.float32), 0.0, False)), 10))
    env.reset(0)
    with pytest.raises(ValueError, match=r"step gave another number of things .* at step 1; expected five"):
        env.step(0)


@pytest.mark.parametrize(("inner", "outer"), [(5, 3), (3, 5)])
def test_of_two_time_limits_the_shorter_one_truncates(inner: int, outer: int) -> None:
    env = CheckedEnv(
        TimeLimit(TimeLimit(Answering((np.zeros(4, np.float32), 0.0, False, False, {})), inner), outer)
    )
    env.reset(0)
    assert [env.step(0).truncated for _ in range(3)] == [False, False, True]


def test_an_error_of_the_environments_own_keeps_its_words() -> None:
    class Own(toys.Walk):
        def step(self, action: Any) -> Any:
            raise ValueError("too many values to unpack")

    with pytest.raises(ValueError, match=r"^too many values to unpack$"):
        CheckedEnv(TimeLimit(Own(), 10)).env.unwrapped.step(0)


def test_information_may_be_missing_and_must_be_some() -> None:
    env = toys.Walk()
    seen, _ = env.reset(seed=1)
    env.reset = lambda **asked: (seen, None)  # type: ignore[assignment, method-assign]
    assert CheckedEnv(env).reset(1).tolist() == seen.tolist()
    env.reset = lambda **asked: (seen, 7)  # type: ignore[assignment, method-assign]
    with pytest.raises(ValueError, match=r"the second of which is 7, at the first reset; .* info a dict"):
        CheckedEnv(env).reset(1)


def test_one_number_is_an_observation_of_one() -> None:
    env = Answering((0.25, 0.0, False, False, {}))
    env.observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    assert CheckedEnv(env).step(0).obs.tolist() == [0.25]


def test_an_environment_that_would_end_the_program_fails_its_own_run_alone() -> None:
    class Closed(toys.Walk):
        def step(self, action: Any) -> Any:
            raise SystemExit("window closed")

    env = CheckedEnv(Closed())
    env.reset(0)
    with pytest.raises(RuntimeError, match=r"asked for the program's end .*window closed"):
        env.step(0)


def test_what_an_environment_does_to_its_arguments_reaches_no_other() -> None:
    class Takes(toys.Walk):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__()
            self.goal = config["goals"].pop()

    gymnasium.register("tests/Takes-v0", lambda **args: Takes(**args))
    args = {"config": {"goals": [4]}}
    lanes = GymLanes("tests/Takes-v0", args, 0, [1, 2, 3])
    assert [env.unwrapped.goal for env in lanes.envs] == [4, 4, 4]  # type: ignore[attr-defined]
    assert args == {"config": {"goals": [4]}}


def doomed_seed() -> int:
    return toys.odd_and_even()[0][0]


def test_evaluations_look_at_it() -> None:
    episodes = GymEpisodes("tests/Misbehaving-v0", BAD, [11, 10])
    episodes.begin(np.array([], dtype=np.intp))
    rounds = 0
    while not episodes.raised:
        episodes.step([0, 0])
        rounds += 1
        if not episodes.going.any():
            episodes.begin(np.array([], dtype=np.intp))
    assert list(episodes.raised) == [0]
    assert "the reward is None at step 12" in str(episodes.raised[0])


def test_probe_states_look_at_it() -> None:
    seeds = range(6)
    _, failures = probe_states("tests/Misbehaving-v0", BAD, 0, seeds, fast=False)
    assert failures
    assert all("the reward is None at step 12" in failure.message for failure in failures.values())


def test_a_random_policy_has_no_score_by_it() -> None:
    scores = [random_policy("tests/Misbehaving-v0", BAD, entropy) for entropy in range(8)]
    assert None in scores
    assert any(scores)


def test_self_tests_look_at_it() -> None:
    """Their seed is odd."""
    assert "the reward is None" in why_no_checkpoints("tests/Misbehaving-v0", BAD)


def test_play_looks_at_it() -> None:
    with pytest.raises(ValueError, match="the reward is None at step 1;"):
        play(make("tests/Misbehaving-v0", {**BAD, "at_step": 1}), lambda obs: 0, 7, lambda: None)
