"""Memories and sum trees are tested on every engine."""

from __future__ import annotations

import pytest

from tests.on_engines import ENGINES, put_on_cpu_tensors

from .. import coded


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine of this test's memories."""
    name = put_on_cpu_tensors(request.param, monkeypatch)
    monkeypatch.setattr(coded, "ENGINE", name)
    return name
