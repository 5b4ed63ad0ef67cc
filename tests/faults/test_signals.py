"""Ctrl-C and SIGTERM at seeded moments: an end within five seconds, and the same command does the rest."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.outside import ablations, assert_answered

from .grounds import RUN, Undisturbed, assert_complete, assert_sound, ended_by, lay_out, start
from .session import assert_none_left, promised, seconds_until
from .storm import PHASES, StepRecord, reached

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.faults
@pytest.mark.parametrize("seed", [0, 1])
def test_signals_at_any_moment_end_the_driver_in_time_and_change_no_bit(
    seed: int, whole: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    dice = random.Random(seed)
    results = lay_out(tmp_path, "auto")
    moments = [(phase, signum) for phase in PHASES for signum in CODES]
    dice.shuffle(moments)
    for number, (phase, signum) in enumerate(moments[: len(moments) // 2]):
        record = StepRecord("driver", phase, dice.uniform(0, PHASES[phase]), 0.0)
        output = tmp_path / f"{number}.out"
        process = start(tmp_path, output)
        try:
            # Before it holds the study it is Python that answers, not we.
            assert seconds_until((results / ".grid" / "holder.json").exists, 600) < 600, output.read_text()
            if reached(process, results, record) is None or process.poll() is not None:
                assert process.wait() == 0, output.read_text()
                continue
            process.send_signal(signum)
            sent = time.monotonic()
            assert process.wait(600) == CODES[signum], f"seed {seed}: {signum.name}, {record}"
            assert time.monotonic() - sent < promised(5), f"seed {seed}: {signum.name}, {record}"
            assert_none_left(process.pid)
        finally:
            ended_by(process)
        said = output.read_text(encoding="utf-8")
        assert "what is finished is kept" in said
        assert "Traceback" not in said
        assert_sound(results, whole("auto"))
    assert_answered(ablations(*RUN, cwd=tmp_path), 0)
    assert_complete(results, whole("auto"))
