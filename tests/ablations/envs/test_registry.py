"""Environments of extras: known by name where they are installed, named with their install line where they are not."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

from ablations.envs import registry
from ablations.errors import Findings


@pytest.mark.parametrize("env_id", ["MinAtar/Breakout-v1", "MinAtar/Seaquest-v0", "ALE/Pong-v5"])
def test_an_extras_ids_are_registered_when_asked_for(env_id: str) -> None:
    registry.register(env_id)
    registry.register(env_id)
    assert env_id in gymnasium.registry
    assert registry.missing(env_id) is None


def test_what_belongs_to_no_extra_lacks_nothing() -> None:
    assert [registry.missing(each) for each in ("CartPole-v1", "ablations/Grid-v0", "MinAtar")] == [
        None,
        None,
        None,
    ]


def test_an_extra_that_is_not_installed_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.EXTRAS, "Other", registry.Extra("other", ("nothing_of_this_name",)))
    assert registry.missing("Other/Game-v1") == (
        "needs the extra 'other', which is not installed: pip install 'dqn-ablations[other]'"
    )
    from ablations.envs import checks

    found = Findings("x.toml")
    checks.check_id("Other/Game-v1", [], found, "envs")
    assert [str(problem) for problem in found.problems] == [
        "x.toml: envs: 'Other/Game-v1' needs the extra 'other', which is not installed: "
        "pip install 'dqn-ablations[other]'"
    ]


def test_an_extra_is_not_imported_before_its_ids_are_asked_for() -> None:
    source = "import sys; from ablations.envs import registry; registry.register('CartPole-v1'); "
    check = "assert not {'minatar', 'ale_py', 'cv2'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", source + check], check=False).returncode == 0
