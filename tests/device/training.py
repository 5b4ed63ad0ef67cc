"""Small trainings on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ablations.device.episodes import DeviceEpisodeRecorder
from ablations.families import cuda
from ablations.learner import Learner, learn
from ablations.settings import Settings
from ablations.variants import Variant

SMALL: dict[str, Any] = {
    "total_timesteps": 200,
    "learning_starts": 40,
    "batch_size": 16,
    "buffer_size": 100,
    "hidden": (24, 16),
}


def untrained(
    variant: Variant, seeds: Sequence[int] = (0, 1), env_id: str = "CartPole-v1", **settings: Any
) -> Learner:
    """The learner of a cohort on the device before its first step."""
    torch.set_num_threads(1)
    envs: Any = cuda.lanes(env_id, {}, 0, seeds)
    return Learner(variant, Settings(**{**SMALL, **settings}), envs, 0, seeds, family="cuda")


def trained(learner: Learner) -> DeviceEpisodeRecorder:
    """Train to the end; the episodes."""
    recorder = DeviceEpisodeRecorder(len(learner.seeds), cuda.DEVICE)
    for moment in learn(learner):
        recorder.observe(moment)
    return recorder
