"""Small trainings that the laws share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch

from ablations.bootstrap import Double, InverseDouble, Max
from ablations.envs.gym import GymLanes
from ablations.head import Dueling, Linear
from ablations.learner import Learner, learn
from ablations.replay.consecutive import Consecutive
from ablations.replay.latest import Latest
from ablations.replay.prioritized import Prioritized
from ablations.replay.uniform import Uniform
from ablations.settings import Settings
from ablations.target import Hard, NoTarget, Soft
from ablations.variants import Variant

SMALL: dict[str, Any] = {
    "total_timesteps": 300,
    "learning_starts": 50,
    "batch_size": 8,
    "buffer_size": 100,
    "hidden": (16,),
    "learning_rate": 3e-3,
}

ALL_COMBINATIONS = [
    Variant(*pieces)
    for pieces in product(
        (Latest(), Consecutive(), Uniform(), Prioritized()),
        (NoTarget(), Hard(7), Soft(0.05)),
        (Max(), Double(), InverseDouble()),
        (Linear(), Dueling(), Dueling((8,))),
    )
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
    **settings: Any,
) -> Learner:
    """The learner of a cohort after its whole training."""
    chosen = Settings(**{**SMALL, **settings})
    torch.set_num_threads(1)
    learner = Learner(variant, chosen, GymLanes(env_id, {}, 0, seeds), 0, seeds, dtype)
    for _ in learn(learner):
        pass
    return learner
