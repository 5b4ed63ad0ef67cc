"""Killed at any moment, whoever is killed: nothing goes on, nothing half-written is read, no bit changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .grounds import Undisturbed
from .storm import Storm

Whole = Callable[[str], Undisturbed]


@pytest.mark.faults
@pytest.mark.parametrize(("family", "seed"), [("auto", 8), ("reference", 31)])
def test_six_kills_of_drivers_workers_and_servers_change_no_bit(
    family: str, seed: int, whole: Whole, tmp_path: Path
) -> None:
    counts = Storm(tmp_path, {family: whole(family)}, kills=6, seed=seed).rage()
    assert counts.struck == {"driver": 2, "worker": 2, "server": 2}
    assert counts.seen["studies that ended as undisturbed"] >= 1
