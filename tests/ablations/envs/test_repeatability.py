"""Environments that a seed does not decide, and how that is found out and mended."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import Any

import gymnasium
import numpy as np
import pytest

from ablations.envs import repeatability
from ablations.envs.gym import GymLanes
from ablations.envs.repeatability import Repeatability, judged, tried_elsewhere, tried_here
from ablations.runner.random_policy import random_policy
from tests.laws import toys


class SpaceSampler(toys.Walk):
    """Pushes with actions, and begins at observations, that its class's spaces sample."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(5)

    def __init__(self) -> None:
        self.state = np.zeros(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.state = self.observation_space.sample().astype(float)
        return self.state.astype(np.float32), {}

    def step(self, action: Any) -> Any:
        return super().step(self.action_space.sample())


class NumpyDrawer(toys.Walk):
    """Draws its gravity when it is made and its pushes at every step, from numpy's global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.gravity = np.random.normal()  # noqa: NPY002

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        return seen, reward + self.gravity + np.random.rand(), *rest  # noqa: NPY002


class PythonDrawer(toys.Walk):
    """Draws from Python's global generator, seldom."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        given = super().reset(seed=seed)
        self.state[0] = random.gauss(0, 1)
        return given


class Seeder(toys.Walk):
    """Means well: seeds numpy's global generator at its first reset."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            np.random.seed(seed % 1000)  # noqa: NPY002
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        return seen, reward + np.random.rand(), *rest  # noqa: NPY002


class Harder(toys.Walk):
    """Is harder the more steps were taken in any of its instances."""

    taken = 0

    def step(self, action: Any) -> Any:
        Harder.taken += 1
        seen, reward, *rest = super().step(action)
        return seen, reward - 0.001 * Harder.taken, *rest


class OneSimulator(toys.Walk):
    """Instances play in one world, which a reset makes anew."""

    world: dict[str, float] = {}  # noqa: RUF012

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.world["place"] = 0.0
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        self.world["place"] += 1.0 + action
        seen, _, *rest = super().step(action)
        return seen, self.world["place"], *rest


class Clocked(toys.Walk):
    """Pays by the clock."""

    def step(self, action: Any) -> Any:
        seen, _, *rest = super().step(action)
        return seen, float(time.perf_counter_ns() % 1_000_003), *rest


class ByProcess(toys.Walk):
    """Pays by the process."""

    def step(self, action: Any) -> Any:
        seen, _, *rest = super().step(action)
        return seen, float(os.environ["TESTED_AS"]), *rest


class LateDrawer(toys.Walk):
    """Makes its generator anew at each reset, from the system where none is asked for; has long episodes."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.state = np.random.default_rng(seed).normal(size=self.state.shape)
        return self.state.astype(np.float32), {}

    def step(self, action: Any) -> Any:
        seen, reward, *_ = super().step(action)
        return seen, reward, False, False, {}


KINDS: tuple[Any, ...] = (
    *(LateDrawer, SpaceSampler, NumpyDrawer, PythonDrawer, Seeder, Harder, OneSimulator, Clocked, ByProcess),
)
for made in KINDS:
    gymnasium.register(f"repeats/{made.__name__}-v0", made)


def found(name: str, monkeypatch: pytest.MonkeyPatch, checkpoints: bool = False) -> tuple[Repeatability, Any]:
    """What is found if the second process begins where the first did."""
    env_id = name if "-v" in name else f"repeats/{name}-v0"
    monkeypatch.setattr(Harder, "taken", 0)
    monkeypatch.setenv("TESTED_AS", "1")
    here = tried_here(env_id, {}, checkpoints)
    monkeypatch.setattr(Harder, "taken", 0)
    monkeypatch.setenv("TESTED_AS", "2")
    return judged(here, {**tried_elsewhere(env_id, {}), "process": -1}), here


@pytest.mark.parametrize("name", ["tests/Walk-v0", "CartPole-v1", "ablations/Grid-v0", "SpaceSampler"])
def test_what_a_seed_decides_repeats(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    assert found(name, monkeypatch)[0] == Repeatability(True)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index] # noqa: NPY002


@pytest.mark.parametrize("name", ["NumpyDrawer", "PythonDrawer", "Seeder"])
def test_global_generators_are_found_and_each_instance_gets_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, here = found(name, monkeypatch, checkpoints=True)
    assert result == Repeatability(True, None, False, True)
    assert "global generators" in here["no_checkpoints"]


@pytest.mark.parametrize("name", ["SpaceSampler", "NumpyDrawer", "PythonDrawer", "Seeder"])
def test_lanes_that_draw_from_elsewhere_are_the_same_bits_alone_and_together(name: str) -> None:
    def played(seeds: list[int]) -> list[Any]:
        lanes = GymLanes(f"repeats/{name}-v0", {}, 0, seeds, own_generators=name != "SpaceSampler")
        steps = [lanes.step([step % 2] * len(seeds)) for step in range(60)]
        episodes = lanes.episodes([8])
        starts = []
        for _ in range(2):
            episodes.begin(np.array([], dtype=np.intp))
            starts.append((episodes.obs.tolist(), episodes.step([1]).reward.tolist()))
        assert starts[0] == starts[1]  # an evaluation's episode begins alike each time
        where = seeds.index(5)
        return [[step.next_obs[where].tolist(), step.reward[where]] for step in steps]

    np.random.seed(17)  # noqa: NPY002
    alone = played([5])
    assert played([2, 5, 9]) == alone
    assert played([5]) == alone


def test_the_random_policy_of_one_that_draws_from_elsewhere_has_one_score() -> None:
    one, other = (random_policy("repeats/NumpyDrawer-v0", {}, 0, own_generators=True) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("name", "words"), [("Harder", "a later one"), ("OneSimulator", "beside another")])
def test_instances_that_share_state_are_told(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = found(name, monkeypatch)
    assert (result.repeats, result.shares_state) == (False, True)
    assert words in str(result.reason)
    assert "no verdict on them stands" in repeatability.consequence("E", result)


@pytest.mark.parametrize(
    ("name", "words", "step"),
    [
        ("Clocked", "two environments", 1),
        ("ByProcess", "of two processes", 1),
        ("LateDrawer", "two environments", 200),
    ],
)
def test_what_no_seed_decides_is_told(
    name: str, words: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = found(name, monkeypatch)
    assert (result.repeats, result.shares_state) == (False, False)
    assert str(result.reason).endswith(f"{words} with one seed part at step {step}")
    text = repeatability.consequence("E", result)
    assert "no checkpoints, no promise of bits; seeds are matched by number alone" in text


def test_one_that_raises_repeats_if_it_always_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs tell what it raises."""
    assert found("nowhere/NoSuch-v0", monkeypatch)[0].repeats


def test_processes_that_are_started_later_hash_texts_alike() -> None:
    """Whatever goes through a set of texts meets them in one order."""
    without = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    asks = "import ablations, subprocess, sys; subprocess.run([sys.executable, '-c', 'print(hash(str(3)))'])"
    told = {subprocess.check_output([sys.executable, "-c", asks], env=without) for _ in range(2)}
    assert len(told) == 1
