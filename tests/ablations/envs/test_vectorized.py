"""Environments stepped all at once, over arrays, against Gymnasium's own: the same bits, or Gymnasium's own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.envs.classic_control import AcrobotEnv, CartPoleEnv, MountainCarEnv
from gymnasium.wrappers import TimeLimit

from ablations.dqn.variants import DQN
from ablations.envs import classic as selftest
from ablations.envs.acrobot import Acrobot
from ablations.envs.classic import CLASSIC_CONTROL
from ablations.envs.gym import GymLanes, Lanes, Steps, failure_of
from ablations.envs.make import lanes_of
from ablations.envs.vectorized import ArrayLanes
from ablations.rng.streams import Role, position
from tests import configured
from tests.laws import toys  # noqa: F401 (registers environments)
from tests.laws.worlds import SMALL, history

ENVIRONMENTS = list(CLASSIC_CONTROL)
SEEDS = (0, 3, 11, 12)
CLASSES: dict[str, Any] = {
    "CartPole-v1": CartPoleEnv,
    "Acrobot-v1": AcrobotEnv,
    "MountainCar-v0": MountainCarEnv,
}


def both(
    env_id: str, args: dict[str, Any], seeds: Any = SEEDS, entropy: int = 5
) -> tuple[GymLanes, ArrayLanes]:
    """The same lanes one by one and all at once."""
    fast = lanes_of(env_id, args, entropy, seeds, fast=True)
    assert isinstance(fast, ArrayLanes)
    return GymLanes(env_id, args, entropy, seeds), fast


def lively(env_id: str, obs: npt.NDArray[np.float32], rng: np.random.Generator) -> Any:
    """Random actions; every other lane mostly swings itself up, so that episodes end in every way."""
    chosen = rng.integers(2 if env_id == "CartPole-v1" else 3, size=len(obs))
    if env_id != "CartPole-v1":
        speed = obs[:, 1 if env_id == "MountainCar-v0" else 5]
        swings = (np.arange(len(obs)) % 2 == 0) & (rng.random(len(obs)) < 0.9)
        chosen[swings] = np.where(speed[swings] >= 0, 2, 0)
    return chosen


def same_bits(one: Steps, other: Steps) -> bool:
    return all(
        a.tobytes() == b.tobytes() and (a.dtype, a.shape) == (b.dtype, b.shape)
        for a, b in zip(one, other, strict=True)
    )


def run_along(slow: Lanes, fast: Lanes, env_id: str, steps: int, seed: int = 0) -> tuple[int, int]:
    """Step both; how many episodes terminated and how many were truncated."""
    rng, terminated, truncated = np.random.default_rng(seed), 0, 0
    for step in range(steps):
        actions = lively(env_id, slow.obs, rng)
        theirs, ours = slow.step(actions.tolist()), fast.step(actions)
        assert same_bits(theirs, ours), step
        assert slow.obs.tobytes() == fast.obs.tobytes(), step
        terminated += int(ours.terminated.sum())
        truncated += int(ours.truncated.sum())
    return terminated, truncated


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_ten_thousand_steps_of_several_seeds_are_gymnasiums_own_bits(env_id: str) -> None:
    slow, fast = both(env_id, {})
    assert slow.obs.tobytes() == fast.obs.tobytes()
    assert (fast.observation.shape, fast.actions, fast.first_action) == (
        slow.observation.shape,
        slow.actions,
        slow.first_action,
    )
    terminated, truncated = run_along(slow, fast, env_id, 10_000)
    assert terminated > 50
    assert truncated > 5 or env_id == "CartPole-v1"  # whose random episodes are short
    assert (fast.steps, fast.failures) == (10_000, {})
    fast.close()


@pytest.mark.parametrize(
    ("env_id", "args"),
    [
        ("CartPole-v1", {"max_episode_steps": 13}),
        ("CartPole-v1", {"sutton_barto_reward": True}),
        ("CartPole-v1", {"sutton_barto_reward": False, "max_episode_steps": 1}),
        ("Acrobot-v1", {"max_episode_steps": 40}),
        ("Acrobot-v1", {"max_episode_steps": -1}),  # no limit
        ("MountainCar-v0", {"max_episode_steps": 7}),
        ("MountainCar-v0", {"goal_velocity": 0.02}),
        ("MountainCar-v0", {"goal_velocity": 0, "max_episode_steps": 1000}),
    ],
)
def test_time_limits_and_arguments_are_kept(env_id: str, args: dict[str, Any]) -> None:
    _, truncated = run_along(*both(env_id, args), env_id, 1_200)
    if 0 < args.get("max_episode_steps", 0) < 50:
        assert truncated > 50


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
@pytest.mark.parametrize("lanes", [1, 7, 33])
def test_the_number_of_lanes_changes_no_bit(env_id: str, lanes: int) -> None:
    run_along(*both(env_id, {"max_episode_steps": 60}, range(lanes), entropy=lanes), env_id, 150)


def test_an_acrobot_that_spins_as_fast_as_it_can_is_turned_back_as_gymnasium_does() -> None:
    """From such rates a step may turn an arm by more than four whole turns."""
    env: Any = gymnasium.make("Acrobot-v1").unwrapped
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    low, high = np.array(Acrobot.state_bounds).T
    states = rng.uniform(low, high, (3_000, 4))
    states[:, 2:] = np.where(rng.random((3_000, 2)) < 0.5, low[2:], high[2:])
    actions, expected = rng.integers(3, size=len(states)), []
    for state, action in zip(states, actions.tolist(), strict=True):
        env.state = state
        env.step(action)
        expected.append(env.state)
    moved = Acrobot().step(np.ascontiguousarray(states.T), actions).states
    np.testing.assert_array_equal(moved.T, expected)


def test_actions_may_be_a_list_or_an_array() -> None:
    for make in (lambda: both("Acrobot-v1", {})[0], lambda: both("Acrobot-v1", {})[1]):
        one, other = make(), make()
        assert same_bits(one.step([0, 1, 2, 1]), other.step(np.array([0, 1, 2, 1])))


@pytest.mark.parametrize("role", [Role.ENVIRONMENT, Role.PROBES])
def test_lanes_are_seeded_by_the_role_asked_for(role: Role) -> None:
    found = [lanes_of("CartPole-v1", {}, 0, SEEDS, fast, role).obs.tobytes() for fast in (False, True)]
    assert found[0] == found[1]
    assert (found[0] == GymLanes("CartPole-v1", {}, 0, SEEDS).obs.tobytes()) == (role is Role.ENVIRONMENT)


def test_without_fast_lanes_are_always_gymnasiums_own() -> None:
    for env_id in ENVIRONMENTS:
        assert isinstance(lanes_of(env_id, {}, 0, SEEDS, fast=False), GymLanes)


@pytest.mark.parametrize(
    ("env_id", "args"),
    [
        ("tests/Walk-v0", {}),
        ("CartPole-v0", {}),
        ("CartPole-v1", {"render_mode": "rgb_array"}),
        ("CartPole-v1", {"sutton_barto_reward": 1}),
        ("MountainCar-v0", {"goal_velocity": True}),
    ],
)
def test_other_environments_and_unknown_arguments_go_through_gymnasiums_own(
    env_id: str, args: dict[str, Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CartPole-v0 is out of date
        assert isinstance(lanes_of(env_id, args, 0, SEEDS, fast=True), GymLanes)


def test_bad_arguments_are_gymnasiums_own_error() -> None:
    for fast in (False, True):
        with pytest.raises(TypeError, match="no_such_thing"):
            lanes_of("CartPole-v1", {"no_such_thing": 1}, 0, SEEDS, fast)


@pytest.mark.parametrize("changes", [{"entry_point": "tests.laws.toys:Walk"}, {"order_enforce": False}])
def test_an_id_that_is_registered_as_something_else_goes_through_gymnasiums_own(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    spec = replace(gymnasium.registry["CartPole-v1"], **changes)
    monkeypatch.setitem(gymnasium.registry, "CartPole-v1", spec)
    assert isinstance(lanes_of("CartPole-v1", {}, 0, SEEDS, fast=True), GymLanes)


def test_a_registered_time_limit_is_read_and_not_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(gymnasium.registry["CartPole-v1"], max_episode_steps=9)
    monkeypatch.setitem(gymnasium.registry, "CartPole-v1", spec)
    _, truncated = run_along(*both("CartPole-v1", {}), "CartPole-v1", 100)
    assert truncated > 5


@pytest.fixture
def untested() -> Iterator[None]:
    """As in a new process: nothing has been found to agree yet."""
    selftest._agrees.cache_clear()
    yield
    selftest._agrees.cache_clear()


def with_constant(monkeypatch: pytest.MonkeyPatch, env_id: str, name: str, value: Any) -> None:
    """Change a constant of Gymnasium's own environment, wherever it keeps it."""
    kind = CLASSES[env_id]
    original = kind.__init__

    def changed(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        setattr(self, name, value)

    monkeypatch.setattr(kind, "__init__", changed)


@pytest.mark.usefixtures("untested")
@pytest.mark.parametrize(
    ("env_id", "name", "value"),
    [
        ("CartPole-v1", "gravity", np.nextafter(9.8, 10)),
        ("CartPole-v1", "kinematics_integrator", "semi-implicit"),
        ("CartPole-v1", "theta_threshold_radians", 0.2),
        ("CartPole-v1", "x_threshold", 2.3),
        ("Acrobot-v1", "LINK_MASS_1", 1 + 2**-52),
        ("Acrobot-v1", "book_or_nips", "nips"),
        ("Acrobot-v1", "MAX_VEL_2", 8 * np.pi),
        ("Acrobot-v1", "torque_noise_max", 0.1),
        ("MountainCar-v0", "force", 0.0011),
        ("MountainCar-v0", "max_speed", 0.069),
        ("MountainCar-v0", "min_position", -1.19),
        ("MountainCar-v0", "goal_position", 0.45),
    ],
)
def test_the_self_test_falls_back_where_the_physics_differ(
    monkeypatch: pytest.MonkeyPatch, env_id: str, name: str, value: Any
) -> None:
    with_constant(monkeypatch, env_id, name, value)
    with pytest.warns(RuntimeWarning, match=f"{env_id}: .*one by one") as said:
        lanes = [lanes_of(env_id, {}, 0, SEEDS, fast=True) for _ in range(2)]
    assert [type(each) for each in lanes] == [GymLanes, GymLanes]
    assert len(said) == 1
    assert not lanes[0].fast


@pytest.mark.usefixtures("untested")
@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_the_self_test_falls_back_where_episodes_start_or_are_cut_elsewhere(
    monkeypatch: pytest.MonkeyPatch, env_id: str
) -> None:
    kind = CLASSES[env_id]
    reset, step = kind.reset, TimeLimit.step

    def wider(self: Any, **kwargs: Any) -> Any:
        return reset(self, **{**kwargs, "options": {"low": -0.61}})

    def later(self: Any, action: Any) -> Any:
        *rest, truncated, info = step(self, action)
        return *rest, truncated and self._elapsed_steps > self._max_episode_steps, info

    for owner, name, changed in ((kind, "reset", wider), (TimeLimit, "step", later)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, changed)
            with pytest.warns(RuntimeWarning, match=env_id):
                lanes = lanes_of(env_id, {}, 0, SEEDS, fast=True)
        assert isinstance(lanes, GymLanes)
        selftest._agrees.cache_clear()


@pytest.mark.usefixtures("untested")
def test_the_self_test_runs_once_per_environment_and_says_nothing_where_it_passes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            for env_id in ENVIRONMENTS:
                assert lanes_of(env_id, {}, 0, SEEDS, fast=True).fast
    assert selftest._agrees.cache_info().misses == len(ENVIRONMENTS)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_a_lane_that_failed_stands_still_and_no_other_does(env_id: str) -> None:
    slow, fast = both(env_id, {"max_episode_steps": 30})
    run_along(slow, fast, env_id, 50)
    for lanes in (slow, fast):
        lanes.failures[2] = failure_of(50, ValueError("a probe failed"))
    run_along(slow, fast, env_id, 200)
    stood = fast.obs[2].tolist()
    steps = fast.step([0, 0, 0, 0])
    assert steps.next_obs[2].tolist() == stood
    assert (steps.reward[2], steps.terminated[2], steps.truncated[2]) == (0.0, False, False)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
@pytest.mark.parametrize("after", [0, 1, 700])
def test_lanes_that_are_picked_out_and_restored_go_on_as_if_nothing_had_been(env_id: str, after: int) -> None:
    args, seeds, picked = {"max_episode_steps": 9}, list(range(6)), [4, 0, 3]
    slow, fast = both(env_id, args, seeds)
    run_along(slow, fast, env_id, after)
    state = {name: x[picked].copy() if isinstance(x, np.ndarray) else x for name, x in fast.state().items()}
    again = lanes_of(env_id, args, 5, [seeds[lane] for lane in picked], fast=True)
    again.restore(state)
    assert again.steps == fast.steps
    rng = np.random.default_rng(1)
    for _ in range(800):
        actions = lively(env_id, fast.obs, rng)
        whole, part = fast.step(actions), again.step(actions[picked])
        assert same_bits(Steps(*(each[picked] for each in whole)), part)
        assert again.obs.tobytes() == fast.obs[picked].tobytes()


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_a_lanes_generator_is_where_gymnasiums_would_be(env_id: str) -> None:
    slow, fast = both(env_id, {"max_episode_steps": 5})
    run_along(slow, fast, env_id, 5 * 64 + 2)
    theirs = [position(env.unwrapped.np_random.bit_generator.state) for env in slow.envs]
    np.testing.assert_array_equal(fast.state()["generators"], theirs)


def test_lanes_of_one_kind_are_not_restored_from_the_other() -> None:
    slow, fast = both("CartPole-v1", {})
    for lanes, state, kind in ((slow, fast.state(), "arrays"), (fast, slow.state(), "snapshots")):
        with pytest.raises(ValueError, match=f"kept as {kind}"):
            lanes.restore(state)


def test_a_training_is_the_same_bits_either_way() -> None:
    found = []
    for lanes in both("CartPole-v1", {}):
        found.append(history(configured.learner(DQN, lanes, SEEDS, entropy=5, hidden=(16,), **SMALL)))
    assert found[0] == found[1]
    assert len(found[0][0]) > 3
