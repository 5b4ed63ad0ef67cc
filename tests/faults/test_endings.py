"""However a driver ends, its workers end with it, what is finished stays, and the same command runs the rest."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.outside import (
    ablations,
    assert_answered,
    assert_refused,
    committed,
    manifest_of,
    runs_in,
    write_study,
)

from .grounds import ended_by, start
from .session import assert_none_left, members, promised

# Once the file `stuck` lies beside it, a step never ends; the interpreter is let go or kept.
STUCK = """
import pathlib, re, signal, threading, time
import gymnasium
import numpy as np

class Stuck(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    here = pathlib.Path(__file__).parent

    def __init__(self, how="sleep"):
        self.how, self.steps = how, 0

    def reset(self, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.steps == 1500 and (self.here / "stuck").exists():
            if threading.current_thread() is threading.main_thread():  # a Dask worker's tasks have another
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (self.here / "reached").touch()
            if self.how == "sleep":
                time.sleep(3600)
            re.match("(a+)+$", "a" * 64 + "b")
        return np.zeros(2, np.float32), 1.0, self.steps % 10 == 0, False, {}

gymnasium.register("Stuck-v0", Stuck)
"""
RECORD = "[record]\nprobe_every = 0\neval_every = 0\n"


def stuck_study(folder: Path, how: str, seeds: int = 1) -> None:
    (folder / "stuckenv.py").write_text(STUCK, encoding="utf-8")
    (folder / "stuck").touch()
    write_study(
        folder,
        {"envs": ["stuckenv:Stuck-v0"], "allow_modules": ["stuckenv"], "seeds": seeds},
        {"total_timesteps": 2000, "train_frequency": 8},
        RECORD + f'[env."stuckenv:Stuck-v0"]\nargs = {{ how = "{how}" }}\n',
    )


@contextmanager
def stuck_run(folder: Path, how: str, executor: str = "local") -> Iterator[subprocess.Popen[bytes]]:
    """A `run` whose only worker is stuck and deaf to SIGTERM, in a session of its own."""
    stuck_study(folder, how)
    process = start(folder, folder / "output", ("run", "tiny.toml", "--jobs", "1", "--executor", executor))
    try:
        deadline = time.monotonic() + 600
        while not (folder / "reached").exists():
            assert process.poll() is None, said(folder)
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        yield process
    finally:
        ended_by(process)


def said(folder: Path) -> str:
    return (folder / "output").read_text(encoding="utf-8")


@pytest.mark.faults
@pytest.mark.parametrize("executor", ["local", "dask"])
@pytest.mark.parametrize("how", ["sleep", "keep the interpreter"])
def test_workers_are_gone_within_two_seconds_of_a_killed_driver(
    how: str, executor: str, tmp_path: Path
) -> None:
    with stuck_run(tmp_path, how, executor) as process:
        assert len(members(process.pid)) >= 3
        process.kill()
        process.wait()
        assert_none_left(process.pid)
    # Its lock blocks nobody, and the same command does what was left.
    (tmp_path / "stuck").unlink()
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)


@pytest.mark.faults
@pytest.mark.parametrize("executor", ["local", "dask"])
@pytest.mark.parametrize(
    ("signum", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_workers_that_refuse_within_five_seconds(
    signum: signal.Signals, code: int, word: str, executor: str, tmp_path: Path
) -> None:
    with stuck_run(tmp_path, "sleep", executor) as process:
        started = time.monotonic()
        process.send_signal(signum)
        process.wait(timeout=600)
        assert time.monotonic() - started < promised(5)
        assert process.returncode == code
        assert f"{word}: what is finished is kept" in said(tmp_path)
        assert "Traceback" not in said(tmp_path)
        assert_none_left(process.pid)
    assert committed(tmp_path / "results" / "tiny") == set()


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    with stuck_run(tmp_path, "keep the interpreter") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=600)
        assert time.monotonic() - started < promised(1)
        assert process.returncode == 130
        assert "Traceback" not in said(tmp_path)


@pytest.mark.faults
def test_a_cohort_that_hangs_loses_only_the_runs_that_hang_and_the_next_run_tries_them_again(
    tmp_path: Path,
) -> None:
    stuck_study(tmp_path, "sleep", seeds=2)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", "--timeout", "2", cwd=tmp_path), 1)
    results = tmp_path / "results" / "tiny"
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        assert manifest["status"] == "timeout"
        assert manifest["error"]["message"] == "no progress for 2 seconds"
        assert any("stuckenv.py" in line for line in manifest["error"]["traceback"])
        assert str(tmp_path) not in (results / run["path"] / "manifest.json").read_text(encoding="utf-8")
    answer = ablations("status", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 1)
    assert "timeout" in answer.stdout
    (tmp_path / "stuck").unlink()
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    assert {manifest_of(results, run)["attempts"] for run in runs_in(results)} == {4}


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--timeout", "0", "seconds"),
        ("--timeout", "soon", "seconds"),
        ("--memory", "4", "4G"),
        ("--memory", "lots", "4G"),
        ("--memory", "0G", "4G"),
        ("--executor", "loca", "local"),
        ("--executor", "native", "--engine"),
        ("--engine", "nativ", "native"),
    ],
)
def test_a_limit_an_executor_or_an_engine_that_makes_no_sense_is_refused(
    option: str, value: str, expected: str, tmp_path: Path
) -> None:
    write_study(tmp_path)
    answer = ablations("run", "tiny.toml", option, value, cwd=tmp_path)
    assert_refused(answer, option, value, expected)
    assert not (tmp_path / "results").exists()
