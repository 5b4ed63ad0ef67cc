"""Small trainings that the laws share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import Any

import torch

from ablations.dqn.learner import Learner, learn
from ablations.dqn.variants import DQN, Variant
from ablations.envs.gym import GymLanes
from ablations.recorders.episodes import EpisodeRecorder
from tests import configured

from . import covering as arrays
from . import toys  # noqa: F401  (registers environments)
from .covering import name_of

ENGINE = "reference"
"""Of all learners made here; conftest sets it."""

SMALL: dict[str, Any] = {
    "total_timesteps": 300,
    "learning_starts": 50,
    "batch_size": 8,
    "buffer_size": 100,
    "learning_rate": 3e-3,
}
SMALL_HIDDEN = (16,)
"""Widths in place of the neutral trunk's."""


def trained(
    variant: Variant,
    seeds: Sequence[int] = (0, 1),
    env_id: str = "CartPole-v1",
    dtype: torch.dtype = torch.float32,
    env_args: Mapping[str, Any] | None = None,
    entropy: int = 0,
    **settings: Any,
) -> Learner:
    """The learner of a cohort after its whole training."""
    return drained(untrained(variant, seeds, env_id, dtype, env_args, entropy, **settings))


def untrained(
    variant: Variant,
    seeds: Sequence[int] = (0, 1),
    env_id: str = "CartPole-v1",
    dtype: torch.dtype = torch.float32,
    env_args: Mapping[str, Any] | None = None,
    entropy: int = 0,
    **settings: Any,
) -> Learner:
    """The learner of a cohort before its first step."""
    envs = GymLanes(env_id, env_args or {}, entropy, seeds)
    if getattr(variant.trunk, "hidden", None) == DQN.trunk.hidden:
        variant = replace(variant, trunk=replace(variant.trunk, hidden=SMALL_HIDDEN))
    return configured.learner(variant, envs, seeds, ENGINE, dtype, entropy, **{**SMALL, **settings})


def drained(learner: Learner) -> Learner:
    """The learner after its whole training."""
    for _ in learn(learner):
        pass
    return learner


def covering(strength: int) -> dict[str, Variant]:
    """{name: variant} of a covering array of small trainings."""
    _, settings = configured.configured(**SMALL)
    return {name_of(variant): variant for variant in arrays.covering(strength, settings)}


def history(learner: Learner) -> list[list[tuple[Any, ...]]]:
    """Train; every finished episode of every lane."""
    recorder = EpisodeRecorder(len(learner.seeds))
    for record in learn(learner):
        recorder.observe(record)
    return [rows_of(recorder, lane) for lane in range(len(learner.seeds))]


def rows_of(recorder: EpisodeRecorder, lane: int) -> list[tuple[Any, ...]]:
    """The finished episodes of a lane, to be compared: an exploration rate that there is none of is None."""
    return [(*row, None if isnan(rate) else rate) for *row, rate in recorder.rows(lane).tolist()]
