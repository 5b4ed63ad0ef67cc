"""Commands of the analysis where files are not what they should be, or can't be written: a sentence, and no waiting."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.made_up import make_study, row

SECONDS = 60


def call(
    *arguments: str, largest: int | None = None, memory: int | None = None, module: str = "analysis"
) -> subprocess.CompletedProcess[str]:
    """A command; with ``largest`` no file may grow beyond so many bytes, as on a full disk.

    With ``memory`` it has so many bytes of address space.
    """

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True, text=True, timeout=SECONDS, check=False, preexec_fn=limit,
    )  # fmt: skip


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "s", [row("dqn"), row("double")], seeds=2, steps=400)


def instead(path: Path) -> None:
    """A pipe to which nobody writes, in place of a file."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["study.json", "decisions.json"])
def test_a_pipe_in_place_of_a_document_is_refused_at_once(study: Path, name: str):
    instead(study / name)
    done = call("tables", str(study))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert f"{name} can't be read: {name} is a pipe" in done.stderr


def test_pipes_in_place_of_manifests_and_series_are_damaged_runs(study: Path):
    first, second, *_ = sorted(study.glob("runs/*/*/*"))
    instead(first / "manifest.json")
    instead(second / "episodes.parquet")
    done = call("tables", str(study))
    assert done.returncode == 0
    assert "2 of 4 runs (2 damaged)" in done.stdout
    assert "(manifest.json is a pipe)" in done.stdout


def test_pipes_in_place_of_what_was_made_are_replaced(study: Path):
    assert call("tables", str(study)).returncode == 0
    for name in (".fingerprint.json", "summary.csv"):
        instead(study / "tables" / name)
    instead(study / "report.html")
    assert call("tables", str(study)).returncode == 0
    assert (study / "tables" / "summary.csv").read_text().startswith("env_id,")


def test_where_nothing_can_be_written_the_file_and_what_it_needs_are_named(study: Path):
    done = call("tables", str(study), largest=16)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "bytes are needed" in done.stderr
    assert "results folder" not in done.stderr


@pytest.mark.parametrize("megabytes", [350, 600])
@pytest.mark.parametrize(("module", "words"), [("analysis", ("all",)), ("ablations", ("plan", "smoke"))])
def test_an_address_space_too_small_for_the_libraries_ends_in_a_sentence(
    study: Path, module: str, words: tuple[str, ...], megabytes: int
):
    words += (str(study),) if module == "analysis" else ()
    done = call(*words, memory=megabytes * 2**20, module=module)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"ulimit -v: the address space is limited to {megabytes} MB" in done.stderr
