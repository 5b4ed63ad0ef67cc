"""The device family on CPU tensors: the same program, which is merely not captured.

The quick tests take two variants and the settings as they come through all of it; the slower suite takes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ablations.engines.cuda import ops
from tests.laws import worlds

HERE = Path(__file__).parent
ENGINE_WIDE = ("test_same_draws", "test_no_look")
QUICK = ("dqn", "combined")


@pytest.fixture(autouse=True)
def on_cpu_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "DEVICE", "cpu")
    monkeypatch.setattr(worlds, "FAMILY", "cuda")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        wide = item.path.parent == HERE and item.path.stem in ENGINE_WIDE
        if wide and parameters and parameters.get("name") not in QUICK:
            item.add_marker(pytest.mark.slow)
