"""The command line: exit codes, what a call makes and leaves alone, and that equal runs have equal bytes."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .outside import (
    HEAR_CTRL_C,
    SLOW_SOFT,
    SMALL,
    ablations,
    assert_answered,
    assert_refused,
    committed,
    episodes_bytes,
    fingerprint,
    imported,
    manifest_of,
    names_in,
    python,
    read_json,
    runs_in,
    surroundings,
    write_study,
)

NAMED = [
    "dqn",
    "no-replay",
    "consecutive",
    "no-target",
    "soft-target",
    "double",
    "inverse-double",
    "dueling",
    "dueling-deep",
    "per",
    "per-flat",
    "naive",
    "combined",
]
SHIPPED = [
    "core",
    "smoke",
    "classic",
    "per",
    "learning-rate",
    "reference",
    "replay",
    "target-period",
    "buffer-by-target",
    "width-depth",
    "as-taught",
]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
COLOR = re.compile(r"\x1b\[[0-9;]*?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")


def through_a_terminal(*args: str, cwd: Path, **more: str) -> str:
    """What `python *args` writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *args],
        cwd=cwd,
        env=surroundings(cwd, TERM="xterm-256color", **more),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux answers EIO once the other end is closed.
                break
            if not part:
                break
            written += part
        os.close(ours)
    assert process.returncode == 0, written.decode()
    return written.decode()


# ---------------------------------------------------------------- list, where, new


def test_list_names_studies_variants_and_slots_and_imports_no_torch(tmp_path: Path) -> None:
    answer = python("-X", "importtime", "-m", "ablations", "list", cwd=tmp_path)
    assert answer.returncode == 0
    words = set(re.findall(r"[a-z0-9-]+", answer.stdout))
    pieces = {"latest", "uniform", "prioritized", "none", "hard", "soft", "max", "linear"}
    assert words >= {*NAMED, *SHIPPED, "replay", "target", "bootstrap", "head", *pieces}
    assert "ablations" in imported(answer)
    assert not imported(answer) & {"torch", "pandas", "matplotlib"}
    assert names_in(tmp_path) == set()


def test_importing_the_store_brings_no_torch(tmp_path: Path) -> None:
    answer = python("-X", "importtime", "-c", "import ablations.store", cwd=tmp_path)
    assert answer.returncode == 0
    assert "torch" not in imported(answer)


def test_a_pipe_that_closes_early_ends_the_command_quietly(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m ablations list | head -1"
    answer = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.stdout.count("\n") == 1
    assert answer.stderr == ""


def test_a_pipe_that_nobody_reads_ends_the_command_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ablations", "list"],
        cwd=tmp_path,
        env=surroundings(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_no_color_is_honoured_in_a_terminal(copied: Path) -> None:
    for args in (["list"], ["run", "tiny.toml"], ["status", "tiny.toml"]):
        assert not COLOR.search(through_a_terminal("-m", "ablations", *args, cwd=copied, NO_COLOR="1"))


def test_help_is_there_for_the_program_and_for_each_command(tmp_path: Path) -> None:
    for args in ([], ["list"], ["new"], ["plan"], ["run"], ["status"], ["verify"], ["where"]):
        answer = ablations(*args, "--help", cwd=tmp_path)
        assert_answered(answer, 0)
        assert "usage" in answer.stdout.lower()
        assert not args or "--results" in answer.stdout


def test_where_prints_the_results_folder(tmp_path: Path) -> None:
    write_study(tmp_path)
    for args, place in (
        (["tiny.toml"], tmp_path / "results" / "tiny"),
        (["tiny.toml", "--results", "else"], tmp_path / "else" / "tiny"),
        (["core"], tmp_path / "results" / "core"),
        (["./tiny.toml"], tmp_path / "results" / "tiny"),
    ):
        answer = ablations("where", *args, cwd=tmp_path)
        assert_answered(answer, 0)
        (line,) = answer.stdout.splitlines()
        assert (tmp_path / line).resolve() == place.resolve()
    assert names_in(tmp_path) == {"tiny.toml"}


def test_a_new_study_is_commented_plans_and_runs(tmp_path: Path) -> None:
    assert_answered(ablations("new", "mine.toml", cwd=tmp_path), 0)
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    assert "#" in text
    name = tomllib.loads(text)["name"]
    assert_answered(ablations("plan", "mine.toml", cwd=tmp_path), 0)
    options = ["--steps", "200", "--seeds", "1", "--variants", "dqn", "--jobs", "1"]
    assert_answered(ablations("run", "mine.toml", *options, cwd=tmp_path), 0)
    assert committed(tmp_path / "results" / name)


def test_new_never_overwrites_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("precious", encoding="utf-8")
    assert_refused(ablations("new", "mine.toml", cwd=tmp_path), "mine.toml")
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == "precious"


# ---------------------------------------------------------------- plan, status, verify


def test_plan_shows_matrix_rows_work_minutes_and_disk_and_leaves_results_alone(
    swept: Path, tmp_path: Path
) -> None:
    before = fingerprint(swept / "results" / "tiny")
    answer = ablations("plan", "tiny.toml", cwd=swept)
    assert_answered(answer, 0)
    for word in ("replay", "target", "bootstrap", "head", "uniform", "hard", "soft", "12"):
        assert word in answer.stdout
    for label in ("dqn@hidden=8@target.period=5", "soft-target@hidden=8x8"):
        assert label in answer.stdout
    assert re.search(r"minute|\bmin\b|second|\bs\b", answer.stdout)
    assert re.search(r"\b[kKM]i?B\b|bytes", answer.stdout)
    assert not CONTROL.search(answer.stdout + answer.stderr)
    assert fingerprint(swept / "results" / "tiny") == before


def test_plan_says_which_variant_a_swept_number_does_not_apply_to(swept: Path) -> None:
    answer = ablations("plan", "tiny.toml", cwd=swept)
    said = re.split(r"\n", answer.stdout)
    assert any("target.period" in line and "soft-target" in line and "dqn@" not in line for line in said)


def test_plan_of_a_study_never_run_says_all_is_to_do(tmp_path: Path) -> None:
    write_study(tmp_path, {"variants": ["dqn", "no-replay"], "seeds": 7})
    answer = ablations("plan", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "14" in answer.stdout
    assert not (tmp_path / "results" / "tiny" / "study.json").exists()


def test_status_and_verify_of_a_finished_study_exit_0(finished: Path) -> None:
    for command in ("status", "verify"):
        answer = ablations(command, "tiny.toml", cwd=finished)
        assert_answered(answer, 0)
        assert "9" in answer.stdout
        assert not CONTROL.search(answer.stdout + answer.stderr)


def test_status_and_verify_of_a_study_never_run_exit_1(tmp_path: Path) -> None:
    write_study(tmp_path)
    for command in ("status", "verify"):
        assert_answered(ablations(command, "tiny.toml", cwd=tmp_path), 1)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def flip_the_middle(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def flip_a_digest(file: Path) -> None:
    data = bytearray(file.read_bytes())
    # A digit of a digest: a flip elsewhere may leave a document that means the same.
    data[data.index(b'"sha256"') + 14] ^= 1
    file.write_bytes(data)


def turn_to_a_list(file: Path) -> None:
    file.write_text("[]", encoding="utf-8")


def turn_to_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def raise_the_schema(file: Path) -> None:
    manifest = read_json(file)
    file.write_text(json.dumps(manifest | {"schema_version": 99}), encoding="utf-8")


def edit_the_config(file: Path) -> None:
    manifest = read_json(file)
    manifest["config"]["settings"]["gamma"] = 0.5
    file.write_text(json.dumps(manifest), encoding="utf-8")


def link_out_of_the_tree(file: Path) -> None:
    outside = file.parents[6] / "outside.parquet"
    file.rename(outside)
    file.symlink_to(outside)


DAMAGES: list[tuple[str, Callable[[Path], None]]] = [
    ("episodes.parquet", truncate),
    ("episodes.parquet", flip_the_middle),
    ("episodes.parquet", link_out_of_the_tree),
    ("manifest.json", flip_a_digest),
    ("manifest.json", turn_to_a_list),
    ("manifest.json", turn_to_a_folder),
    ("manifest.json", raise_the_schema),
    ("manifest.json", edit_the_config),
]


def test_damaged_runs_are_found_quarantined_and_run_again_to_the_same_bits(copied: Path) -> None:
    results = copied / "results" / "tiny"
    series, untouched, runs = episodes_bytes(results), fingerprint(results), runs_in(results)
    damaged = [run["path"] for run in runs[: len(DAMAGES)]]
    for path, (file, damage) in zip(damaged, DAMAGES, strict=True):
        damage(results / path / file)

    for command in ("verify", "status"):
        answer = ablations(command, "tiny.toml", cwd=copied)
        assert_answered(answer, 1)
        for path in damaged:
            assert path.split("/")[-1] in answer.stdout + answer.stderr
        assert runs[len(DAMAGES)]["path"].split("/")[-1] not in answer.stdout + answer.stderr

    assert_answered(ablations("run", "tiny.toml", cwd=copied), 0)
    assert episodes_bytes(results) == series
    assert_answered(ablations("verify", "tiny.toml", cwd=copied), 0)
    after = fingerprint(results)
    changed = {path.rsplit("/", 1)[0] for path in after if after[path] != untouched[path]}
    assert changed <= set(damaged)
    # Nothing damaged is deleted.
    quarantined = {path.name for path in (results / ".grid" / "quarantine").rglob("seed-*")}
    assert quarantined >= {path.split("/")[-1] for path in damaged}


def test_a_torn_study_json_is_reported_quarantined_and_written_anew(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = fingerprint(results)
    (results / "study.json").write_text('{"torn', encoding="utf-8")
    for command in ("status", "verify"):
        answer = ablations(command, "tiny.toml", cwd=copied)
        assert_answered(answer, 1)
        assert "study.json" in answer.stdout + answer.stderr
    answer = ablations("run", "tiny.toml", cwd=copied)
    assert_answered(answer, 0)
    assert "study.json" in answer.stdout + answer.stderr
    assert {path: digest for path, (_, digest) in fingerprint(results).items()} == {
        path: digest for path, (_, digest) in before.items()
    }
    kept = [path for path in (results / ".grid" / "quarantine").rglob("*") if path.is_file()]
    assert [path.read_text(encoding="utf-8") for path in kept] == ['{"torn']


def test_a_file_where_the_results_folder_should_be_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tiny").write_text("precious", encoding="utf-8")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "results/tiny")
    assert (tmp_path / "results" / "tiny").read_text(encoding="utf-8") == "precious"


# ---------------------------------------------------------------- run


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


def test_how_often_to_checkpoint_is_no_part_of_the_key(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = fingerprint(results)
    tables = SLOW_SOFT + "[record]\ncheckpoint_minutes = 7\n"
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

    def run(*options: str) -> set[str]:
        assert_answered(ablations("run", "tiny.toml", "--jobs", "1", *options, cwd=tmp_path), 0)
        return {
            f"{each['env_id']}/{each['label']}"
            for each in runs_in(results)
            if each["path"] in committed(results)
        }

    one = {"CartPole-v1/dqn@target.period=50"}
    assert run("--envs", "CartPole-v1", "--variants", "dqn@target.period=50") == one
    assert len(runs_in(results)) == 10
    assert len(read_json(results / "study.json")["rows"]) == 5
    assert_answered(ablations("status", "tiny.toml", cwd=tmp_path), 1)
    two = {
        f"{env}/{row}"
        for env in environments
        for row in ("double@target.period=5", "double@target.period=50")
    }
    assert run("--variants", "double", "dqn@target.period=50") == one | two | {
        "CartPole-v0/dqn@target.period=50"
    }
    assert len(run("--envs", "CartPole-v0")) == 8
    assert len(runs_in(results)) == 10


def test_seeds_and_steps_rewrite_the_study_and_keep_the_runs_left_behind(copied: Path) -> None:
    results = copied / "results" / "tiny"
    before = committed(results)
    answer = ablations("run", "tiny.toml", "--seeds", "1", "--steps", "300", "--variants", "dqn", cwd=copied)
    assert_answered(answer, 0)
    study = read_json(results / "study.json")
    assert study["seeds"] == [0]
    assert study["settings"]["total_timesteps"] == 300
    assert {run["seed"] for run in study["runs"]} == {0}
    assert len(study["runs"]) == 3
    (new,) = committed(results) - before
    assert read_json(results / new / "manifest.json")["steps"] == 300
    # What stood before is kept, and counted beside the study.
    assert before <= committed(results)


def test_a_study_from_a_shipped_name_runs_under_that_name(tmp_path: Path) -> None:
    options = ["--steps", "200", "--seeds", "1", "--variants", "dqn", "--jobs", "1"]
    assert_answered(ablations("run", "smoke", *options, cwd=tmp_path), 0)
    assert committed(tmp_path / "results" / "smoke")
    assert names_in(tmp_path) == {"results"}


def test_a_budget_without_a_finished_episode_leaves_an_empty_table_with_the_schema(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": [0]}, {"total_timesteps": 2, "learning_starts": 32})
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    manifest = manifest_of(results, runs_in(results)[0])
    assert manifest["steps"] == 2
    assert manifest["unfinished"] == {"length": 2, "return": 2.0}
    assert manifest["files"]["episodes.parquet"]["rows"] == 0


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
        deadline = time.monotonic() + 60
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
        assert process.wait(timeout=20) == 130
    assert "Traceback" not in (tmp_path / "output").read_text(encoding="utf-8")
    assert committed(tmp_path / "results" / "tiny") == set()


def test_a_terminated_run_exits_143_and_the_study_runs_again(tmp_path: Path) -> None:
    with long_run(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 143
    assert "Traceback" not in (tmp_path / "output").read_text(encoding="utf-8")
    write_study(tmp_path, {"seeds": 1}, SMALL | {"total_timesteps": 200})
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)


# ---------------------------------------------------------------- the Python door


def test_ablations_run_from_python_returns_the_results_folder(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": [0]}, {"total_timesteps": 200})
    answer = python("-c", "import ablations; print(ablations.run('tiny.toml'))", cwd=tmp_path)
    assert_answered(answer, 0)
    folder = tmp_path / answer.stdout.splitlines()[-1]
    assert folder.resolve() == (tmp_path / "results" / "tiny").resolve()
    assert len(committed(folder)) == 1
