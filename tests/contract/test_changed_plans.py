"""What is stored stays when the study or the code changes: it is named, never mixed in, and repeated by nobody."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .outside import (
    REPO,
    Answer,
    ablations,
    analysis,
    assert_answered,
    assert_refused,
    committed,
    fingerprint,
    runs_in,
    surroundings,
    write_study,
)


@pytest.mark.slow
def test_settings_changed_after_half_of_the_grid_make_new_runs_and_leave_the_old_ones_out_of_figures(
    tmp_path: Path,
) -> None:
    two = {"variants": ["dqn", "no-target"], "seeds": 2}
    write_study(tmp_path, two)
    assert_answered(ablations("run", "tiny.toml", "--variants", "dqn", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    old, before = committed(results), fingerprint(results)

    write_study(tmp_path, two, {"gamma": 0.9})
    answer = ablations("status", "tiny.toml", cwd=tmp_path)
    assert "asks for other runs" in answer.stdout
    answer = ablations("run", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "4 of 4 runs are valid (4 trained now)" in answer.stdout
    for said in (answer.stdout, ablations("status", "tiny.toml", cwd=tmp_path).stdout):
        assert "2 other stored runs are kept" in said
        assert "CartPole-v1/dqn (2)" in said

    after = fingerprint(results)
    assert {path: after[path] for path in before if path != "study.json"} == {
        path: before[path] for path in before if path != "study.json"
    }
    assert old.isdisjoint(run["path"] for run in runs_in(results))
    drawn = analysis("figures", "results/tiny", cwd=tmp_path)
    assert_answered(drawn, 0)
    assert all(Path(path).name in drawn.stdout + drawn.stderr for path in old)
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)


def called(checkout: Path, *words: str) -> Answer:
    """The command line of another checkout of this code."""
    return subprocess.run(
        [sys.executable, "-m", "ablations", *words],
        cwd=checkout,
        env={**surroundings(checkout), "PYTHONPATH": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


def git(checkout: Path, *words: str) -> None:
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *words], cwd=checkout, check=True, capture_output=True)


@pytest.mark.slow
def test_code_that_changed_is_told_by_status_and_refused_by_a_strict_run(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(REPO / "ablations", checkout / "ablations", ignore=shutil.ignore_patterns("__pycache__"))
    git(checkout, "init")
    git(checkout, "add", "ablations")
    git(checkout, "commit", "-m", "first")
    write_study(checkout, {"seeds": 1}, {"total_timesteps": 200})
    assert_answered(called(checkout, "run", "tiny.toml", "--strict"), 0)
    assert "code changed" not in called(checkout, "status", "tiny.toml").stdout
    assert_answered(called(checkout, "run", "tiny.toml", "--strict"), 0)

    listing = checkout / "ablations" / "cli" / "where.py"
    listing.write_text(listing.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    write_study(checkout, {"seeds": 2}, {"total_timesteps": 200})
    told = called(checkout, "status", "tiny.toml").stdout
    assert "the code changed: 1 stored run was made by commit" in told
    assert "uncommitted changes" in told
    before = fingerprint(checkout / "results" / "tiny")
    assert_refused(called(checkout, "run", "tiny.toml", "--strict"), "--strict", "uncommitted changes")
    assert fingerprint(checkout / "results" / "tiny") == before

    git(checkout, "commit", "-a", "-m", "second")
    assert_refused(called(checkout, "run", "tiny.toml", "--strict"), "--strict", "this code is commit")
    assert_answered(called(checkout, "run", "tiny.toml"), 0)

    (store,) = [
        path
        for path in (checkout / "ablations").rglob("*.py")
        if "\nALGORITHM_VERSION = " in path.read_text(encoding="utf-8")
    ]
    source = store.read_text(encoding="utf-8")
    number = source.split("\nALGORITHM_VERSION = ")[1].split("\n")[0]
    store.write_text(
        source.replace(f"\nALGORITHM_VERSION = {number}\n", "\nALGORITHM_VERSION = 999\n"), encoding="utf-8"
    )
    told = called(checkout, "status", "tiny.toml").stdout
    assert "asks for other runs" in told
    assert_refused(
        called(checkout, "run", "tiny.toml", "--strict"), "--strict", f"algorithm version {number}", "999"
    )
