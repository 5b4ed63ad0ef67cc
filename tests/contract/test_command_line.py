"""The command line: exit codes, what a call makes and leaves alone, and that equal runs have equal bytes."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from .defaults import PIECES
from .outside import (
    REPO,
    Answer,
    ablations,
    assert_answered,
    assert_refused,
    committed,
    fingerprint,
    imported,
    names_in,
    python,
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
    "layer-norm",
    "softmax-exploration",
    "n-step",
    "munchausen",
    "soft-q",
    "huber",
    "hl-gauss",
    "adam-reset",
    "rmsprop",
    "rmsprop-centered",
    "reset",
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


def test_list_names_studies_variants_and_slots_and_imports_no_torch(tmp_path: Path) -> None:
    answer = python("-X", "importtime", "-m", "ablations", "list", cwd=tmp_path)
    assert answer.returncode == 0
    words = set(re.findall(r"[a-z0-9-]+", answer.stdout))
    assert words >= {*NAMED, *SHIPPED, *PIECES}
    assert words >= {kind for kinds in PIECES.values() for kind in kinds}
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
        timeout=600,
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
    for word in (*PIECES, "uniform", "hard", "soft", "12"):
        assert word in answer.stdout
    for label in ("dqn@target.period=5@trunk.hidden=8", "soft-target@trunk.hidden=8x8"):
        assert label in answer.stdout
    assert re.search(r"minute|\bmin\b|second|\bs\b", answer.stdout)
    assert re.search(r"\b[kKM]i?B\b|bytes", answer.stdout)
    assert not CONTROL.search(answer.stdout + answer.stderr)
    assert fingerprint(swept / "results" / "tiny") == before


def test_plan_says_where_no_replay_skips_transitions_and_where_it_repeats_them(tmp_path: Path) -> None:
    said = []
    for settings in ({}, {"train_frequency": 4}, {"gradient_steps": 2}):
        write_study(tmp_path, {"variants": ["dqn", "no-replay"]}, settings)
        answer = ablations("plan", "tiny.toml", cwd=tmp_path)
        assert_answered(answer, 0)
        said.append({word for word in ("skip", "repeat") if word in answer.stdout})
    assert said == [set(), {"skip"}, {"repeat"}]


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


def test_a_file_where_the_results_folder_should_be_is_refused(tmp_path: Path) -> None:
    write_study(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tiny").write_text("precious", encoding="utf-8")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "results/tiny")
    assert (tmp_path / "results" / "tiny").read_text(encoding="utf-8") == "precious"


# ---------------------------------------------------------------- the Python door


def test_ablations_run_from_python_returns_the_results_folder(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": [0]}, {"total_timesteps": 200})
    answer = python("-c", "import ablations; print(ablations.run('tiny.toml'))", cwd=tmp_path)
    assert_answered(answer, 0)
    folder = tmp_path / answer.stdout.splitlines()[-1]
    assert folder.resolve() == (tmp_path / "results" / "tiny").resolve()
    assert len(committed(folder)) == 1


# ---------------------------------------------------------------- installed commands


def installed(command: str, *words: str, cwd: Path) -> Answer:
    """What the installed command would do: the function that the project names for it, called by a program."""
    scripts = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, function = scripts[command].split(":")
    return python(
        "-c", f"import sys; from {module} import {function}; sys.exit({function}())", *words, cwd=cwd
    )


def test_the_installed_commands_are_ablations_and_ablations_analysis(copied: Path) -> None:
    answer = installed("ablations", "where", "tiny.toml", cwd=copied)
    assert_answered(answer, 0)
    assert (copied / answer.stdout.strip()).resolve() == (copied / "results" / "tiny").resolve()
    assert_answered(installed("ablations", "where", "absent.toml", cwd=copied), 2)
    assert_answered(installed("ablations-analysis", "tables", "results/tiny", cwd=copied), 0)
    assert (copied / "results" / "tiny" / "tables" / "summary.csv").exists()
    assert_answered(installed("ablations-analysis", "tables", "absent", cwd=copied), 2)
