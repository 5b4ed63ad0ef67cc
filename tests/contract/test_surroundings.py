"""Where and how the command line is called: other places, locales and limits give the same bits or a clear message."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .outside import (
    REPO,
    Answer,
    ablations,
    assert_answered,
    assert_refused,
    committed,
    episodes_bytes,
    fingerprint,
    names_in,
    runs_in,
    surroundings,
    write_study,
)

PYTHON = [sys.executable, "-m", "ablations"]


def called(*words: str, cwd: Path, env: dict[str, str], prepare: Callable[[], None] | None = None) -> Answer:
    return subprocess.run(
        [*PYTHON, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=600,
        preexec_fn=prepare,
    )


def test_bits_and_words_do_not_depend_on_locale_clock_home_hashes_threads_or_the_name_of_the_place(
    tmp_path: Path,
) -> None:
    write_study(tmp_path)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)

    odd = tmp_path / "a folder é 日本"
    odd.mkdir()
    write_study(odd, file="stüdy one.toml")
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPO),
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "77",
        "OMP_NUM_THREADS": "4",
    }
    answer = called("run", "stüdy one.toml", "--results", "ré sults", "--jobs", "2", cwd=odd, env=env)
    assert_answered(answer, 0)
    assert "ré sults/tiny" in answer.stdout
    assert episodes_bytes(odd / "ré sults" / "tiny") == episodes_bytes(tmp_path / "results" / "tiny")
    answer = called("status", "stüdy one.toml", "--results", "ré sults", cwd=odd, env=env)
    assert_answered(answer, 0)
    assert "2 of 2 runs are valid" in answer.stdout


def test_a_run_with_all_its_streams_closed_gives_the_same_bits(finished: Path, tmp_path: Path) -> None:
    shutil.copy(finished / "tiny.toml", tmp_path)
    command = 'exec "$0" -m ablations run tiny.toml --variants dqn --seeds 1 <&- >&- 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable], cwd=tmp_path, env=surroundings(tmp_path), timeout=120
    )
    assert done.returncode == 0
    whole = episodes_bytes(finished / "results" / "tiny")
    (run,) = [run for run in runs_in(tmp_path / "results" / "tiny") if run["label"] == "dqn"]
    data = (tmp_path / "results" / "tiny" / run["path"] / "episodes.parquet").read_bytes()
    assert data == whole[run["env_id"], "dqn", 0]


def files_of_at_most(size: int) -> Callable[[], None]:
    """Every write beyond this size of a file fails, as on a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_result_that_finds_no_room_is_told_and_the_study_can_be_finished(tmp_path: Path) -> None:
    # Weights of 128 x 128 numbers take more than the limit, all other files take less.
    write_study(
        tmp_path,
        {"seeds": 2},
        {"total_timesteps": 200},
        "[record]\nweights = true\n",
        slots={"trunk": {"hidden": [128, 128]}},
    )
    env = surroundings(tmp_path)
    answer = called(
        "run", "tiny.toml", "--jobs", "1", cwd=tmp_path, env=env, prepare=files_of_at_most(40_000)
    )
    assert_answered(answer, 1)
    (line,) = [line for line in answer.stderr.splitlines() if "weights.npz" in line]
    assert "bytes are needed" in line
    assert "are free there" in line
    results = tmp_path / "results" / "tiny"
    assert committed(results) == set()
    assert not list(results.rglob("weights.npz"))
    assert not list(results.rglob("*.part"))
    assert_answered(ablations("status", "tiny.toml", cwd=tmp_path), 1)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)


def test_a_study_file_that_finds_no_room_is_told_and_nothing_lies_at_its_name(tmp_path: Path) -> None:
    write_study(tmp_path)
    answer = called(
        "run", "tiny.toml", cwd=tmp_path, env=surroundings(tmp_path), prepare=files_of_at_most(1_000)
    )
    assert_answered(answer, 1)
    assert "study.json" in answer.stderr
    assert names_in(tmp_path / "results" / "tiny") == {".grid"}
    assert_answered(ablations("run", "tiny.toml", cwd=tmp_path), 0)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    """/proc is the one folder that refuses the superuser, too."""
    write_study(tmp_path)
    for place in ("/proc", "/proc/absent"):
        answer = ablations("run", "tiny.toml", "--results", place, cwd=tmp_path)
        assert answer.returncode in {1, 2}
        assert "/proc" in answer.stderr
        assert "Traceback" not in answer.stderr
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if not os.access(locked, os.W_OK):
        assert_refused(
            ablations("run", "tiny.toml", "--results", "locked", cwd=tmp_path), "--results", "locked"
        )
        assert_answered(ablations("plan", "tiny.toml", "--results", "locked", cwd=tmp_path), 0)


def test_a_finished_study_is_read_where_nothing_can_be_written(copied: Path) -> None:
    results = copied / "results"
    for path in sorted(results.rglob("*"), reverse=True):
        path.chmod(0o444 if path.is_file() else 0o555)
    try:
        assert_answered(ablations("status", "tiny.toml", cwd=copied), 0)
        assert_answered(ablations("verify", "tiny.toml", cwd=copied), 0)
    finally:
        for path in sorted(results.rglob("*")):
            path.chmod(0o644 if path.is_file() else 0o755)


def test_temporary_files_of_a_killed_runner_are_cleared_by_the_next(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = fingerprint(results)
    run = runs_in(results)[0]["path"]
    lost = [results / ".study.json.4711.part", results / run / ".episodes.parquet.4711.part"]
    for path in lost:
        path.write_bytes(b"half")
    assert_answered(ablations("run", "tiny.toml", cwd=copied), 0)
    assert not any(path.exists() for path in lost)
    assert fingerprint(results) == before


@pytest.mark.parametrize("place", ["run", "row", "study.json"])
def test_a_link_out_of_the_tree_is_put_aside_and_what_it_leads_to_is_left_alone(
    place: str, copied: Path
) -> None:
    results = copied / "results" / "tiny"
    series = episodes_bytes(results)
    run = results / runs_in(results)[0]["path"]
    linked = {"run": run, "row": run.parent, "study.json": results / "study.json"}[place]
    outside = copied / "outside"
    linked.rename(outside)
    linked.symlink_to(outside)
    before = sorted(path.relative_to(outside) for path in outside.rglob("*"))
    assert_answered(ablations("status", "tiny.toml", cwd=copied), 1)
    answer = ablations("run", "tiny.toml", cwd=copied)
    assert_answered(answer, 0)
    assert linked.name in answer.stderr
    assert not linked.is_symlink()
    assert episodes_bytes(results) == series
    assert sorted(path.relative_to(outside) for path in outside.rglob("*")) == before
    assert any(path.is_symlink() for path in (results / ".grid" / "quarantine").rglob("*"))
