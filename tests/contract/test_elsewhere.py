"""Work carried out elsewhere, by the command line: on a Dask cluster that may go away, by a Slurm array."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ablations import store
from ablations.runner import executors, grid
from ablations.runner.executors import ExecutorConfig
from ablations.studies import load
from tests.ablations.runner.executors.test_executors import series, task
from tests.ablations.runner.test_grid import Notes, document

from .outside import ablations, assert_answered, episodes_bytes, python, surroundings, write_study

RECORD = "[record]\nprobe_every = 0\neval_every = 0\n"


@contextmanager
def dask_program(folder: Path, *words: str, until: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program of dask's, from when it says something that matches ``until``; with what it matched."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        cwd=folder,
        env=surroundings(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:  # ends where the program does
            lines.append(line)
            found = re.search(until, line)
            if found:
                break
        else:
            raise AssertionError("".join(lines))
        yield process, found[1]
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def through(address: str) -> tuple[str, ...]:
    return "--executor", "dask", "--scheduler", address


@pytest.mark.slow
def test_a_lost_scheduler_ends_in_a_message_and_exit_1_and_what_is_finished_is_kept(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": 2}, {"total_timesteps": 2_000_000}, RECORD)
    here = ("--host", "127.0.0.1", "--no-dashboard")
    with dask_program(tmp_path, "scheduler", *here, "--port", "0", until=r"Scheduler at:\s+(tcp://\S+)") as (
        scheduler,
        address,
    ):
        worker = dask_program(tmp_path, "worker", address, *here, "--nthreads", "1", until=r"(Registered) to")
        with worker:
            driver = subprocess.Popen(
                [sys.executable, "-m", "ablations", "run", "tiny.toml", *through(address)],
                cwd=tmp_path,
                env=surroundings(tmp_path),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                deadline = time.monotonic() + 600
                while not (tmp_path / "results" / "tiny" / ".grid" / "progress.json").exists():
                    assert driver.poll() is None, driver.communicate()[0]
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                scheduler.send_signal(signal.SIGKILL)
                output = driver.communicate(timeout=600)[0]
            finally:
                driver.kill()
    assert driver.returncode == 1, output
    assert f"the Dask scheduler at {address}" in output
    assert "what is finished is kept" in output
    assert "Traceback" not in output


def test_where_no_scheduler_is_a_message_and_exit_1_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ablations.runner.executors import dask

    monkeypatch.setattr(dask, "CONNECT_SECONDS", 1)
    with pytest.raises(executors.ExecutorLost, match="no Dask scheduler answers at"):
        executors.make(ExecutorConfig(0, "dask", scheduler="tcp://127.0.0.1:9"), tmp_path / "small")


@pytest.mark.slow
def test_a_worker_that_does_not_see_the_folder_sends_its_results_and_the_driver_commits_them(
    tmp_path: Path,
) -> None:
    study = load.from_document(document())
    executor = executors.make(ExecutorConfig(1, "dask"), tmp_path / "away")
    try:
        (token,) = (tmp_path / "away" / ".grid").glob(".token-*")
        token.unlink()  # what a worker on another machine would find: nothing
        cohorts = [task(group, tmp_path / "away") for group in grid.cohorts(study.runs(), 1)]
        assert [result.status for result in executor.run(cohorts, lambda steps: None)] == ["done"] * len(
            cohorts
        )
    finally:
        executor.stop()
    grid.run(study, tmp_path / "here", executor_config=ExecutorConfig(1), progress=Notes())
    assert series(tmp_path / "away").keys() >= series(tmp_path / "here").keys() != set()
    for name, data in series(tmp_path / "here").items():
        assert series(tmp_path / "away")[name] == data
    status = [store.inspect(tmp_path / "away" / run.path, run.key) for run in study.runs()]
    reasons = {each.manifest["checkpoints"]["none_because"] for each in status if each.manifest}
    assert reasons == {"its worker does not see the results folder"}


@pytest.mark.slow
def test_without_a_queue_the_array_is_written_and_its_tasks_can_be_carried_out_by_hand(
    tmp_path: Path,
) -> None:
    write_study(tmp_path, tables=RECORD)
    (tmp_path / "bin").mkdir()
    alone = {"PATH": str(tmp_path / "bin")}  # no sbatch
    words = ("run", "tiny.toml", "--executor", "slurm", "--jobs", "2")
    answer = python("-m", "ablations", *words, cwd=tmp_path, **alone)
    assert_answered(answer, 1)
    place = tmp_path / "results" / "tiny" / ".grid" / "slurm" / "0001"
    assert "an array of 2 tasks was written and not submitted" in answer.stderr
    assert f"sbatch {place / 'array.sh'}" in answer.stderr
    script = (place / "array.sh").read_text()
    assert "#SBATCH --array=0-1%2" in script
    assert f"-m ablations cohort {place / 'tasks.json'} --index $SLURM_ARRAY_TASK_ID" in script
    for index in ("0", "1"):
        assert_answered(ablations("cohort", str(place / "tasks.json"), "--index", index, cwd=tmp_path), 0)
    again = python("-m", "ablations", *words, cwd=tmp_path, **alone)
    assert_answered(again, 0)
    assert "2 of 2 runs are valid (0 trained now)" in again.stdout
    assert_answered(ablations("run", "tiny.toml", "--results", "local", cwd=tmp_path), 0)
    local, array = (episodes_bytes(tmp_path / name / "tiny") for name in ("local", "results"))
    assert local == array
    assert_answered(ablations("cohort", str(place / "tasks.json"), "--index", "2", cwd=tmp_path), 2)
