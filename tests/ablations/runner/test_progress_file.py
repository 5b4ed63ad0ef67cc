"""What another terminal sees of a study that is being run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ablations.cli.status import pace
from ablations.runner import lock, progress_file
from ablations.runner.progress import Progress
from tests.contract.outside import HEAR_CTRL_C, ablations, assert_answered, surroundings, write_study

LONG = {"total_timesteps": 5_000_000, "learning_starts": 1000}


def start(*args: str, cwd: Path, stdout: Any = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ablations", *args],
        cwd=cwd,
        env=surroundings(cwd),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=HEAR_CTRL_C,
    )


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=600)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study."""
    place = tmp_path_factory.mktemp("trained")
    tables = "[record]\nprobe_every = 200\neval_every = 200\neval_episodes = 2\n"
    write_study(place, {"seeds": 2}, tables=tables)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=place), 0)
    return place


@pytest.fixture
def done(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "done"))


# ---- how far it is ----


def test_a_runner_is_seen_while_it_lives_and_holds_the_study(tmp_path: Path) -> None:
    assert progress_file.runner(tmp_path) is None
    progress = progress_file.ProgressFile(Progress(), tmp_path)
    with lock.hold(tmp_path):
        runner = progress_file.runner(tmp_path)
        assert runner is not None
        assert (runner.pid, runner.total) == (os.getpid(), 0)
        progress.start(1000, "small")
        progress.advance(10)
        progress.due = 0.0
        progress.advance(240)
        runner = progress_file.runner(tmp_path)
        assert runner is not None
        assert (runner.done, runner.total) == (250, 1000)
        progress.finish()
        assert not (tmp_path / ".grid" / progress_file.FILE).exists()
    assert progress_file.runner(tmp_path) is None


def test_a_runner_that_was_killed_is_not_taken_for_one_at_work(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    grid = tmp_path / ".grid"
    grid.mkdir()
    holder = {"pid": gone.pid, "host": os.uname().nodename, "since": "2026-01-01"}
    (grid / "holder.json").write_text(json.dumps(holder))
    assert progress_file.runner(tmp_path) is None
    (grid / "holder.json").write_text(json.dumps({**holder, "host": "elsewhere"}))
    assert progress_file.runner(tmp_path) is not None  # said so just now
    os.utime(grid / "holder.json", (0, 0))
    assert progress_file.runner(tmp_path) is None


# ---- what `status` says of it ----


def test_status_says_nothing_of_a_runner_where_there_is_none(done: Path) -> None:
    answer = ablations("status", "tiny.toml", cwd=done)
    assert_answered(answer, 0)
    assert "runs it" not in answer.stdout


@pytest.mark.slow
def test_status_says_who_runs_a_study_and_how_far_it_is_until_it_is_killed(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": 1}, LONG)
    running = start("run", "tiny.toml", "--jobs", "1", cwd=tmp_path)
    try:
        deadline = time.monotonic() + 600
        while "lane-steps/s" not in (said := ablations("status", "tiny.toml", cwd=tmp_path).stdout):
            assert time.monotonic() < deadline, said
        assert re.search(rf"pid {running.pid} on \S+ since \S+ runs it: \d+% done, [\d,]+ lane-steps/s", said)
        assert "0 of 1 runs are valid" in said
    finally:
        stop(running)
    answer = ablations("status", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 1)
    assert "runs it" not in answer.stdout


def test_a_pace_has_a_share_a_rate_and_a_time_left() -> None:
    runner = progress_file.Runner(7, "here", "noon", total=1000, done=250, started=100.0, at=105.0)
    assert pace(runner) == "pid 7 on here since noon runs it: 25% done, 50 lane-steps/s, 15s left"
    assert (
        pace(progress_file.Runner(7, "here", "noon"))
        == "pid 7 on here since noon runs it, and is getting ready"
    )
