"""What another terminal sees of a study that is being run: `status --watch`, and TensorBoard's event files."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ablations import store
from ablations.cli import main, watch
from ablations.recorders import tensorboard
from ablations.runner import lock, progress_file
from ablations.runner.progress import Silent
from tests.contract.outside import HEAR_CTRL_C, ablations, assert_answered, python, surroundings, write_study

LONG = {"total_timesteps": 5_000_000, "learning_starts": 1000}


def begun(*args: str, cwd: Path, stdout: Any = subprocess.PIPE) -> subprocess.Popen[str]:
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


def ended(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with event files."""
    place = tmp_path_factory.mktemp("trained")
    tables = "[record]\nprobe_every = 200\neval_every = 200\neval_episodes = 2\n"
    write_study(place, {"seeds": 2}, tables=tables)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", "--tensorboard", cwd=place), 0)
    return place


@pytest.fixture
def done(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "done"))


# ---- how far it is ----


def test_a_runner_is_seen_while_it_lives_and_holds_the_study(tmp_path: Path) -> None:
    assert progress_file.runner(tmp_path) is None
    told = progress_file.ProgressFile(Silent(), tmp_path)
    with lock.hold(tmp_path):
        found = progress_file.runner(tmp_path)
        assert found is not None
        assert (found.pid, found.total) == (os.getpid(), 0)
        told.start(1000, "small")
        told.advance(10)
        told.due = 0.0
        told.advance(240)
        found = progress_file.runner(tmp_path)
        assert found is not None
        assert (found.done, found.total) == (250, 1000)
        told.finish()
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


# ---- status --watch ----


def test_watching_through_a_pipe_prints_lines_until_the_study_is_done(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": 2, "variants": ["dqn", "no-target"]})
    watching = begun("status", "tiny.toml", "--watch", cwd=tmp_path)
    try:
        assert watching.stdout is not None
        assert "never run; nobody is running it" in watching.stdout.readline()
        assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
        said, _ = watching.communicate(timeout=60)
    finally:
        ended(watching)
    lines = said.splitlines()
    assert lines[-1].startswith("4 of 4 runs stand (")
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines[:-1])
    assert watching.returncode == 0
    assert "\x1b" not in said


def test_watching_a_finished_study_ends_at_once_and_an_unfinished_one_with_ctrl_c(done: Path) -> None:
    answer = ablations("status", "tiny.toml", "--watch", cwd=done)
    assert_answered(answer, 0)
    assert "2 of 2 runs stand; nobody is running it" in answer.stdout
    shutil.rmtree(next((done / "results/tiny").glob("runs/*/*/*")))
    watching = begun("status", "tiny.toml", "--watch", cwd=done)
    try:
        assert watching.stdout is not None
        assert "1 of 2 runs stand" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=60) == 130
        assert "Traceback" not in watching.stdout.read()
    finally:
        ended(watching)


@pytest.mark.slow
def test_watching_ends_when_the_runner_leaves_with_work_undone(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": 1}, LONG)
    running = begun("run", "tiny.toml", "--jobs", "1", cwd=tmp_path)
    watching = begun("status", "tiny.toml", "--watch", cwd=tmp_path)
    try:
        assert watching.stdout is not None
        line = ""
        while "lane-steps/s" not in line:
            line = watching.stdout.readline()
            assert line, "it ended before it saw the runner train"
        assert f"pid {running.pid} on" in line
        running.kill()
        said, _ = watching.communicate(timeout=60)
        assert "0 of 1 runs stand" in said.splitlines()[-1]
        assert watching.returncode == 1
    finally:
        ended(running)
        ended(watching)


def test_a_reader_that_leaves_ends_the_watch_quietly(done: Path) -> None:
    away = done / "away"
    shutil.move(next((done / "results/tiny").glob("runs/*/*/*")), away)
    watching = begun("status", "tiny.toml", "--watch", cwd=done)
    try:
        assert watching.stdout is not None
        assert "1 of 2 runs stand" in watching.stdout.readline()
        watching.stdout.close()
        shutil.rmtree(next((done / "results/tiny").glob("runs/*/*/*")))  # something to tell
        assert watching.wait(timeout=60) == 1
    finally:
        if watching.poll() is None:
            watching.kill()


def test_on_a_terminal_the_table_stays_in_its_place(done: Path) -> None:
    ours, theirs = pty.openpty()
    watching = begun("status", "tiny.toml", "--watch", cwd=done, stdout=theirs)
    os.close(theirs)
    said = b""
    try:
        with suppress(OSError):  # at the end the other side is closed
            while part := os.read(ours, 4096):
                said += part
        assert watching.wait(timeout=60) == 0
    finally:
        os.close(ours)
        if watching.poll() is None:
            watching.kill()
    assert b"environment" in said
    assert b"2 of 2 runs stand" in said


def test_a_run_that_has_not_changed_is_not_read_again(done: Path) -> None:
    folder = done / "results" / "tiny"
    look = watch.Looking(folder)
    first, second = look(), look()
    assert all(second.states[path] is standing for path, standing in first.states.items())
    path = next(iter(first.states))
    manifest = folder / path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert [look().states[each].is_valid for each in (path, *list(first.states)[1:])] == [False, True]


# ---- TensorBoard ----


def test_event_files_hold_the_stored_series(trained: Path) -> None:
    folder = trained / "results" / "tiny"
    for run in store.read_study(folder)["runs"]:
        seen = EventAccumulator(str(folder / tensorboard.FOLDER / run["path"].removeprefix("runs/"))).Reload()
        episodes = store.read_table(folder / run["path"])
        told = seen.Scalars("episodes/episodic_return")
        assert [event.step for event in told] == episodes.column("global_step").to_pylist()
        assert [event.value for event in told] == episodes.column("episodic_return").to_pylist()
        probes = store.read_table(folder / run["path"], "probes")
        at = [event.step for event in seen.Scalars("probes/q_mean")]
        assert at == probes.column("global_step").to_pylist()
        returns = store.read_table(folder / run["path"], "evaluations").column("episodic_return").to_pylist()
        executor_config = [(a + b) / 2 for a, b in zip(returns[::2], returns[1::2], strict=True)]
        assert [event.value for event in seen.Scalars("evaluations/episodic_return")] == pytest.approx(
            executor_config
        )


def test_event_files_change_no_result_and_are_never_read_as_one(
    done: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done)
    folder = done / "results" / "tiny"
    with_events = {path: path.read_bytes() for path in folder.glob("runs/**/*.parquet")}
    for path in (folder / tensorboard.FOLDER).rglob("events*"):
        path.write_bytes(b"nonsense")
    assert main(["verify", "tiny.toml"]) == 0
    assert main(["run", "tiny.toml"]) == 0
    assert "(0 trained now)" in capsys.readouterr().out
    shutil.rmtree(folder)
    assert main(["run", "tiny.toml", "--jobs", "1"]) == 0
    assert {path: path.read_bytes() for path in folder.glob("runs/**/*.parquet")} == with_events
    assert not (folder / tensorboard.FOLDER).exists()


def test_event_files_that_cannot_be_written_cost_no_run(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done)
    shutil.rmtree(done / "results/tiny/runs")
    shutil.rmtree(done / "results/tiny" / tensorboard.FOLDER)
    (done / "results/tiny" / tensorboard.FOLDER).write_text("a file is in the way")
    assert main(["run", "tiny.toml", "--jobs", "1", "--tensorboard"]) == 0


def test_without_tensorboard_the_option_names_the_line_that_installs_it(tmp_path: Path) -> None:
    write_study(tmp_path)
    program = (
        "import sys, importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'tensorboard' else found(name, *rest)\n"
        "from ablations.cli import main\n"
        "sys.exit(main(['run', 'tiny.toml', '--tensorboard']))\n"
    )
    answer = python("-c", program, cwd=tmp_path)
    assert_answered(answer, 2)
    assert (
        "--tensorboard: needs the package 'tensorboard', which is not installed: pip install tensorboard"
        in answer.stderr
    )
    assert not (tmp_path / "results").exists()
