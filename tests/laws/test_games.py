"""Frames from end to end: every named variant behind convolutions, and games that go on where they were cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.dqn.variants import NAMED
from ablations.envs.gym import GymLanes
from ablations.runner.tasks import CohortJob
from ablations.runner.training import Training
from ablations.studies import load
from tests.ablations.envs import pictures  # noqa: F401 (registers environments)

from . import worlds
from .cut import SWEPT, go_on, resumed, saved, whole

PICTURES, BREAKOUT = "tests/Pictures-v0", "MinAtar/Breakout-v1"
TRUNK = {"kind": "minatar-cnn", "filters": [4], "hidden": [16]}
SETTINGS = {"total_timesteps": 130, "learning_starts": 30, "batch_size": 8, "buffer_size": 60}


def job(folder: Path, variant: str, env_id: str) -> CohortJob:
    """Two seeds of a variant behind a small convolution."""
    document: dict[str, Any] = {
        "name": "games",
        "engine": worlds.ENGINE,
        "envs": [env_id],
        "seeds": [3, 1],
        "baseline": variant,
        "variants": [variant],
        "settings": SETTINGS,
        "slots": {"trunk": TRUNK},
        "sweep": SWEPT.get(variant, {}),
        "record": {"probe_every": 20, "eval_every": 60, "eval_episodes": 1},
        "env": {env_id: {"value_bounds": [-10.0, 60.0]}},
    }
    runs = load.from_document(document).runs()
    lanes: Any = [{"path": r.path, "key": r.key, "config": dict(r.config), "attempts": 1} for r in runs]
    return {"folder": str(folder), "label": variant, "weights": True, "lanes": lanes, "git": {}}


@pytest.mark.slow
@pytest.mark.parametrize("variant", NAMED)
def test_every_variant_learns_from_frames(tmp_path: Path, variant: str) -> None:
    training = Training(job(tmp_path, variant, PICTURES))
    before = training.learner.online.flat.clone()
    go_on(training, 0)
    learner = training.learner
    assert learner.updates == 101
    assert learner.diverged_at == {}
    assert (learner.online.flat != before).any(-1).all()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["dqn", "per", "consecutive", "no-replay"])
def test_a_run_on_minatar_goes_on_to_the_same_bits(tmp_path: Path, variant: str) -> None:
    cohort = job(tmp_path, variant, BREAKOUT)
    undisturbed = whole(cohort, go_on(Training(cohort), 0))
    again, _ = resumed(cohort, saved(cohort, go_on(Training(cohort), 0, 71), 71))
    assert whole(cohort, go_on(again, 71)) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "args"),
    [
        *((f"MinAtar/{game}-v1", {}) for game in ("Asterix", "Freeway", "Seaquest", "SpaceInvaders")),
        ("ALE/Pong-v5", {"preprocessing": {"kind": "nature"}}),
    ],
)
def test_games_are_brought_back(env_id: str, args: dict[str, Any]) -> None:
    def play(lanes: GymLanes, steps: int) -> list[bytes]:
        return [
            b"".join(np.asarray(part).tobytes() for part in lanes.step([step % lanes.actions, 1]))
            for step in range(steps)
        ]

    one, other = (GymLanes(env_id, args, 0, [4, 9]) for _ in range(2))
    play(one, 120)
    other.restore({**one.state()})
    assert other.failures == {}
    assert play(other, 120) == play(one, 120)
