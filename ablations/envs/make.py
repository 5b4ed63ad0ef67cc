"""Lanes of an environment: all at once where that is known to give the same bits, else one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.envs.classic import classic_environment
from ablations.envs.gym import GymLanes, Lanes
from ablations.envs.vectorized import ArrayLanes
from ablations.rng.streams import Role


def lanes_of(
    env_id: str,
    args: Mapping[str, Any],
    entropy: int,
    seeds: Sequence[int],
    fast: bool,
    role: Role = Role.ENVIRONMENT,
    kind: type[ArrayLanes] = ArrayLanes,
    own_generators: bool = False,
) -> Lanes:
    """An environment per seed, seeded by its stream of ``role``. Without ``fast`` always Gymnasium's own.

    ``kind`` steps those that can be stepped all at once.
    """
    found = classic_environment(env_id, args) if fast else None
    if found is None:
        return GymLanes(env_id, args, entropy, seeds, role, own_generators)
    return kind(found, entropy, seeds, role)
