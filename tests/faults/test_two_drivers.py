"""Several drivers on one study: one works, the others leave at once, and a killed one's place is free."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.outside import ablations, assert_answered

from .grounds import RUN, Undisturbed, assert_complete, assert_sound, ended_by, lay_out, start
from .session import assert_none_left, members, seconds_until, strike

TOGETHER = 3


@pytest.mark.faults
@pytest.mark.parametrize("seed", [0, 1])
def test_of_several_drivers_one_works_and_where_it_is_killed_another_goes_on(
    seed: int, whole: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    dice = random.Random(seed)
    results = lay_out(tmp_path, "auto")
    for round_ in range(2):
        outputs = [tmp_path / f"{round_}-{number}.out" for number in range(TOGETHER)]
        processes = []
        try:
            for output in outputs:
                processes.append(start(tmp_path, output))
                time.sleep(dice.uniform(0, 0.2))

            def at_work(group=processes):
                return [process for process in group if process.poll() is None]

            seconds_until(lambda: len(at_work()) <= 1, 120)
            (holder,) = at_work()
            for process, output in zip(processes, outputs, strict=True):
                if process is not holder:
                    said = output.read_text(encoding="utf-8")
                    assert process.returncode == 3, said
                    # It may ask who holds the study before the holder has said so.
                    assert f"held by pid {holder.pid} on" in said or "held by another runner" in said
                    assert "Traceback" not in said
                    assert members(process.pid) == []
            seconds_until(lambda: any((results / "runs").rglob("*.parquet")), dice.uniform(0.5, 3.0))
            assert strike(holder.pid, holder.pid) is not None
            holder.wait()
            assert_none_left(holder.pid)
        finally:
            for process in processes:
                ended_by(process)
        assert_sound(results, whole("auto"))
    assert_answered(ablations(*RUN, cwd=tmp_path), 0)
    assert_complete(results, whole("auto"))
