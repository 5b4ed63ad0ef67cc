"""The Makefile, and the set-up behind it, tried with a Python that only writes down what is asked of it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.session import promised
from tests.setup.sources import REPO

MAKEFILE = (REPO / "Makefile").read_text("utf-8")
TARGETS = re.findall(r"^([a-z-]+):[^=\n]*## ", MAKEFILE, re.M)
CONTRACT = {"ablate", "test", "check", "smoke", "figures", "report", "bench", "bench-peers", "clean", "help"}

# Answers questions about itself truly, makes a "virtual environment" that holds only itself, and writes down what pip
# is asked for. The file `no-network` beside it makes pip fail.
STAND_IN = """#!/bin/sh
case "$1 $2" in
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "venv $3" >>"{log}" ;;
"-m pip") shift 2; echo "pip $*" >>"{log}"; [ ! -e "{folder}/no-network" ] ;;
*) exec "{python}" "$@" ;;
esac
"""


def make(*args: str, cwd: Path = REPO, **more: str) -> subprocess.CompletedProcess[str]:
    """`make ARGS`, without what the `make` that runs these tests tells its children."""
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "STUDY"}
    }
    return subprocess.run(
        ["make", *args], cwd=cwd, env=env | more, capture_output=True, text=True, timeout=600, check=False
    )


def test_help_is_the_default_and_lists_every_target_with_a_line():
    done = make()
    assert done.returncode == 0, done.stderr
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
    assert phony is not None
    assert set(phony[1].split()) == set(TARGETS) >= CONTRACT
    for target in TARGETS:
        assert re.search(rf"^  {target} +\w", done.stdout, re.M), target
    assert done.stdout == make("help").stdout


def test_help_names_every_variable_and_its_value():
    told = make("help", "STUDY=classic", "JOBS=3").stdout
    for line in (
        "STUDY=classic",
        "JOBS=3",
        "SEEDS=",
        "STEPS=",
        "RESULTS=results",
        "PUREJAXRL=",
        "JSON=",
        "KILLS=200",
        "STORM=0",
        "PYTHON=",
        "TORCH_INDEX=http",
    ):
        assert line in told


def test_ablate_passes_its_variables_on(tmp_path):
    told = make(
        "-n", "ablate", "STUDY=my study.toml", "JOBS=2", "SEEDS=3", "STEPS=400", "RESULTS=else where"
    ).stdout
    assert (
        "-m ablations run 'my study.toml' --results 'else where' --jobs '2' --seeds '3' --steps '400'"
        in " ".join(told.replace("\\", " ").split())
    )
    assert "-m ablations where 'my study.toml' --results 'else where'" in told


def test_smoke_is_ablate_with_the_study_smoke():
    assert "-m ablations run 'smoke'" in make("-n", "smoke").stdout


def test_clean_removes_what_was_set_up_and_no_result(copy):
    for kept in ("results/core/study.json", "ablations/code.py"):
        (copy / kept).parent.mkdir(parents=True, exist_ok=True)
        (copy / kept).write_text("kept")
    for gone in (".venv", ".venv-peers", ".mypy_cache", "ablations/__pycache__"):
        (copy / gone).mkdir(parents=True)
    for needed in ("analysis", "tests"):
        (copy / needed).mkdir()
    assert make("clean", cwd=copy).returncode == 0
    assert (copy / "results/core/study.json").exists()
    assert (copy / "ablations/code.py").exists()
    assert not [
        p for p in (".venv", ".venv-peers", ".mypy_cache", "ablations/__pycache__") if (copy / p).exists()
    ]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the set-up reads, in a folder of its own, with a space in its name."""
    folder = tmp_path / "a copy"
    sources = [path.relative_to(REPO) for path in (REPO / "ablations/engines/native").glob("*.?pp")]
    named = [
        Path(n) for n in ("Makefile", "pyproject.toml", "constraints.txt", "setup.py", "scripts/setup.sh")
    ]
    for name in (*named, *sources):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, folder / name)
    return folder


class StandIn:
    """A Python for ``PYTHON=`` and the list of what it was asked to do."""

    def __init__(self, folder: Path) -> None:
        self.log, self.off = folder / "log", folder / "no-network"
        self.path = folder / "python"
        self.path.write_text(STAND_IN.format(log=self.log, folder=folder, python=sys.executable))
        self.path.chmod(0o755)

    def asked(self) -> list[str]:
        """What was asked for since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def python(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


def setup(copy: Path, python: StandIn, index: str = "") -> subprocess.CompletedProcess[str]:
    return make("setup", f"PYTHON={python.path}", f"TORCH_INDEX={index}", cwd=copy)


def test_the_first_call_sets_up_with_the_pinned_versions(copy, python):
    done = setup(copy, python)
    assert (done.returncode, done.stderr) == (0, "")
    venv, builder, torch, rest = python.asked()
    assert venv == "venv .venv"
    assert torch.endswith("install -c constraints.txt torch==2.13.0")
    assert builder.endswith("install -c constraints.txt setuptools")
    assert rest.endswith("install -c constraints.txt --no-build-isolation --editable .[dev]")


def test_the_second_call_does_nothing_and_says_nothing(copy, python):
    setup(copy, python)
    python.asked()
    assert setup(copy, python).stdout == ""
    assert make("setup", cwd=copy).stdout == ""
    assert python.asked() == []


def test_files_with_a_new_date_and_the_same_content_are_no_reason_to_set_up(copy, python):
    setup(copy, python)
    python.asked()
    for name in ("pyproject.toml", "constraints.txt"):
        (copy / name).touch()
    setup(copy, python)
    assert python.asked() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed_into_the_same_venv(copy, python, name):
    setup(copy, python)
    python.asked()
    with (copy / name).open("a") as file:
        file.write("# changed\n")
    assert "up to date" in setup(copy, python).stdout
    asked = python.asked()
    assert asked
    assert "venv .venv" not in asked


def test_an_interrupted_set_up_is_begun_again(copy, python):
    python.off.touch()
    assert setup(copy, python).returncode != 0
    python.off.unlink()
    python.asked()
    (copy / ".venv" / "half-installed").touch()
    assert setup(copy, python).returncode == 0
    assert python.asked()[0] == "venv .venv"
    assert not (copy / ".venv" / "half-installed").exists()


def test_an_interrupted_update_is_begun_again(copy, python):
    setup(copy, python)
    with (copy / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    python.off.touch()
    assert setup(copy, python).returncode != 0
    python.off.unlink()
    python.asked()
    assert setup(copy, python).returncode == 0
    assert python.asked()[0] == "venv .venv"


def test_torch_is_taken_alone_from_an_index_that_has_it(copy, python):
    setup(copy, python, index="file:///an/index")
    assert python.asked()[2].endswith("install --no-deps --index-url file:///an/index torch==2.13.0")


@pytest.mark.slow
def test_an_index_that_never_answers_holds_the_set_up_for_five_seconds(copy, python):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        done = setup(copy, python, index=f"http://127.0.0.1:{silent.getsockname()[1]}/whl/cpu")
    assert 4 < time.monotonic() - begun < promised(10)
    assert (done.returncode, done.stderr) == (0, "")
    assert python.asked()[2].endswith("install -c constraints.txt torch==2.13.0")


def test_an_index_that_cannot_be_reached_is_passed_over_without_a_word_of_alarm(copy, python):
    done = setup(copy, python, index="http://127.0.0.1:9/whl/cpu")
    assert (done.returncode, done.stderr) == (0, "")
    assert "torch==2.13.0 from pip's usual index" in done.stdout


def fake(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_python_that_is_too_old_is_named_with_its_version(copy, tmp_path):
    old = fake(tmp_path / "old", 'case "$2" in *"%d"*) echo 3.9.2 ;; *) exit 1 ;; esac')
    done = make("setup", f"PYTHON={old}", cwd=copy)
    assert done.returncode == 2
    assert f"PYTHON={old} is Python 3.9.2; 3.11 or newer is needed." in done.stderr
    assert not (copy / ".venv").exists()


def test_a_python_without_venv_is_told_what_to_install(copy, tmp_path):
    bare = fake(
        tmp_path / "bare", f'case "$2" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac'
    )
    done = make("setup", f"PYTHON={bare}", cwd=copy)
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr
    assert not (copy / ".venv").exists()


def test_a_python_that_is_not_there_is_named(copy):
    done = make("setup", "PYTHON=python9", cwd=copy)
    assert done.returncode == 2
    assert "There is no Python at PYTHON=python9" in done.stderr
