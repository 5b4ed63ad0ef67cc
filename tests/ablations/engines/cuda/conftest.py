"""The device's engine on CPU tensors: the same program, which is merely not captured.

The quick tests take two variants and the settings as they come through all of it; the slower suite takes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.on_engines import put_on_cpu_tensors

HERE = Path(__file__).parent
WIDE = ("test_no_look",)
QUICK = ("dqn", "combined")


@pytest.fixture(autouse=True)
def on_cpu_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_cpu_tensors("cuda", monkeypatch)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        wide = item.path.parent == HERE and item.path.stem in WIDE
        if wide and parameters and parameters.get("name") not in QUICK:
            item.add_marker(pytest.mark.slow)
