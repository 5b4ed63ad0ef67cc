"""A whole cohort on one device: environments, replay and learner, without a look from the host in between.

What can be known of it without PyTorch stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

WORLDS = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0")
"""The environments that exist as tensor arithmetic."""
ARGUMENTS = ("max_episode_steps",)
"""What they can be made with."""
MOST_LANES = 16_384
"""How many runs of a row train together at most."""


def refusals(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(key of a study, sentence) for each environment {id: arguments} that can't be stepped on a device."""
    for env_id, args in environments.items():
        if env_id not in WORLDS:
            yield (
                "envs",
                f"'{env_id}' can't be trained with the engine 'cuda', which steps its environments on the GPU: "
                f"{', '.join(WORLDS)}; use the engine 'auto'",
            )
            continue
        for name in args:
            if name not in ARGUMENTS:
                yield (
                    f'env."{env_id}".args',
                    f"the engine 'cuda' knows no argument but {', '.join(ARGUMENTS)}, got '{name}'; "
                    "use the engine 'auto'",
                )
