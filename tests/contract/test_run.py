"""`run`: what a call makes and leaves alone, that equal runs have equal bytes, its lock and its signals."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .outside import (
    HEAR_CTRL_C,
    PLAIN,
    SLOW_SOFT,
    SMALL,
    ablations,
    assert_answered,
    begin,
    committed,
    episodes_bytes,
    fingerprint,
    manifest_of,
    names_in,
    read_json,
    rows_in,
    runs_in,
    surroundings,
    write_study,
)

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def test_running_again_runs_nothing_and_touches_nothing(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = fingerprint(results)
    answer = ablations("run", "tiny.toml", cwd=copied)
    assert_answered(answer, 0)
    assert not CONTROL.search(answer.stdout + answer.stderr)
    assert fingerprint(results) == before


def test_a_results_folder_that_moved_still_stands(copied: Path) -> None:
    shutil.move(copied / "results", copied / "else where")
    results = copied / "else where" / "tiny"
    before = fingerprint(results)
    for command in ("status", "verify", "run"):
        assert_answered(ablations(command, "tiny.toml", "--results", "else where", cwd=copied), 0)
    assert fingerprint(results) == before
    assert not (copied / "results").exists()


def test_a_label_an_added_variant_and_an_added_seed_rerun_nothing_that_stands(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before, listed = fingerprint(results), {run["path"] for run in runs_in(results)}
    label = SLOW_SOFT.replace("Soft, slowly", "Another name for people")
    write_study(copied, {"variants": ["dqn", "per", "slow-soft"], "seeds": 3}, tables=label)
    assert_answered(ablations("run", "tiny.toml", cwd=copied), 0)
    after = fingerprint(results)
    assert {path for path in before if after.get(path) != before[path]} <= {"study.json"}
    assert committed(results) == listed

    write_study(
        copied, {"variants": ["double", "dqn", "slow-soft", "per"], "seeds": [3, 0, 1, 2]}, tables=label
    )
    assert_answered(ablations("run", "tiny.toml", cwd=copied), 0)
    after = fingerprint(results)
    assert {path for path in before if after.get(path) != before[path]} == {"study.json"}
    assert committed(results) == {run["path"] for run in runs_in(results)}
    assert len(committed(results)) == 16
    assert [row["label"] for row in read_json(results / "study.json")["rows"]] == [
        "double",
        "dqn",
        "slow-soft",
        "per",
    ]


def test_a_deleted_manifest_reruns_only_its_run_to_identical_bytes(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before, series = fingerprint(results), episodes_bytes(results)
    run = runs_in(results)[1]
    (results / run["path"] / "manifest.json").unlink()
    assert_answered(ablations("status", "tiny.toml", cwd=copied), 1)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=copied), 0)
    after = fingerprint(results)
    changed = {path.rsplit("/", 1)[0] for path in after if after[path] != before[path]}
    assert changed == {run["path"]}
    assert episodes_bytes(results) == series
    assert manifest_of(results, run)["status"] == "ok"


def test_series_are_the_same_bits_with_other_jobs_rows_reversed_and_fewer_seeds(
    finished: Path, tmp_path: Path
) -> None:
    wide = episodes_bytes(finished / "results" / "tiny")
    write_study(tmp_path, {"variants": ["slow-soft", "per", "dqn"], "seeds": [2]}, tables=SLOW_SOFT)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    alone = episodes_bytes(tmp_path / "results" / "tiny")
    assert len(alone) == 3
    assert alone == {run: wide[run] for run in alone}

    write_study(tmp_path, {"variants": ["per", "dqn"], "seeds": [2, 7, 1, 0]}, file="two.toml")
    assert_answered(ablations("run", "two.toml", "--jobs", "2", "--results", "again", cwd=tmp_path), 0)
    again = episodes_bytes(tmp_path / "again" / "tiny")
    assert len(again) == 8
    shared = set(again) & set(wide)
    assert len(shared) == 6
    assert {run: again[run] for run in shared} == {run: wide[run] for run in shared}


def test_lanes_says_how_many_seeds_train_together_and_changes_no_bit(finished: Path, tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": 3})
    assert_answered(ablations("plan", "tiny.toml", "--lanes", "2", cwd=tmp_path), 0)
    assert_answered(ablations("run", "tiny.toml", "--lanes", "2", "--jobs", "1", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    assert sorted(manifest_of(results, run)["lanes"] for run in runs_in(results)) == [1, 2, 2]
    wide, series = episodes_bytes(finished / "results" / "tiny"), episodes_bytes(results)
    assert series == {run: wide[run] for run in series}
    assert {run["path"] for run in runs_in(results)} < {
        run["path"] for run in runs_in(finished / "results/tiny")
    }


def test_how_often_to_checkpoint_is_no_part_of_the_key(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = fingerprint(results)
    tables = SLOW_SOFT + PLAIN + "checkpoint_minutes = 7\n"
    write_study(copied, {"variants": ["dqn", "per", "slow-soft"], "seeds": 3}, tables=tables)
    assert_answered(ablations("plan", "tiny.toml", cwd=copied), 0)
    answer = ablations("run", "tiny.toml", cwd=copied)
    assert_answered(answer, 0)
    after = fingerprint(results)
    assert {path for path in after if after[path] != before.get(path)} <= {"study.json"}


def test_recording_more_changes_no_bit_of_the_series(finished: Path, tmp_path: Path) -> None:
    record = "[record]\nprobe_every = 100\neval_every = 200\neval_episodes = 2\nweights = true\n"
    write_study(tmp_path, {"seeds": [1]}, tables=record)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    (run,) = runs_in(results)
    files = {"episodes.parquet", "probes.parquet", "evaluations.parquet", "weights.npz"}
    assert names_in(results / run["path"]) == files | {"manifest.json"}
    assert set(manifest_of(results, run)["files"]) == files
    with np.load(results / run["path"] / "weights.npz", allow_pickle=False) as weights:
        assert all(np.isfinite(weights[name]).all() for name in weights.files)
    plain = episodes_bytes(finished / "results" / "tiny")
    assert episodes_bytes(results) == {run: plain[run] for run in episodes_bytes(results)}


def test_another_entropy_is_another_universe(finished: Path, tmp_path: Path) -> None:
    write_study(tmp_path, {"entropy": 1, "seeds": [0]})
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    (run,) = runs_in(tmp_path / "results" / "tiny")
    wide = finished / "results" / "tiny"
    (twin,) = [other for other in runs_in(wide) if (other["label"], other["seed"]) == ("dqn", 0)]
    assert run["key"] != twin["key"]
    other = manifest_of(wide, twin)["series_sha256"]
    assert manifest_of(tmp_path / "results" / "tiny", run)["series_sha256"] != other


def test_variants_and_envs_choose_what_runs_now_and_leave_the_study_whole(tmp_path: Path) -> None:
    sweep = '[sweep]\n"target.period" = [5, 50]\n'
    environments = ["CartPole-v1", "CartPole-v0"]
    top = {"envs": environments, "variants": ["dqn", "double", "no-target"], "seeds": 1}
    write_study(tmp_path, top, {"total_timesteps": 200}, sweep)
    results = tmp_path / "results" / "tiny"

    def run(*options: str) -> set[tuple[str, str]]:
        """The runs of the study that stand once this part of it was run."""
        committed_now = committed(begin(tmp_path, *options))
        assert len(runs_in(results)) == 10
        return {(each["env_id"], each["label"]) for each in runs_in(results) if each["path"] in committed_now}

    one = {("CartPole-v1", "dqn@target.period=50")}
    assert run("--envs", "CartPole-v1", "--variants", "dqn@target.period=50") == one
    assert len(rows_in(results)) == 5
    assert_answered(ablations("status", "tiny.toml", cwd=tmp_path), 1)
    doubles = ("double@target.period=5", "double@target.period=50")
    two = {(env_id, row) for env_id in environments for row in doubles}
    three = {("CartPole-v0", "dqn@target.period=50")}
    assert run("--variants", "double", "dqn@target.period=50") == one | two | three
    assert len(run("--envs", "CartPole-v0")) == 8


def test_seeds_and_steps_rewrite_the_study_and_keep_the_runs_left_behind(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = committed(results)
    begin(copied, "--seeds", "1", "--steps", "300", "--variants", "dqn")
    assert {row["settings"]["total_timesteps"] for row in rows_in(results).values()} == {300}
    assert [(run["label"], run["seed"]) for run in runs_in(results)] == [
        ("dqn", 0),
        ("per", 0),
        ("slow-soft", 0),
    ]
    (new,) = committed(results) - before
    assert read_json(results / new / "manifest.json")["steps"] == 300
    # What stood before is kept, and counted beside the study.
    assert before <= committed(results)
    answer = ablations("status", "tiny.toml", "--results", "results", cwd=copied)
    assert_answered(answer, 1)


def test_a_study_from_a_shipped_name_runs_under_that_name(tmp_path: Path) -> None:
    options = ["--steps", "200", "--seeds", "1", "--variants", "dqn", "--jobs", "1"]
    assert_answered(ablations("run", "smoke", *options, cwd=tmp_path), 0)
    assert committed(tmp_path / "results" / "smoke")
    assert names_in(tmp_path) == {"results"}


# ---------------------------------------------------------------- lock and signals


@contextmanager
def long_run(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A `run` that would last for an hour, in a process group of its own, seen at work; ended on leaving."""
    write_study(folder, {"seeds": 1}, {"total_timesteps": 10_000_000})
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ablations", "run", "tiny.toml", "--jobs", "1"],
            cwd=folder,
            env=surroundings(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=HEAR_CTRL_C,
        )
    try:
        deadline = time.monotonic() + 600
        while not (folder / "results" / "tiny" / "study.json").exists():
            assert process.poll() is None, (folder / "output").read_text(encoding="utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_second_runner_exits_3_and_an_interrupted_one_130(tmp_path: Path) -> None:
    with long_run(tmp_path) as process:
        answer = ablations("run", "tiny.toml", cwd=tmp_path)
        assert_answered(answer, 3)
        assert str(process.pid) in answer.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=600) == 130
    assert "Traceback" not in (tmp_path / "output").read_text(encoding="utf-8")
    assert committed(tmp_path / "results" / "tiny") == set()


def test_a_terminated_run_exits_143_and_the_study_runs_again(tmp_path: Path) -> None:
    with long_run(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=600) == 143
    assert "Traceback" not in (tmp_path / "output").read_text(encoding="utf-8")
    write_study(tmp_path, {"seeds": 1}, SMALL | {"total_timesteps": 200})
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
