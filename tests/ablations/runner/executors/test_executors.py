"""One contract for all executors: bits, workers that die or hang, stopping. And what each has of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import distributed
import pytest

from ablations import store
from ablations.runner import executors, grid
from ablations.runner.cohort import train
from ablations.runner.executors import ExecutorConfig, Task, TaskResult, slurm
from ablations.studies import load
from ablations.studies.study import Run, Study
from tests.ablations.runner.executors import fake_slurm
from tests.ablations.runner.test_grid import Notes, document
from tests.contract.outside import REPO
from tests.faults.session import promised

WORLD = """
import os, time
from pathlib import Path
import gymnasium
import numpy as np

class World(gymnasium.Env):
    # Does what `fault` says at its step 150, if its seed is even; with `once`, only if that file is not there.
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, fault="none", once=""):
        self.fault, self.once, self.steps, self.hit = fault, once, 0, False

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.hit = seed > 99 and seed % 2 == 0  # small seeds are the self-tests'
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.hit and self.steps == 150 and self.fault != "none":
            if self.once and Path(self.once).exists():
                self.hit = False
            else:
                if self.once:
                    Path(self.once).touch()
                print("last words", flush=True)
                if self.fault == "exit":
                    os._exit(7)
                time.sleep(600)
        return np.zeros(2, np.float32), 1.0, self.steps % 10 == 0, False, {}

gymnasium.register("World-v0", World)
"""


@pytest.fixture(scope="module", autouse=True)
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder from which every worker imports `faulty`, however it is started."""
    place = tmp_path_factory.mktemp("worlds")
    (place / "faulty.py").write_text(WORLD)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPO), str(place)]))
        yield place


@pytest.fixture(scope="module")
def cluster(worlds: Path) -> Iterator[Any]:
    """A Dask cluster that was there before us: two workers of one thread."""
    made: Any = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    )
    yield made
    made.close()


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Slurm of one machine, before everything else in the PATH; nothing of it outlives the test."""
    place = tmp_path / "slurm"
    place.mkdir()
    program = f"#!{sys.executable}\n" + Path(fake_slurm.__file__).read_text()
    for name in ("sbatch", "squeue", "scancel", "srun"):
        (place / name).write_text(program)
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "QUEUE_SECONDS", 0.5)
    yield place
    for path in (place / "state").glob("*/*"):
        if path.name.isdigit() or path.name == "controller":
            with suppress(ProcessLookupError, ValueError):
                os.killpg(int(path.read_text()), signal.SIGKILL)


@pytest.fixture(params=["local", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dask", "slurm"))])
def executor_config(request: pytest.FixtureRequest) -> ExecutorConfig:
    """Two workers of each executor."""
    if request.param == "dask":
        return ExecutorConfig(0, "dask", scheduler=request.getfixturevalue("cluster").scheduler_address)
    if request.param == "slurm":
        request.getfixturevalue("queue")
    return ExecutorConfig(2, request.param)


def task(runs: Sequence[Run], folder: Path) -> Task:
    lanes = [{"path": run.path, "key": run.key, "config": run.config, "attempts": 1} for run in runs]
    git = {"commit": None, "dirty": None}
    job = {"folder": str(folder), "label": runs[0].label, "weights": True, "lanes": lanes, "git": git}
    return {"kind": "cohort", "job": job}


def world(fault: str, once: str = "", **changes: Any) -> Study:
    args = {"fault": fault, "once": once}
    return load.from_document(
        document(
            envs=["faulty:World-v0"],
            allow_modules=["faulty"],
            variants=["dqn"],
            env={"faulty:World-v0": {"args": args}},
            record={"probe_every": 0, "eval_every": 0},
            entropy=15,  # environment seeds: even for seed 1, odd for 0, 2 and the random policy
            **changes,
        )
    )


def carried_out(
    executor_config: ExecutorConfig, folder: Path, tasks: Sequence[Task]
) -> tuple[list[TaskResult], int]:
    """How the tasks ended, and the lane-steps that were reported."""
    reported: list[int] = []
    executor = executors.make(executor_config, folder)
    try:
        return list(executor.run(tasks, reported.append)), sum(reported)
    finally:
        executor.stop()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The series and weights of the small study, trained in this process."""
    folder = tmp_path_factory.mktemp("expected")
    for group in grid.cohorts(load.from_document(document()).runs(), 1):
        train(task(group, folder)["job"], lambda steps: None)
    return series(folder)


def series(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("runs/*/*/*/*"))
        if path.name != store.MANIFEST
    }


# ---- the contract ----


def test_cohorts_come_out_with_the_same_bits_and_every_lane_step_is_reported(
    executor_config: ExecutorConfig, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    study, folder = load.from_document(document()), tmp_path / "small"
    scoring = {"kind": "random_policy", "env_id": "CartPole-v1", "env_args": {}, "entropy": 0}
    tasks = [*(task(group, folder) for group in grid.cohorts(study.runs(), 1)), scoring]
    task_result, reported = carried_out(executor_config, folder, tasks)
    assert [each.status for each in task_result] == ["done"] * 3, [each.reason for each in task_result]
    assert series(folder) == expected
    assert reported == sum(each.steps for each in task_result) == 6 * 200
    (score,) = [each.result for each in task_result if each.task == scoring]
    assert 15 < score["mean_return"] < 30
    assert all(store.inspect(folder / run.path, run.key).is_valid for run in study.runs())


def test_a_worker_that_dies_costs_its_own_task_and_the_executor_goes_on(
    executor_config: ExecutorConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    fatal, calm = task(world("exit").runs(), folder), task(world("none").runs(), folder)
    reported: list[int] = []
    executor = executors.make(executor_config, folder)
    try:
        first = list(executor.run([fatal, calm], reported.append))
        again = list(executor.run([calm], reported.append))
    finally:
        executor.stop()
    task_result = {"fatal" if each.task == fatal else "calm": each for each in first}
    assert (task_result["fatal"].status, task_result["calm"].status, len(first)) == ("died", "done", 2)
    assert task_result["fatal"].reason
    assert [each.status for each in again] == ["done"]
    assert sum(reported) == sum(each.steps for each in [*first, *again])
    assert task_result["calm"].steps == 600


@pytest.mark.slow
def test_a_task_that_hangs_is_ended_over_its_limit(executor_config: ExecutorConfig, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    limited = ExecutorConfig(
        executor_config.jobs, executor_config.executor, timeout=4.0, scheduler=executor_config.scheduler
    )
    began = time.monotonic()
    (task_result,), _ = carried_out(limited, folder, [task(world("hang").runs(), folder)])
    assert (task_result.status, task_result.cause) == ("timeout", "no progress for 4 seconds")
    assert time.monotonic() - began < 120


def test_stopping_ends_the_work_soon_and_leaves_nothing_half_written(
    executor_config: ExecutorConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    long = document()["settings"] | {"total_timesteps": 5_000_000}
    study = load.from_document(document(settings=long, variants=["dqn"]))
    others = set(multiprocessing.active_children())
    executor = executors.make(executor_config, folder)
    training = threading.Event()
    work = executor.run([task(study.runs(), folder)], lambda steps: training.set() if steps else None)
    waiting = threading.Thread(target=lambda: _drain(work), daemon=True)
    waiting.start()
    try:
        assert training.wait(600)
    finally:
        stopped = time.monotonic()
        executor.stop()
    assert time.monotonic() - stopped < promised(5)
    assert list(folder.glob("runs/**/*")) == []
    at_rest = time.monotonic() + 120
    while _at_work(executor_config, others) and time.monotonic() < at_rest:
        time.sleep(0.1)
    assert not _at_work(executor_config, others)


def _drain(work: Iterator[TaskResult]) -> None:
    with suppress(Exception):
        list(work)


def _at_work(executor_config: ExecutorConfig, others: set[Any]) -> bool:
    if executor_config.executor == "dask":
        with distributed.Client(executor_config.scheduler, set_as_default=False) as client:
            return any(client.processing().values()) or any(map(_busy, client.run(_executing).values()))
    if executor_config.executor == "slurm":
        return bool(slurm.queued("4700"))
    return bool(set(multiprocessing.active_children()) - others)


def _executing(dask_worker: Any) -> int:
    return len(dask_worker.state.executing)


def _busy(executing: int) -> bool:
    return executing > 0


OWN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Mean:
    slot, kind = "bootstrap", "mean"

    def __call__(self, batch, q, q_target):
        return batch.reward + batch.discount * q_target(batch.next_obs).mean(-1)
"""


def test_workers_find_the_pieces_of_a_study_and_run_no_other_code_than_was_asked_for(
    executor_config: ExecutorConfig, tmp_path: Path
) -> None:
    own = tmp_path / "mean.py"
    own.write_text(OWN)
    tables = {"mean": {"bootstrap": "mean"}}
    asked = document(variants=["dqn", "mean"], variant=tables, pieces=["mean.py"], seeds=1)
    study = load.from_document(asked, str(tmp_path / "mine.toml"))
    outcomes = []
    for name in ("first", "second"):
        outcomes.append(
            grid.run(
                study,
                tmp_path / name,
                executor_config=executor_config,
                progress=Notes(),
            )
        )
        own.write_text("raise SystemExit(3)")
    assert [[each.state for each in outcome.statuses.values()] for outcome in outcomes] == [
        ["ok", "ok"],
        ["ok", "failed"],
    ]
    manifest = list(outcomes[1].statuses.values())[1].manifest
    assert manifest is not None
    assert "'mean.py' has changed: its digest was" in manifest["error"]["message"]


@pytest.mark.slow
def test_a_worker_that_dies_once_costs_nothing_and_one_that_always_dies_only_its_run(
    executor_config: ExecutorConfig, tmp_path: Path
) -> None:
    once, always = world("exit", str(tmp_path / "mark"), name="once"), world("exit", seeds=2)
    notes = Notes()
    outcome = grid.run(once, tmp_path / "once", executor_config=executor_config, progress=notes)
    assert outcome.valid == outcome.chosen == 3
    assert notes.done == 600
    told = any("trying again" in note for note in notes.notes)
    assert told or executor_config.executor == "dask"  # whose scheduler may have tried again unasked
    outcome = grid.run(always, tmp_path / "small", executor_config=executor_config, progress=Notes())
    states = sorted(status.state for status in outcome.statuses.values())
    assert states == ["died", "ok"]
