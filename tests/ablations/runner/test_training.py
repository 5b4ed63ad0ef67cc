"""What a cohort's training makes and gives back."""

from __future__ import annotations

from pathlib import Path

import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

from ablations.runner.training import Training
from tests.laws.cut import cohort


def test_an_environment_that_is_made_for_its_source_alone_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CartPole's lanes are arrays, so that none is there to be asked."""
    closed: list[CartPoleEnv] = []
    job = cohort(tmp_path)
    for lane in job["lanes"]:
        lane["config"]["engine"] = "native"
    training = Training(job)
    monkeypatch.setattr(CartPoleEnv, "close", lambda env: closed.append(env))
    found = training.environment(job["lanes"][0]["config"])
    assert found["package"] == "gymnasium"
    assert len(closed) == 1
