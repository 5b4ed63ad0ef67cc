"""Small trainings on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablations.dqn.learner import Learner, learn
from ablations.dqn.variants import Variant
from ablations.engines.cuda import ops
from ablations.recorders.episodes import EpisodeRecorder
from tests import configured

SMALL: dict[str, Any] = {
    "total_timesteps": 200,
    "learning_starts": 40,
    "batch_size": 16,
    "buffer_size": 100,
    "hidden": (24, 16),
}


def untrained(
    variant: Variant, seeds: Sequence[int] = (0, 1), env_id: str = "CartPole-v1", **numbers: Any
) -> Learner:
    """The learner of a cohort on the device before its first step."""
    envs: Any = ops.lanes(env_id, {}, 0, seeds)
    return configured.learner(variant, envs, seeds, "cuda", **{**SMALL, **numbers})


def trained(learner: Learner) -> EpisodeRecorder:
    """Train to the end; the episodes."""
    recorder = EpisodeRecorder(len(learner.seeds), learner.envs.xp)
    for record in learn(learner):
        recorder.observe(record)
    return recorder
