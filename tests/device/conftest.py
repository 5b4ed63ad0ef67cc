"""The device family on CPU tensors: the same program, which is merely not captured."""

from __future__ import annotations

import pytest

from ablations.families import cuda
from tests.laws import worlds


@pytest.fixture(autouse=True)
def on_cpu_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "DEVICE", "cpu")
    monkeypatch.setattr(worlds, "FAMILY", "cuda")
