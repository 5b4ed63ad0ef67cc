"""Small trainings that the laws share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch

from ablations.dqn.bootstrap import Double, InverseDouble, Max
from ablations.dqn.head import BiasFree, Dueling, Linear
from ablations.dqn.learner import Learner, learn
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.settings import Settings
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.variants import Piece, Variant
from ablations.envs.gym import GymLanes
from ablations.recorders.episodes import EpisodeRecorder, Row

from . import toys  # noqa: F401  (registers environments)

ENGINE = "reference"
"""The engine family of all learners made here; conftest sets it."""

SMALL: dict[str, Any] = {
    "total_timesteps": 300,
    "learning_starts": 50,
    "batch_size": 8,
    "buffer_size": 100,
    "hidden": (16,),
    "learning_rate": 3e-3,
}

REPLAYS: tuple[Piece, ...] = (Latest(), Consecutive(), Uniform(), Prioritized())
TARGETS: tuple[Piece, ...] = (NoTarget(), Hard(7), Soft(0.05))
BOOTSTRAPS: tuple[Piece, ...] = (Max(), Double(), InverseDouble())
HEADS: tuple[Piece, ...] = (Linear(), Dueling(), Dueling((8,)), BiasFree())

ALL_COMBINATIONS = [
    Variant(replay, target, bootstrap, head)
    for replay, target, bootstrap, head in product(REPLAYS, TARGETS, BOOTSTRAPS, HEADS)
]


def name_of(variant: Variant) -> str:
    """A short name for test ids."""
    pieces = (variant.replay, variant.target, variant.bootstrap, variant.head)
    return "+".join(piece.kind for piece in pieces) + ("-deep" if variant.head == Dueling((8,)) else "")


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
    learner = untrained(variant, seeds, env_id, dtype, env_args, entropy, **settings)
    for _ in learn(learner):
        pass
    return learner


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
    torch.set_num_threads(1)
    chosen = Settings(**{**SMALL, **settings})
    envs = GymLanes(env_id, env_args or {}, entropy, seeds)
    return Learner(variant, chosen, envs, entropy, seeds, dtype, ENGINE)


def history(learner: Learner) -> list[list[Row]]:
    """Train; every finished episode of every lane."""
    recorder = EpisodeRecorder(len(learner.seeds))
    for record in learn(learner):
        recorder.observe(record)
    return recorder.rows
