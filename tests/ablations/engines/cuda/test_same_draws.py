"""Given the other families' draws, the device's program is the textbook too: every variant, every setting, float64."""

from __future__ import annotations

from typing import Any

import pytest

from ablations.dqn.head import Dueling
from ablations.dqn.variants import DQN, NAMED, Variant
from ablations.engines import reference
from ablations.engines.cuda import ops
from tests.laws.test_oracle import OTHER_SETTINGS, SETTINGS, compare

SHORT: dict[str, Any] = {**SETTINGS, "total_timesteps": 300, "learning_starts": 50, "buffer_size": 150}
"""Fewer steps than in the other families' law; the buffer wraps around all the same."""


FEWER: dict[str, dict[str, Any]] = {"train-frequency": {"total_timesteps": 460}}


@pytest.fixture(autouse=True)
def drawn_as_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "draws", reference.draws)


@pytest.mark.parametrize("name", NAMED)
def test_every_named_variant_equals_the_textbook(name: str) -> None:
    compare(NAMED[name].variant, SHORT)


@pytest.mark.parametrize("name", OTHER_SETTINGS)
def test_every_setting_equals_the_textbook(name: str) -> None:
    compare(DQN, {**SHORT, **FEWER.get(name, {}), **OTHER_SETTINGS[name]})


def test_time_limits_cut_the_bootstrap_as_in_the_textbook() -> None:
    settings: dict[str, Any] = {**SETTINGS, "bootstrap_truncated": False, "total_timesteps": 900}
    compare(Variant(head=Dueling((8,))), settings, env_id="MountainCar-v0")
