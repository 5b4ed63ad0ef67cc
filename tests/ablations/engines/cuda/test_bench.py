"""The bench of the device: it times what it says, and says where there is no GPU."""

from __future__ import annotations

import pytest
import torch

from ablations.engines.cuda import ops
from scripts.bench import device
from scripts.bench.__main__ import main


@pytest.mark.slow
def test_it_times_a_cohort_that_draws_from_a_full_buffer() -> None:
    speed, memory = device.measured("per", 2, buffer=80, seconds=0.01, repeats=1)
    assert speed > 0
    assert memory == 0  # of a GPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops, "DEVICE", "cuda")
    assert main(["device"]) == 2
    assert "PyTorch" in capsys.readouterr().err
