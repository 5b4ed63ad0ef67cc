"""A study that runs until it is decided, killed at any moment: the same decisions, byte for byte."""

from __future__ import annotations

import random
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.contract.outside import ablations, assert_answered, begin, runs_in, write_study

from .grounds import ended_by, start
from .session import assert_none_left, members, seconds_until, strike

KILLS = 6
"""More by hand: the moments are drawn, and any of them must do."""
TOP = {"seeds": "until-decided", "variants": ["dqn", "wild", "double"]}
TABLES = """
[env."CartPole-v1"]
margin = 0.5
[variant.wild]
exploration = { start_e = 1.0 }
[decide]
looks = [8, 10, 12]
"""
SETTINGS = {"total_timesteps": 1500, "learning_starts": 50, "learning_rate": 0.01}
SLOTS = {"exploration": {"kind": "epsilon-greedy", "schedule": "constant", "start_e": 0.1}}


def lay_out(folder: Path) -> None:
    folder.mkdir()
    write_study(folder, TOP, SETTINGS, TABLES, slots=SLOTS)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


@pytest.mark.faults
def test_kills_at_any_moment_leave_the_same_decisions_byte_for_byte(tmp_path: Path) -> None:
    lay_out(tmp_path / "calm")
    calm = begin(tmp_path / "calm")
    lay_out(tmp_path / "storm")
    results, dice = tmp_path / "storm" / "results" / "tiny", random.Random(14)
    for number in range(KILLS):
        process = start(tmp_path / "storm", tmp_path / f"{number}.out", ("run", "tiny.toml", "--jobs", "2"))
        try:
            delay = dice.uniform(1.0, 6.0)
            seconds_until(partial(_has_ended, process), delay)
            if process.poll() is None:
                strike(process.pid, process.pid)
            process.wait()
            assert_none_left(process.pid)
        finally:
            ended_by(process)
        assert not members(process.pid)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path / "storm"), 0)
    for name in ("decisions.json", "study.json"):
        assert (results / name).read_bytes() == (calm / name).read_bytes()
    assert [run["key"] for run in runs_in(results)] == [run["key"] for run in runs_in(calm)]
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path / "storm"), 0)
