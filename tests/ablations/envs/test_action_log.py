"""Environments brought back by what they hold, or by what they did since their last reset, and those that can't be."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from ablations.envs.gym import GymLanes, why_no_checkpoints
from ablations.envs.state_diff import difference
from tests.laws import toys  # noqa: F401  (registers environments)


class Kept(gymnasium.Env[Any, Any]):
    """Keeps nothing over a reset; ends by chance."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float32)
    action_space = Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.x = self.np_random.normal(size=2)
        return self.seen(), {}

    def step(self, action: Any) -> Any:
        self.x = 0.9 * self.x + self.noise() + 0.1 * action
        return self.seen(), float(self.x[0]), bool(self.x[1] > 1.5), False, {}

    def noise(self) -> Any:
        return 0.3 * self.np_random.normal(size=2)

    def seen(self) -> Any:
        return self.x.astype(np.float32)


class Tired(Kept):
    """Counts its steps and tells nobody until much later."""

    worn = 0

    def step(self, action: Any) -> Any:
        self.worn += 1
        seen, reward, over, cut, info = super().step(action)
        return seen, reward if self.worn < 1000 else 0.0, over, cut, info


class Warm(Kept):
    """Does not forget an object's inside."""

    def __init__(self) -> None:
        self.engine = SimpleNamespace(heat=[20.0])

    def step(self, action: Any) -> Any:
        self.engine.heat[0] += 0.1
        return super().step(action)


class OwnGenerator(Kept):
    """Draws from a generator that Gymnasium does not know of."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.own = np.random.default_rng(seed)
        return super().reset(seed=seed)

    def noise(self) -> Any:
        return 0.3 * self.own.normal(size=2)


class OldGenerator(Kept):
    """Its generator is of another kind."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.np_random = np.random.Generator(np.random.MT19937(seed))
        self.x = self.np_random.normal(size=2)
        return self.seen(), {}


class Global(Kept):
    """Draws from everybody's generator."""

    def noise(self) -> Any:
        return np.random.rand(2) - 0.5  # noqa: NPY002


class Hidden(Kept):
    """What outlives a reset can't be seen from outside, only by what comes of it."""

    __slots__ = ()

    def __init__(self) -> None:
        count = iter(range(10**9))
        self.next = lambda: next(count)

    def noise(self) -> Any:
        return np.full(2, np.sin(self.next()))


class Raises(Kept):
    def step(self, action: Any) -> Any:
        raise ConnectionError("no simulator")


REGISTERED: tuple[Any, ...] = (Kept, Tired, Warm, OwnGenerator, OldGenerator, Global, Hidden, Raises)


def behind_foreign_code(kind: Any) -> Any:
    """Such an environment with something in it that can't be written down."""

    def made(**args: Any) -> Any:
        env = kind(**args)
        env.lock = threading.Lock()
        return env

    return made


for made in REGISTERED:
    gymnasium.register(f"journal/{made.__name__}-v0", made)
    gymnasium.register(f"foreign/{made.__name__}-v0", behind_foreign_code(made))
gymnasium.register("journal/Limited-v0", REGISTERED[0], max_episode_steps=7)
gymnasium.register("journal/LimitedGrid-v0", "ablations.envs.worlds:grid", max_episode_steps=9)


@pytest.mark.parametrize(
    "env_id",
    [
        *("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "ablations/Grid-v0", "ablations/Baird-v0"),
        *("journal/Kept-v0", "journal/Limited-v0", "journal/LimitedGrid-v0", "tests/Walk-v0"),
        *("foreign/Kept-v0", "journal/Tired-v0", "journal/Warm-v0", "journal/OwnGenerator-v0"),
        *("journal/OldGenerator-v0", "tests/Counter-v0"),
    ],
)
def test_what_can_be_written_down_or_forgets_at_a_reset_can_be_kept(env_id: str) -> None:
    assert why_no_checkpoints(env_id, {}) == ""


@pytest.mark.parametrize(
    ("env_id", "reason"),
    [
        ("foreign/Tired-v0", "its 'worn' outlives a reset"),
        ("foreign/Warm-v0", "its 'engine.heat[0]' outlives a reset"),
        ("foreign/OwnGenerator-v0", "its 'own' outlives a reset"),
        ("foreign/OldGenerator-v0", "the generator is MT19937; only PCG64 can be stored"),
        ("foreign/Global-v0", "its 'x' outlives a reset"),
        ("journal/Global-v0", "brought back to where it was, it goes on in another way"),
        ("journal/Hidden-v0", "its 'x' outlives a reset"),
        ("journal/Raises-v0", "ConnectionError: no simulator"),
        ("journal/Missing-v0", "it could not be tried out: NameNotFound"),
    ],
)
def test_what_does_not_is_refused_with_the_reason(env_id: str, reason: str) -> None:
    np.random.seed(0)  # noqa: NPY002 (Global's numbers: two of them may meet at a bound by chance)
    assert reason in why_no_checkpoints(env_id, {})


def test_the_self_test_leaves_global_generators_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    why_no_checkpoints("journal/Kept-v0", {})
    after = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert after == np.random.rand()  # noqa: NPY002


def play(lanes: GymLanes, steps: int, start: int = 0) -> list[bytes]:
    found = []
    for step in range(start, start + steps):
        actions = [(step + lane) * 7 // 3 % lanes.actions for lane in range(len(lanes.envs))]
        found.append(
            b"".join(np.asarray(part).tobytes() for part in lanes.step(actions)) + lanes.obs.tobytes()
        )
    return found


@pytest.mark.parametrize(
    "env_id",
    [
        "CartPole-v1",
        "ablations/Grid-v0",
        "journal/LimitedGrid-v0",
        "foreign/Kept-v0",
        "journal/OwnGenerator-v0",
    ],
)
@pytest.mark.parametrize("steps", [0, 1, 6, 7, 150])
def test_lanes_go_on_where_others_were(env_id: str, steps: int) -> None:
    one, other = (GymLanes(env_id, {}, 0, [4, 9]) for _ in range(2))
    play(one, steps)
    state = {name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in one.state().items()}
    other.restore(state)
    assert other.steps == one.steps
    assert play(other, 200, steps) == play(one, 200, steps)
    assert {name: np.asarray(v).tobytes() for name, v in other.state().items()} == {
        name: np.asarray(v).tobytes() for name, v in one.state().items()
    }


def test_what_can_be_written_down_is_and_others_are_kept_by_their_actions() -> None:
    assert {"kind": "snapshots"}.items() <= kinds(GymLanes("ablations/Grid-v0", {}, 0, [0]).state()).items()
    lanes = GymLanes("foreign/Kept-v0", {}, 0, [0])
    play(lanes, 1)
    state = lanes.state()
    assert state["kind"] == "journals"
    assert state["actions"].tolist() == [[0]]  # type: ignore[union-attr]


def test_one_that_shows_something_else_than_it_did_is_refused() -> None:
    one, other = (GymLanes("foreign/Kept-v0", {}, 0, [4, 9]) for _ in range(2))
    play(one, 5)
    state: dict[str, Any] = {**one.state()}
    state["obs"] = state["obs"] + 1
    with pytest.raises(ValueError, match="shows something else"):
        other.restore(state)


def kinds(state: Any) -> dict[str, Any]:
    return {name: value for name, value in state.items() if isinstance(value, str)}


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1}, {"a": 2}, ".it['a']"),
        ({"a": 1}, {"b": 1}, ".it"),
        ([1, 2.0, float("nan")], [1, 2.0, float("nan")], ""),
        ([1, [2, "x"]], [1, [2, "y"]], ".it[1][1]"),
        ([1], [1, 2], ".it"),
        (np.zeros(3), np.zeros(4), ".it"),
        (SimpleNamespace(a=np.zeros(3)), SimpleNamespace(a=np.array([0, 0, 1.0])), ".it.a"),
        (None, 1, ".it"),
        (lambda: 1, lambda: 2, ""),
        (Discrete(2), Discrete(3), ""),
        (np.random.default_rng(1), np.random.default_rng(2), ".it"),
        (LOOP, LOOP, ""),
    ],
    ids=range(13),
)
def test_the_first_difference_is_named(one: Any, other: Any, where: str) -> None:
    assert difference(SimpleNamespace(it=one), SimpleNamespace(it=other)) == where
