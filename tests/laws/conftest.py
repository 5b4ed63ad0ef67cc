"""Every law holds for every engine family that works here."""

from __future__ import annotations

import pytest

from ablations import families

from . import worlds


@pytest.fixture(autouse=True, params=families.available())
def family(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The family that this test's learners use."""
    monkeypatch.setattr(worlds, "FAMILY", request.param)
    return str(request.param)
