"""Bytes damaged at random offsets in every kind of file are found, told and made good, to the same bits."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.outside import Answer, ablations, assert_answered, runs_in

from .damage import damage
from .grounds import FINAL, RUN, Undisturbed, assert_complete, assert_sound, ended_by, lay_out, start
from .session import assert_none_left, seconds_until, strike
from .storm import StepRecord, reached

Whole = Callable[[str], Undisturbed]


def copy_of(whole: Undisturbed, folder: Path) -> Path:
    """The undisturbed study, in a place where it may be damaged; gives where its results lie."""
    shutil.copytree(whole.folder, folder, dirs_exist_ok=True)
    return folder / "results" / "tiny"


def names(answer: Answer, path: str) -> bool:
    return path in answer.stdout + answer.stderr


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2))
def test_damaged_results_are_named_put_aside_and_made_again(seed: int, whole: Whole, tmp_path: Path) -> None:
    dice = random.Random(seed)
    results = copy_of(whole("auto"), tmp_path)
    runs = runs_in(results)
    dice.shuffle(runs)
    damaged = dict(zip((run["path"] for run in runs), sorted(FINAL), strict=False))
    told = [damage(results / path / file, dice) for path, file in damaged.items()]

    for command in ("status", "verify"):
        answer = ablations(command, "tiny.toml", cwd=tmp_path)
        assert_answered(answer, 1)
        for run in runs:
            assert names(answer, run["path"].split("/")[-1]) == (run["path"] in damaged), told
    answer = ablations(*RUN, cwd=tmp_path)
    assert_answered(answer, 0)
    for path in damaged:
        assert names(answer, f"{path}: "), told
        assert (results / ".grid" / "quarantine" / path).is_dir(), told
    assert_complete(results, whole("auto"))
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)


@pytest.mark.faults
def test_a_damaged_study_json_is_told_and_written_anew(whole: Whole, tmp_path: Path) -> None:
    dice = random.Random(0)
    results = copy_of(whole("auto"), tmp_path)
    for _ in range(2):
        told = damage(results / "study.json", dice)
        for command in ("status", "verify"):
            answer = ablations(command, "tiny.toml", cwd=tmp_path)
            assert_answered(answer, 1)
            assert names(answer, "study.json"), told
        answer = ablations(*RUN, cwd=tmp_path)
        assert_answered(answer, 0)
        assert names(answer, "study.json"), told
        assert_complete(results, whole("auto"))


@pytest.mark.faults
def test_a_damaged_checkpoint_changes_no_bit(whole: Whole, tmp_path: Path) -> None:
    dice = random.Random(0)
    results = lay_out(tmp_path, "auto")
    for number in range(2):
        process = start(tmp_path, tmp_path / f"{number}.out")
        try:
            reached(process, results, StepRecord("driver", "saving", 0.0, 0.0))
            seconds_until(lambda: any((results / ".grid" / "checkpoints").glob("*.npz")), 60)
            assert strike(process.pid, process.pid) is not None
            process.wait()
            assert_none_left(process.pid)
        finally:
            ended_by(process)
        assert_sound(results, whole("auto"))
        kept = sorted((results / ".grid" / "checkpoints").glob("*.npz"))
        assert kept
        for path in kept:
            damage(path, dice)
    assert_answered(ablations(*RUN, cwd=tmp_path), 0)
    assert_complete(results, whole("auto"))


@pytest.mark.faults
def test_a_damaged_pack_costs_no_bit(whole: Whole, tmp_path: Path) -> None:
    dice = random.Random(0)
    results = copy_of(whole("auto"), tmp_path)
    assert_answered(ablations("pack", "tiny.toml", cwd=tmp_path), 0)
    (pack,) = (results / "packs").iterdir()
    told = [damage(pack, dice) for _ in range(2)]
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 1)
    assert_answered(ablations(*RUN, cwd=tmp_path), 0)
    # What can't be trusted in the pack was made again beside it; the rest comes out of it, to the byte.
    assert ablations("unpack", "tiny.toml", cwd=tmp_path).returncode in (0, 1), told
    assert_complete(results, whole("auto"))
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)
