"""A disk that is full: told with the path and the need, nothing half-written, and the same command does the rest."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.outside import Answer, ablations, assert_answered, python

from .grounds import RUN, Undisturbed, assert_complete, assert_sound, lay_out
from .injected import FULL_DISK, inject

Whole = Callable[[str], Undisturbed]


def assert_told(answer: Answer, results: Path) -> None:
    """Exit 1, and a line that names a file of the study, what it needs and what there is."""
    assert_answered(answer, 1)
    (line,) = [line for line in answer.stderr.splitlines() if "results could not be stored" in line]
    assert "No space left on device" in line
    assert f"{results.parent.name}/{results.name}/" in line
    assert re.search(r"\([\d,]+ bytes are needed, [\d,]+ are free there\)", line)


@pytest.mark.faults
def test_a_disk_that_is_full_after_any_number_of_files_costs_nothing_that_is_finished(
    whole: Whole, tmp_path: Path
) -> None:
    dice = random.Random(0)
    results = lay_out(tmp_path, "auto")
    inject(tmp_path, FULL_DISK)
    # Study.json and the lock take the driver's first; a run takes ten, a file and its folder each.
    for left in (0, 2, *sorted(dice.sample(range(3, 20), 2))):
        answer = python("-m", "ablations", *RUN, cwd=tmp_path, DISK_LEFT=str(left))
        assert_told(answer, results)
        assert_sound(results, whole("auto"))
        assert not [path for path in results.rglob("*.part") if "quarantine" not in path.parts]
    assert_answered(ablations(*RUN, cwd=tmp_path), 0)
    assert_complete(results, whole("auto"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system in memory, of a size that is given and may be changed."""
    place = tmp_path / "results"
    place.mkdir()
    mounted = False

    def of(size: str) -> Path:
        nonlocal mounted
        options = f"size={size}" if not mounted else f"remount,size={size}"
        told = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
        if told.returncode and not mounted:
            pytest.skip(f"no file system may be mounted here: {told.stderr.strip()}")
        assert told.returncode == 0, told.stderr
        mounted = True
        return place

    yield of
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.faults
def test_a_small_disk_takes_what_it_can_and_a_bigger_one_the_rest(
    small_disk: Callable[[str], Path], whole: Whole, tmp_path: Path
) -> None:
    dice = random.Random(0)
    results = lay_out(tmp_path, "auto")
    refused = 0
    for size in sorted(dice.sample(range(40, 160, 4), 2)):
        small_disk(f"{size}k")
        answer = ablations(*RUN, cwd=tmp_path)
        assert answer.returncode in (0, 1)
        if answer.returncode == 1:
            assert_told(answer, results)
            refused += 1
        assert_sound(results, whole("auto"))
        assert not [path for path in results.rglob("*.part") if "quarantine" not in path.parts]
    assert refused >= 1
    small_disk("16m")
    assert_answered(ablations(*RUN, cwd=tmp_path), 0)
    assert_complete(results, whole("auto"))
