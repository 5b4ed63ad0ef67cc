"""The grid and the local engine: what is missing runs, what stands stays, one fault costs one run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from ablations import store
from ablations.engines.hardware import MOST_LANES
from ablations.runner import grid, lock, order
from ablations.runner.executors import ExecutorConfig
from ablations.runner.progress import Progress
from ablations.runner.statuses import read_statuses
from ablations.store.paths import relative, without_folders
from ablations.studies import load
from ablations.studies.study import Study
from tests.contract.outside import HEAR_CTRL_C
from tests.faults.session import promised

REPOSITORY = Path(__file__).parents[3]

WORLD = """
import os, signal
import gymnasium
import numpy as np

class World(gymnasium.Env):
    # Does what `fault` says at its step `at`, if the seed of its reset is a multiple of `one_in`.
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, fault="none", at=150, one_in=2):
        self.fault, self.at, self.one_in, self.steps, self.hit = fault, at, one_in, 0, False
        self.window = iter(())  # nothing that can be written down

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.hit = seed % self.one_in == 0
        return self.observation_space.sample() * 0, {}

    def step(self, action):
        self.steps += 1
        if self.hit and self.steps == self.at and self.fault != "none":
            if self.fault == "raise":
                raise RuntimeError("the pole is on fire")
            print("last words", flush=True)
            if self.fault == "exit":
                os._exit(7)
            os.kill(os.getpid(), signal.SIGKILL)
        return np.zeros(2, np.float32), 1.0, self.steps % 10 == 0, False, {}

gymnasium.register("World-v0", World)
"""


class Notes(Progress):
    """A progress that remembers."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.notes: list[str] = []
        self.lock = threading.Lock()

    def start(self, total_steps: int, text: str) -> None:
        self.total += total_steps

    def advance(self, steps: int) -> None:
        with self.lock:
            self.done += steps

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> None:
        """Nothing to close."""


def document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "envs": ["CartPole-v1"],
        "seeds": 3,
        "baseline": "dqn",
        "variants": ["dqn", "per"],
        "settings": {"total_timesteps": 200, "learning_starts": 50, "batch_size": 8},
        "slots": {"trunk": {"hidden": [8]}},
        **changes,
    }


def run(study: Study, folder: Path, jobs: int = 2) -> tuple[grid.Outcome, Notes]:
    notes = Notes()
    return grid.run(study, folder, executor_config=ExecutorConfig(jobs), progress=notes), notes


def tables(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "small"
    outcome, notes = run(load.from_document(document()), folder)
    assert (outcome.chosen, outcome.new, outcome.valid) == (6, 6, 6)
    assert notes.total == notes.done == 6 * 200
    return folder


def test_a_second_call_trains_nothing(done: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in done.rglob("*") if p.is_file() and ".grid" not in p.parts}
    outcome, notes = run(load.from_document(document()), done)
    assert (outcome.new, outcome.valid, notes.total) == (0, 6, 0)
    assert before == {
        p: p.stat().st_mtime_ns for p in done.rglob("*") if p.is_file() and ".grid" not in p.parts
    }


def test_the_bits_do_not_depend_on_jobs_grid_order_or_the_other_seeds(done: Path, tmp_path: Path) -> None:
    alone, _ = run(load.from_document(document(seeds=[2])), tmp_path / "alone", jobs=1)
    assert alone.valid == 2
    backwards = document(variants=["per", "dqn"], seeds=[2, 1, 0])
    run(load.from_document(backwards), tmp_path / "backwards", jobs=1)
    assert tables(tmp_path / "backwards") == tables(done)
    assert tables(tmp_path / "alone").items() <= tables(done).items()


def test_study_json_holds_the_score_of_the_random_policy(done: Path) -> None:
    score = store.read_study(done)["environments"][0]["random_policy"]
    assert score["episodes"] == 100
    assert 15 < score["mean_return"] < 30


def test_a_damaged_run_is_quarantined_and_made_again_with_the_same_bits(done: Path) -> None:
    before = tables(done)
    victim = next(iter(before))
    (done / victim).write_bytes(b"PAR1 no more")
    outcome, notes = run(load.from_document(document()), done)
    assert (outcome.new, outcome.valid) == (1, 6)
    assert "digest" in notes.notes[0]
    assert (done / ".grid/quarantine" / victim).read_bytes() == b"PAR1 no more"
    runs = {name: data for name, data in tables(done).items() if not name.startswith(".grid")}
    assert runs == before


def test_statuses_name_stored_runs_that_the_study_does_not_list(done: Path) -> None:
    smaller = load.from_document(document(variants=["dqn"])).plain()
    statuses = read_statuses(smaller, done)
    assert statuses.valid == len(statuses.listed) == 3
    assert len(statuses.unlisted) == 3
    assert all("/per/" in path for path in statuses.unlisted)


def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, one_in: int = 2, **changes: Any
) -> Study:
    (tmp_path / "faulty.py").write_text(WORLD)
    monkeypatch.syspath_prepend(str(tmp_path))
    return load.from_document(
        document(
            envs=["faulty:World-v0"],
            allow_modules=["faulty"],
            seeds=6,
            env={"faulty:World-v0": {"args": {"fault": fault, "one_in": one_in}}},
            **changes,
        )
    )


def test_an_environment_that_raises_fails_its_own_run_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "results" / "small"
    study = world(tmp_path, monkeypatch, "raise", record={"probe_every": 0, "eval_every": 0})
    outcome, notes = run(study, folder)
    failed = [path for path, status in outcome.statuses.items() if status.state == "failed"]
    assert 0 < len(failed) < 12
    assert outcome.valid == 12 - len(failed)
    assert sum(": failed: " in note for note in notes.notes) == len(failed)
    manifest = json.loads((folder / failed[0] / "manifest.json").read_text())
    assert manifest["error"]["message"] == "the pole is on fire"
    assert manifest["steps"] == 150
    assert manifest["error"]["traceback"][-1].startswith("faulty.py:")
    assert str(tmp_path) not in json.dumps(manifest)
    again, _ = run(study, folder)
    assert again.new == 0
    assert json.loads((folder / failed[0] / "manifest.json").read_text())["attempts"] == 2

    monkeypatch.setattr("ablations.runner.grid.make", None)  # nothing may start for valid runs
    unharmed = [each for each in study.runs() if each.path not in failed]
    calm = grid.run(
        study, folder, executor_config=ExecutorConfig(), select=lambda _: unharmed, progress=Notes()
    )
    assert calm.valid == len(unharmed)


def test_an_environment_that_raises_while_it_is_probed_or_evaluated_fails_its_own_run_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"probe_every": 100, "eval_every": 20, "eval_episodes": 1}
    study = world(tmp_path, monkeypatch, "raise", one_in=5, record=record)
    outcome, _ = run(study, tmp_path / "results" / "small")
    states = [status.state for status in outcome.statuses.values()]
    assert 0 < states.count("failed") < 12
    assert states.count("failed") + states.count("ok") == 12


@pytest.mark.parametrize(("fault", "cause"), [("exit", "exit code 7"), ("kill", "signal SIGKILL")])
def test_a_worker_that_dies_is_recorded_with_its_cause_and_costs_no_other_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, cause: str
) -> None:
    folder = tmp_path / "results" / "small"
    study = world(tmp_path, monkeypatch, fault)
    calm = load.from_document(document())
    mixed = [*study.runs(), *calm.runs()]
    outcome = grid.run(
        study, folder, executor_config=ExecutorConfig(2), select=lambda _: mixed, progress=Notes()
    )
    states = {run.path: outcome.statuses[run.path].state for run in mixed}
    assert all(states[run.path] == "ok" for run in calm.runs())
    died = [path for path, state in states.items() if state == "died"]
    assert died
    manifest = json.loads((folder / died[0] / "manifest.json").read_text())
    assert manifest["error"]["message"] == cause
    assert "last words" in manifest["error"]["traceback"]


def test_what_a_worker_was_writing_when_it_was_killed_is_cleared_away_at_the_end(tmp_path: Path) -> None:
    study = load.from_document(document(variants=["dqn"]))
    left = [tmp_path / study.runs()[0].path, tmp_path / ".grid" / "checkpoints"]

    class Killed(Notes):
        def start(self, total_steps: int, text: str) -> None:
            """Training begins: what earlier runners left has been cleared away by now."""
            super().start(total_steps, text)
            for place in left:
                place.mkdir(parents=True, exist_ok=True)
                (place / ".file.4711.part").write_bytes(b"half")

    grid.run(study, tmp_path, executor_config=ExecutorConfig(), progress=Killed())
    assert list(tmp_path.rglob("*.part")) == []


def test_a_second_runner_is_told_who_holds_the_study(tmp_path: Path) -> None:
    study = load.from_document(document())
    with lock.hold(tmp_path), pytest.raises(lock.Held, match=f"pid {os.getpid()}"):
        grid.run(study, tmp_path, executor_config=ExecutorConfig(), progress=Notes())


def script(tmp_path: Path, **changes: Any) -> subprocess.Popen[str]:
    """A driver of its own, as `ablations.run` in a plain script without a main guard."""
    values = document(settings={**document()["settings"], "total_timesteps": 2_000_000}, **changes)
    (tmp_path / "driver.py").write_text(
        textwrap.dedent(
            f"""
            from pathlib import Path
            from ablations.runner import grid
            from ablations.studies import load
            from ablations.runner.executors import ExecutorConfig
            from tests.ablations.runner.test_grid import Notes
            print("started", flush=True)
            study = load.from_document({values!r})
            small, two = Path({str(tmp_path / "small")!r}), ExecutorConfig(2)
            grid.run(study, small, executor_config=two, progress=Notes())
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        preexec_fn=HEAR_CTRL_C,
    )


def members(session: int) -> list[int]:
    """The processes of a session: workers have process groups of their own."""
    listed = subprocess.run(["ps", "-eo", "pid,sid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    return [int(pid) for pid, sid, stat in rows if int(sid) == session and not stat.startswith("Z")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_do_not_outlive_their_driver(tmp_path: Path, how: signal.Signals) -> None:
    driver = script(tmp_path)
    try:
        _end_and_see_all_gone(driver, tmp_path, how)
    finally:  # whatever failed, nothing goes on running
        for pid in members(driver.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _end_and_see_all_gone(driver: subprocess.Popen[str], tmp_path: Path, how: signal.Signals) -> None:
    assert driver.stdout is not None
    assert driver.stdout.readline() == "started\n"
    deadline = time.monotonic() + 240
    while len(members(driver.pid)) < 5 and time.monotonic() < deadline:
        time.sleep(0.1)  # the driver, the fork server, a resource tracker, and two workers
    time.sleep(1.0)
    os.kill(driver.pid, how)
    driver.wait(timeout=60)
    deadline = time.monotonic() + promised(5)
    while members(driver.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert members(driver.pid) == []
    assert driver.stdout.read() == ""  # and the script was not run again in the workers
    with lock.hold(tmp_path / "small"):
        pass  # a lock left by a dead driver does not block


def test_cohorts_leave_no_job_idle_and_never_mix_rows() -> None:
    study = load.from_document(document(seeds=10, variants=["dqn", "per", "double"]))
    pieces = grid.cohorts(study.runs(), jobs=2)
    assert [len(piece) for piece in pieces] == [10, 10, 5, 5]
    assert all(len({run.label for run in piece}) == 1 for piece in pieces)
    assert [run for piece in pieces for run in piece] == study.runs()


def test_the_baseline_is_trained_first_then_what_takes_longest() -> None:
    names = ["naive", "per", "dqn", "no-replay", "dueling-deep", "double"]
    study = load.from_document(document(variants=names, settings={}, slots={}))
    runs = study.runs()
    ordered = order.baseline_then_longest(study, runs[1:])
    labels = [label for label, _ in groupby(ordered, key=lambda run: run.label)]
    assert labels == ["dqn", "dueling-deep", "double", "per", "no-replay", "naive"]  # one naive run less
    assert sorted(ordered, key=runs.index) == runs[1:]
    assert [run.seed for run in ordered if run.label == "naive"] == [1, 2]


def test_effort_grows_with_what_makes_a_run_longer() -> None:
    def of(variant: str = "dqn", seeds: int = 1, hidden: Sequence[int] = (64, 64), **settings: Any) -> float:
        names = list(dict.fromkeys(["dqn", variant]))
        slots = {"trunk": {"hidden": list(hidden)}}
        study = load.from_document(document(seeds=seeds, variants=names, settings=settings, slots=slots))
        return order.multiplications([run for run in study.runs() if run.label == variant])

    assert of(seeds=2) == of(total_timesteps=100_000) == 2 * of()
    assert of(train_frequency=2) == pytest.approx(of() / 2)
    assert of(hidden=[128, 128]) > 3 * of()


def test_a_cohort_never_has_more_lanes_than_the_most() -> None:
    study = load.from_document(document(seeds=150, variants=["dqn"]))
    assert max(len(piece) for piece in grid.cohorts(study.runs(), jobs=1)) <= MOST_LANES


def test_frames_of_a_traceback_name_no_folder_of_this_machine() -> None:
    assert (
        relative(str(Path("home", "me", "repo", "ablations", "dqn", "learner.py")))
        == "ablations/dqn/learner.py"
    )
    assert (
        relative(str(Path("x", "site-packages", "gymnasium", "core.py"))) == "site-packages/gymnasium/core.py"
    )
    assert relative(str(Path("home", "me", "my_env.py"))) == "my_env.py"


def test_a_text_loses_the_folders_of_this_machine_and_keeps_the_rest() -> None:
    text = """File "/home/me/my env/x.py", line 3: can't open '/data/maps/a.json' (/usr/lib/b.so), see https://x.org/y/z"""
    assert without_folders(text) == (
        """File "x.py", line 3: can't open 'a.json' (b.so), see https://x.org/y/z"""
    )
