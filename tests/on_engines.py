"""The engines that tests run on: those that work here, and the device's on CPU tensors, where nothing is captured."""

from __future__ import annotations

import pytest

from ablations import engines
from ablations.engines import reference
from ablations.engines.cuda import ops

BEST = engines.available()[0]
ENGINES = (*engines.available(), "cuda")


def put_on_cpu_tensors(engine: str, monkeypatch: pytest.MonkeyPatch, same_draws: bool = False) -> str:
    """Let the device's engine work here, with the other engines' random numbers if ``same_draws``; gives its name."""
    if engine == "cuda":
        monkeypatch.setattr(ops, "DEVICE", "cpu")
        if same_draws:
            monkeypatch.setattr(ops, "draws", reference.draws)
    return engine
