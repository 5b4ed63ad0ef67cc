"""What ``plan`` counts is what a run does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from ablations.envs.repeatability import tried_elsewhere, tried_here
from ablations.recorders.probes import probe_states
from ablations.runner import cost, progress
from ablations.runner.cost import WORKER_SECONDS, Played, is_fast, makespan, of_cohorts, played
from ablations.runner.progress import announced
from ablations.runner.random_policy import random_policy
from ablations.studies import load
from tests.contract.outside import ablations, assert_answered, write_study
from tests.faults.session import promised


class Counted(gymnasium.Env[Any, Any]):
    """Episodes of eight steps; counts them all and takes its time."""

    taken = 0
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (50,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, pause: float = 0.0) -> None:
        self.pause, self.left = pause, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.left = 8
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        Counted.taken += 1
        self.left -= 1
        time.sleep(self.pause)
        return self.np_random.uniform(-1, 1, 50).astype(np.float32), 1.0, self.left == 0, False, {}


gymnasium.register("tests/Counted-v0", lambda **args: Counted(**args))
STEP = Played(1.0, 8.0, False)


def study_of(pause: float, **record: Any) -> Any:
    return load.from_document(
        {
            "name": "costly",
            "envs": ["tests/Counted-v0"],
            "env": {"tests/Counted-v0": {"args": {"pause": pause}}},
            "seeds": 3,
            "variants": ["dqn", "no-replay"],
            "settings": {"total_timesteps": 1000, "learning_starts": 64, "buffer_size": 700_000},
            "record": {"probe_every": 0, "eval_every": 0, "eval_episodes": 2, **record},
        }
    )


def steps_of(what: Any) -> int:
    before = Counted.taken
    what()
    return Counted.taken - before


@pytest.mark.parametrize("checkpoints", [False, True])
def test_the_steps_of_self_tests_and_random_policies_are_counted(checkpoints: bool) -> None:
    def tests() -> None:
        tried_here("tests/Counted-v0", {}, checkpoints)
        tried_elsewhere("tests/Counted-v0", {})

    assert steps_of(tests) == pytest.approx(sum(STEP.self_tests(checkpoints)), rel=0.35)
    assert steps_of(lambda: random_policy("tests/Counted-v0", {}, 0)) == STEP.random_policy == 800


def test_probe_states_and_evaluations_are_counted() -> None:
    (run, *_) = study_of(0.0, probe_every=100, eval_every=250).runs()
    walk = steps_of(lambda: probe_states("tests/Counted-v0", {}, 0, [1], False))
    assert STEP.looking_on(run) == walk + 4 * 2 * 8
    assert (
        Played(1.0, 8.0, False, 20.0).looking_on(run) == walk + 4 * 2 * 14
    )  # between a random and a lasting one


def test_an_environment_is_played_for_a_moment_and_not_by_every_lane_of_a_row() -> None:
    found = played("tests/Counted-v0", {"pause": 0.01}, False)
    assert 0.01 <= found.seconds < promised(0.03)
    assert found.length == pytest.approx(8, abs=1)
    runs = study_of(0.01).runs()
    assert not is_fast(runs[0])
    started = time.monotonic()
    row = [run for run in runs if run.label == "dqn"]
    (seconds,) = of_cohorts([row], lambda run: 100, {"tests/Counted-v0": found})
    assert time.monotonic() - started < promised(20)
    assert 100 * 3 * found.seconds < seconds - WORKER_SECONDS < 5 * 100 * 3 * found.seconds


def test_the_first_episode_of_a_slow_environment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its length nobody knows what a hundred of them take."""
    monkeypatch.setattr(cost, "PLAYED_SECONDS", 0.01)
    found = played("tests/Counted-v0", {"pause": 0.02}, False)
    assert found.length == 8
    monkeypatch.setattr(cost, "PATIENCE_SECONDS", 0.01)
    assert played("tests/Counted-v0", {"pause": 0.02}, False).length > 1000


def test_evaluations_and_probes_are_timed_where_all_lanes_are_stepped_at_once() -> None:
    """They make no small part of a study of CartPole; without a time limit's worth of steps it would be halved."""

    def seconds(**record: Any) -> float:
        quick = {"probe_every": 0, "eval_every": 0, **record}
        study = load.from_document(
            {"name": "quick", "envs": ["CartPole-v1"], "seeds": 2, "variants": ["dqn"], "record": quick}
        )
        lasting = Played(0.0, 20.0, True, 10_000_000.0)
        return of_cohorts([study.runs()], lambda run: 1000, {"CartPole-v1": lasting})[0]

    assert seconds(eval_every=1000) > 2 * seconds()
    assert seconds(probe_every=1) > 2 * seconds()


@pytest.mark.parametrize(
    ("seconds", "jobs", "end"),
    [([], 2, 0), ([5], 4, 5), ([3, 3, 3], 2, 6), ([1, 1, 8], 2, 9), ([4, 3, 2, 1], 3, 4)],
)
def test_a_task_too_many_is_waited_for(seconds: list[float], jobs: int, end: float) -> None:
    assert makespan(seconds, jobs) == end


def test_a_cohort_is_longer_than_its_share_of_the_cores() -> None:
    """One slow environment and many cores: what none can share is not divided."""
    found = Played(1.0, 8.0, False)
    runs = [run for run in study_of(0.0).runs() if run.label == "dqn"]
    (seconds,) = of_cohorts([runs[:1]], lambda run: 500, {"tests/Counted-v0": found})
    assert 500 < seconds < 1000


def test_plan_says_time_memory_and_disk(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": 2}, {"total_timesteps": 200, "buffer_size": 1_000_000})
    answer = ablations("plan", "tiny.toml", "--jobs", "1", cwd=tmp_path)
    assert_answered(answer, 0)
    (estimate,) = [line for line in answer.stdout.splitlines() if line.startswith("estimate: ")]
    assert " with 1 job " in estimate
    # the libraries', and two lanes of a million rows of 16 floats, with five copies of a small network
    assert "about 428.0 MB of memory, about" in estimate
    assert "memory: CartPole-v1: about 64.0 MB a lane; at most 64 lanes at a time" in answer.stdout


def test_what_takes_long_is_announced_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUICK_SECONDS", 0.2)
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.3)
    said: list[str] = []

    class Hears(progress.Progress):
        def note(self, text: str) -> None:
            said.append(text)

    with announced(Hears(), "dusting"):
        pass
    assert said == []
    with announced(Hears(), "dusting"):
        time.sleep(1.0)
    assert said[0] == "dusting"
    assert len(said) >= 2
    assert said[1].startswith("dusting, for ")
    before = len(said)
    time.sleep(0.5)
    assert len(said) == before


def test_steps_of_what_counts_no_steps_are_signs_of_life() -> None:
    """Without them a limit of time would end what is well."""
    beats: list[int] = []

    def beat() -> None:
        beats.append(1)

    tried_elsewhere("tests/Counted-v0", {}, beat)
    tests = len(beats)
    assert tests >= 200
    probe_states("tests/Counted-v0", {}, 0, [1, 2], False, heartbeat=beat)
    assert len(beats) == tests + 1024
