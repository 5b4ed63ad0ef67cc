"""A clock that is set back, while a study runs or between two drivers, changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.outside import assert_answered, python

from .grounds import RUN, Undisturbed, assert_complete, assert_sound, ended_by, lay_out, start
from .injected import CLOCK, inject
from .session import assert_none_left, seconds_until, strike

YEAR = 365 * 24 * 3600


def test_the_injected_clock_is_what_processes_see(tmp_path: Path) -> None:
    inject(tmp_path, CLOCK)
    true, early = (
        float(python("-c", "import time; print(time.time())", cwd=tmp_path, CLOCK_BACK=str(back)).stdout)
        for back in (0, 20 * YEAR)
    )
    assert abs(true - early - 20 * YEAR) < 600


@pytest.mark.faults
def test_a_clock_set_back_while_a_study_runs_and_before_it_goes_on_changes_no_bit(
    whole: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    dice = random.Random(0)
    results = lay_out(tmp_path, "auto")
    inject(tmp_path, CLOCK)
    after = dice.uniform(0.5, 4.0)
    process = start(tmp_path, tmp_path / "0.out", CLOCK_BACK=str(400 * 24 * 3600), CLOCK_AFTER=str(after))
    try:
        kept = results / ".grid" / "checkpoints"
        seconds_until(lambda: process.poll() is not None or any(kept.glob("*.npz")), 120)
        assert strike(process.pid, process.pid) is not None, (tmp_path / "0.out").read_text()
        process.wait()
        assert_none_left(process.pid)
    finally:
        ended_by(process)
    assert_sound(results, whole("auto"))

    back = str(dice.randint(5, 50) * YEAR)
    answer = python("-m", "ablations", *RUN, cwd=tmp_path, CLOCK_BACK=back)
    assert_answered(answer, 0)
    assert "runs go on from checkpoints" in answer.stderr
    assert_complete(results, whole("auto"))
    for command in ("status", "verify", "run"):
        assert_answered(python("-m", "ablations", command, "tiny.toml", cwd=tmp_path, CLOCK_BACK=back), 0)
