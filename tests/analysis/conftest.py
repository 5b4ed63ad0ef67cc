"""Fixtures of the analysis tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.made_up import make_study, row


@pytest.fixture
def small_study(tmp_path: Path) -> Path:
    """Two variants, three seeds, all runs stand."""
    return make_study(tmp_path / "small", [row("dqn"), row("no-target")])
