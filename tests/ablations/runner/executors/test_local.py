"""The local executor alone: exact causes of an end, limits, and processes that start quickly."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ablations.runner.executors import ExecutorConfig, Task, TaskResult
from ablations.runner.executors.local import LocalExecutor, log_name, resident_bytes, signal_name
from ablations.runner.heartbeat import at_most_every
from tests.faults.session import promised

WORLD = """
import os, signal, sys, time
import gymnasium
import numpy as np

class World(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, act="nothing"):
        self.act, self.steps = act, 0

    def reset(self, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.steps == 50:
            print("last words", flush=True)
            getattr(self, self.act)()
        return np.zeros(2, np.float32), 1.0, self.steps % 10 == 0, False, {}

    def nothing(self): pass
    def leave(self): os._exit(0)
    def exit(self): sys.exit(0)
    def crash(self): os.kill(os.getpid(), signal.SIGSEGV)
    def sleep(self): time.sleep(3600)
    def stop(self): os.kill(os.getpid(), signal.SIGSTOP)
    def refuse(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    def slow(self):
        for _ in range(8):
            time.sleep(0.1)
    def eat(self):
        self.food = [np.ones(2**18)]
        while True:
            self.food.append(self.food[0].copy())
            time.sleep(0.002)
    def keep(self): threading_forever()

def threading_forever():
    import threading
    threading.Thread(target=time.sleep, args=(3600,)).start()

gymnasium.register("World-v0", World)
"""


@pytest.fixture(autouse=True)
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acting.py").write_text(WORLD)
    monkeypatch.syspath_prepend(str(tmp_path))


def task(act: str) -> Task:
    return {"kind": "random_policy", "env_id": "acting:World-v0", "env_args": {"act": act}, "entropy": 0}


def ends(tmp_path: Path, *acts: str, **executor_config: Any) -> list[TaskResult]:
    executor = LocalExecutor(ExecutorConfig(**executor_config), tmp_path / "logs")
    try:
        return list(executor.run([task(act) for act in acts], lambda steps: None))
    finally:
        executor.stop()


def test_a_task_that_is_done_gives_its_result(tmp_path: Path) -> None:
    (task_result,) = ends(tmp_path, "nothing")
    assert task_result.done
    assert task_result.result == {"episodes": 100, "mean_return": 10.0, "std_return": 0.0}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("leave", "exit code 0 without a result"),
        ("crash", "signal SIGSEGV"),
    ],
)
def test_a_worker_that_ends_early_died_and_leaves_its_last_words(
    tmp_path: Path, act: str, reason: str
) -> None:
    (task_result,) = ends(tmp_path, act)
    assert task_result.status == "died"
    assert task_result.reason == reason
    assert "last words" in task_result.log
    assert ("Segmentation fault" in task_result.log) == (act == "crash")  # with the place in the log


def test_an_environment_that_asks_for_the_programs_end_costs_no_worker(tmp_path: Path) -> None:
    (task_result,) = ends(tmp_path, "exit")
    assert (task_result.done, task_result.result) == (True, None)


@pytest.mark.parametrize("act", ["sleep", "stop", "refuse"])
def test_a_worker_without_progress_is_ended_and_says_where_it_was(tmp_path: Path, act: str) -> None:
    started = time.monotonic()
    (task_result,) = ends(tmp_path, act, timeout=1.0)
    assert task_result.status == "timeout"
    assert task_result.reason == "no progress for 1 seconds"
    assert time.monotonic() - started < promised(15)
    assert (f"in {act}" in task_result.log) == (act != "stop")  # a stopped process says nothing


def test_slow_progress_is_progress(tmp_path: Path) -> None:
    (task_result,) = ends(tmp_path, "slow", timeout=3.0)
    assert task_result.done


def test_a_worker_over_its_limit_of_memory_is_ended(tmp_path: Path) -> None:
    limit = 900 * 2**20
    (task_result,) = ends(tmp_path, "eat", memory=limit)
    assert task_result.status == "memory"
    assert "over the limit of 900 MiB" in str(task_result.reason)


def test_a_worker_that_leaves_a_thread_behind_is_done_all_the_same(tmp_path: Path) -> None:
    (task_result,) = ends(tmp_path, "keep")
    assert task_result.done


def test_one_that_dies_and_one_that_hangs_cost_no_other(tmp_path: Path) -> None:
    found = ends(tmp_path, "sleep", "leave", "nothing", "crash", "nothing", jobs=3, timeout=2.0)
    assert sorted(task_result.status for task_result in found) == ["died", "died", "done", "done", "timeout"]


def test_a_process_costs_well_under_a_second(tmp_path: Path) -> None:
    executor = LocalExecutor(ExecutorConfig(), tmp_path / "logs")
    took = []
    for _ in range(4):
        started = time.monotonic()
        assert [task_result.done for task_result in executor.run([task("nothing")], lambda steps: None)] == [
            True
        ]
        took.append(time.monotonic() - started)
    executor.stop()
    assert min(took[1:]) < promised(0.8)  # the first one waits for the server to import torch


def test_stopping_ends_workers_that_refuse_and_starts_no_more(tmp_path: Path) -> None:
    executor = LocalExecutor(ExecutorConfig(2), tmp_path / "logs")
    found: list[TaskResult] = []
    tasks = [task(act) for act in ("refuse", "sleep", "nothing", "nothing")]
    runner = threading.Thread(target=lambda: found.extend(executor.run(tasks, lambda steps: None)))
    runner.start()
    deadline = time.monotonic() + 600
    while not all(_spoke(tmp_path / "logs" / log_name(each)) for each in tasks[:1]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = time.monotonic()
    executor.stop()
    runner.join(promised(10))
    assert not runner.is_alive()
    assert time.monotonic() - started < promised(5)
    assert found == []


def _spoke(log: Path) -> bool:
    return log.exists() and log.stat().st_size > 0


def test_two_cohorts_of_one_row_have_logs_of_their_own() -> None:
    def cohort(*keys: str) -> Task:
        lanes = [{"key": key, "config": {"env_id": "a/B-v0"}} for key in keys]
        return {"kind": "cohort", "job": {"label": "x" * 300, "lanes": lanes}}

    names = {log_name(cohort("aa", "bb")), log_name(cohort("aa")), log_name(cohort("cc", "dd"))}
    assert len(names) == 3
    assert all(len(name) < 250 and "/" not in name for name in names)


def test_signals_have_names() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(40) == "SIG40"


def test_the_resident_size_of_this_process_is_some_and_of_none_is_nothing() -> None:
    import os

    assert resident_bytes(os.getpid()) > 10 * 2**20
    assert resident_bytes(2**22 + 1) == 0


def test_a_beat_is_passed_on_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 0.2, 0.5, 0.5, 0.6, 1.0, 1.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    beats: list[int] = []
    beat = at_most_every(0.3, lambda: beats.append(1))
    for _ in range(5):
        beat()
    assert len(beats) == 2
