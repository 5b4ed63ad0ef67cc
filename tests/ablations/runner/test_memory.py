"""Memory that is refused: fewer runs together are tried, and none fails that has room alone."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.runner import grid, memory
from ablations.runner.cohort import memory_was_refused
from ablations.runner.executors import ExecutorConfig
from ablations.studies import load
from ablations.studies.study import by_row
from tests.ablations.envs import pictures  # noqa: F401  (registers environments)
from tests.contract.outside import ablations, assert_answered, manifest_of, runs_in, write_study

# As many as there is room for: what a system refuses, without filling one.
CROWDED = """
import weakref
import gymnasium
import numpy as np

class Crowded(gymnasium.Env):
    living = weakref.WeakSet()
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, room=3):
        self.living.add(self)
        if len(self.living) > room:
            raise MemoryError

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), 1.0, bool(action), False, {}

gymnasium.register("Crowded-v0", Crowded)
"""


def open_too_many() -> None:
    """As many files as the system lets a process have, and one more."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, most[1]))
    try:
        with ExitStack() as opened:
            for _ in range(61):
                opened.enter_context(open(os.devnull))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)


@pytest.mark.parametrize(
    "ask",
    [lambda: torch.empty(2**50), lambda: np.empty(2**50), lambda: bytearray(2**60), lambda: open_too_many()],
)
def test_a_refusal_is_known_whoever_tells_it(ask):
    with pytest.raises((RuntimeError, MemoryError, OSError)) as refused:
        ask()
    assert memory_was_refused(refused.value)


@pytest.mark.parametrize(
    "problem", [RuntimeError("shapes differ"), ValueError("memory"), OSError(errno.EACCES, "none")]
)
def test_other_problems_are_none(problem: Exception):
    assert not memory_was_refused(problem)


def study_of_pictures(**settings):
    document = {
        "name": "large",
        "envs": ["tests/Pictures-v0"],
        "seeds": 30,
        "variants": ["dqn", "per", "no-replay"],
        "settings": {"buffer_size": 100_000, **settings},
    }
    return load.check_environments(load.from_document(document))


def test_a_lane_holds_what_its_memory_and_its_networks_take():
    study = study_of_pictures()
    dqn, per, latest = (memory.lane_bytes(study, row[0]) or 0.0 for row in by_row(study.runs()))
    network = 5 * 4 * 30_080  # of 400 inputs, two layers of 64 and three actions, padded to 64s
    frames, numbers, places = 400 * 100_001, 16 * 100_000, 4 * 100_000
    assert dqn == pytest.approx(network + frames + numbers + places, rel=1e-3)
    assert per - dqn == pytest.approx(16 * 2**17, rel=1e-3)  # a tree over 2^17 leaves in float64
    assert latest == pytest.approx(network, rel=0.01)


@pytest.mark.parametrize(("limit", "lanes"), [(10**10, 30), (5 * 10**8, 4), (3.1 * 10**8, 1), (10**6, 30)])
def test_cohorts_are_cut_to_the_memory_that_a_worker_may_fill(limit, lanes):
    study = study_of_pictures()
    fit = memory.lanes_that_fit(study, ExecutorConfig(memory=int(limit)), 1, 64)
    runs = [run for run in study.runs() if run.label == "dqn"]
    assert max(map(len, grid.cohorts(runs, 1, fit))) == lanes


@pytest.mark.parametrize(("room", "status"), [(3, "ok"), (0, "died")])
def test_a_cohort_that_is_refused_memory_is_halved(room: int, status: str, tmp_path: Path):
    (tmp_path / "crowded.py").write_text(CROWDED.replace("room=3", f"room={room or 3}"), encoding="utf-8")
    top = {"envs": ["crowded:Crowded-v0"], "allow_modules": ["crowded"], "variants": ["dqn"], "seeds": 5}
    write_study(
        tmp_path, top, {"total_timesteps": 200 if room else 10**9, "buffer_size": 500 if room else 2**44}
    )
    answer = ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path)
    assert_answered(answer, 0 if room else 1)
    assert "the system refused more" in answer.stderr
    assert (
        "trying in halves" in answer.stderr or not room
    )  # which no two would have had: each is alone from the start
    for run in runs_in(tmp_path / "results" / "tiny"):
        manifest = manifest_of(tmp_path / "results" / "tiny", run)
        assert manifest["status"] == status
        assert manifest["lanes"] <= 3 if room else "the system refused more" in manifest["error"]["message"]
