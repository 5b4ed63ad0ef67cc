"""Compiled steps of environments against those over arrays, bit for bit, and each going on after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.dqn.learner import Learner, learn
from ablations.dqn.replay.latest import Latest
from ablations.dqn.types import StepRecord, Transition
from ablations.dqn.variants import DQN, NAMED, Variant
from ablations.engines.native import library, stepping
from ablations.engines.native import ops as native
from ablations.engines.native.stepping import CompiledLanes, cartpole_agrees, cartpole_step
from ablations.envs.cartpole import CartPole
from ablations.envs.gym import failure_of
from ablations.envs.make import lanes_of
from ablations.envs.vectorized import BLOCK, ArrayLanes
from tests import configured

pytestmark = pytest.mark.skipif(bool(library.missing()), reason=f"no compiled library: {library.missing()}")

WORLDS: list[tuple[str, dict[str, Any]]] = [
    ("CartPole-v1", {}),
    ("CartPole-v1", {"sutton_barto_reward": True, "max_episode_steps": 15}),
    ("MountainCar-v0", {"max_episode_steps": 11}),
    ("Acrobot-v1", {"max_episode_steps": 7}),
]
SEEDS = (3, 0, 8)


def learner(
    env_id: str,
    args: dict[str, Any],
    variant: Variant = DQN,
    dtype: torch.dtype = torch.float32,
    compiled: bool = True,
    **numbers: Any,
) -> Learner:
    """The native engine's, on compiled lanes or on those over arrays."""
    small: dict[str, Any] = {"learning_starts": 20, "buffer_size": 90, "hidden": (16,)}
    envs = native.lanes(env_id, args, 0, SEEDS) if compiled else lanes_of(env_id, args, 0, SEEDS, fast=True)
    assert type(envs) is (CompiledLanes if compiled else ArrayLanes)
    whole = {"total_timesteps": 5 * BLOCK, **small, **numbers}
    return configured.learner(variant, envs, SEEDS, "native", dtype, **whole)


def both(
    env_id: str,
    args: dict[str, Any],
    variant: Variant = DQN,
    dtype: torch.dtype = torch.float32,
    **numbers: Any,
) -> list[Learner]:
    """On compiled lanes, and on those over arrays."""
    return [learner(env_id, args, variant, dtype, compiled, **numbers) for compiled in (True, False)]


def bits(*arrays: Any) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in arrays]


def seen(record: StepRecord) -> list[bytes]:
    steps = record.steps
    assert [x.dtype for x in steps] == [np.float32, np.float64, np.bool_, np.bool_]
    return bits(*steps)


def left(a: Learner) -> dict[str, bytes]:
    """Everything that the coming steps depend on."""
    parts = {name: part.state() for name, part in a.parts().items()}
    return {
        f"{part}.{name}": np.asarray(value).tobytes()
        for part, state in parts.items()
        for name, value in state.items()
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bootstrap_truncated", [True, False])
@pytest.mark.parametrize(("env_id", "args"), WORLDS)
def test_a_whole_training_is_the_one_over_arrays(
    env_id: str, args: dict[str, Any], bootstrap_truncated: bool, dtype: torch.dtype
) -> None:
    """Long enough to use up the starts that lanes draw ahead."""
    made = both(env_id, args, NAMED["per"].variant, dtype, bootstrap_truncated=bootstrap_truncated)
    ends = 0
    for mine, its in zip(learn(made[0]), learn(made[1]), strict=True):
        assert seen(mine) == seen(its), mine.step
        ends += int((mine.steps.terminated | mine.steps.truncated).sum())
    assert left(made[0]) == left(made[1])
    assert ends > 6


def test_starts_that_were_drawn_ahead_are_used_up_and_drawn_again() -> None:
    made = both("CartPole-v1", {"max_episode_steps": 2})
    for mine, its in zip(learn(made[0]), learn(made[1]), strict=True):
        assert seen(mine) == seen(its), mine.step
    assert mine.step / 2 > 2 * BLOCK
    assert left(made[0]) == left(made[1])


def test_either_can_go_on_after_the_other_step_by_step() -> None:
    made = both("CartPole-v1", {"max_episode_steps": 9})
    envs: Any = made[0].envs
    compiled, plain = envs.step, partial(ArrayLanes.step, envs)
    for mine, its in zip(learn(made[0]), learn(made[1]), strict=True):
        assert seen(mine) == seen(its), mine.step
        envs.step = plain if mine.step // 10 % 2 else compiled
    assert left(made[0]) == left(made[1])


@pytest.mark.parametrize("first", [0, 1])
def test_either_goes_on_from_what_the_other_left(first: int) -> None:
    envs: list[Any] = [each.envs for each in both("CartPole-v1", {"max_episode_steps": 9})]
    rng = np.random.default_rng(0)
    for _ in range(30):
        envs[first].step(rng.integers(2, size=len(SEEDS)))
    envs[1 - first].restore(envs[first].state())
    for _ in range(200):
        actions = rng.integers(2, size=len(SEEDS))
        assert bits(*envs[0].step(actions), envs[0].obs) == bits(*envs[1].step(actions), envs[1].obs)


def test_a_failed_lane_stands_still_as_over_arrays() -> None:
    made = both("CartPole-v1", {})
    for a in made:
        a.envs.failures[1] = failure_of(0, ValueError("a probe failed"))
    for mine, its in zip(learn(made[0]), learn(made[1]), strict=True):
        assert seen(mine) == seen(its), mine.step
        assert mine.steps.reward[1] == 0
    assert left(made[0]) == left(made[1])


@dataclass(frozen=True)
class Hoarding(Latest):
    """A replay of a user's own, which keeps the transitions that it is given."""

    def init(self, space: Any) -> Any:
        memory: Any = super().init(space)
        memory.kept = []
        return memory

    def add(self, memory: Any, transition: Transition) -> None:
        memory.kept.append(transition)
        super().add(memory, transition)


def test_a_replay_may_keep_the_transitions_that_it_is_given() -> None:
    a = learner("CartPole-v1", {}, replace(DQN, replay=Hoarding()))
    moments = list(learn(a))
    kept: list[Transition] = vars(a.memory)["kept"]
    assert len(kept) == len(moments)
    for step, (now, then) in enumerate(zip(kept[1:], kept, strict=False)):
        over = torch.from_numpy(moments[step].steps.terminated)
        assert torch.equal(then.next_obs, torch.from_numpy(moments[step].steps.next_obs))
        assert torch.equal(now.obs[~over], then.next_obs[~over])
        assert (then.discount == 0).tolist() == over.tolist()
    assert len({transition.obs.data_ptr() for transition in kept}) == len(kept)


def test_what_was_handed_out_is_not_written_over() -> None:
    envs = learner("CartPole-v1", {}).envs
    first = envs.obs
    kept = (first, *envs.step(np.array([0, 1, 0])), envs.obs)
    before = bits(*kept)
    for _ in range(60):
        envs.step(np.array([1, 1, 0]))
    assert bits(*kept) == before


finite = st.floats(-1e3, 1e3)
anything = finite | st.sampled_from([float("nan"), float("inf"), 2.4, 12 * 2 * np.pi / 360, -0.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[anything] * 4, st.integers(0, 1)), min_size=1, max_size=20), st.booleans())
def test_compiled_physics_is_the_one_over_arrays(rows: list[tuple[float, ...]], sutton_barto: bool) -> None:
    dynamics = CartPole(sutton_barto)
    states = np.ascontiguousarray(np.array([row[:4] for row in rows]).T)
    actions = np.array([row[4] for row in rows], dtype=np.int64)
    with np.errstate(invalid="ignore"):
        found, expected = cartpole_step(dynamics, states, actions), dynamics.step(states, actions)
    np.testing.assert_array_equal(found.states, expected.states)  # a NaN's sign is nobody's business
    assert bits(found.reward, found.terminated) == bits(expected.reward, expected.terminated)


def test_physics_that_gives_other_bits_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cartpole_agrees(CartPole())
    monkeypatch.setattr(stepping, "cartpole_step", lambda *asked: replace_states(cartpole_step(*asked)))
    cartpole_agrees.cache_clear()
    try:
        assert not cartpole_agrees(CartPole())
        made = both("CartPole-v1", {})
        for mine, its in zip(learn(made[0]), learn(made[1]), strict=True):
            assert seen(mine) == seen(its), mine.step
        envs = made[0].envs
        assert isinstance(envs, CompiledLanes)
        assert envs.physics == envs._dynamics
    finally:
        cartpole_agrees.cache_clear()


def replace_states(moved: Any) -> Any:
    states = moved.states.copy()
    states[1, -1] = np.nextafter(states[1, -1], np.inf)
    return moved._replace(states=states)
