"""The score of the uniform random policy: the zero of the normalised score, stored with each study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ablations.envs.gym import opened
from ablations.rng.streams import Role, stream

EPISODES = 100
MOST_STEPS = 1_000_000


def random_policy(
    env_id: str,
    env_args: Mapping[str, Any],
    entropy: int,
    heartbeat: Callable[[], None] = lambda: None,
    own_generators: bool = False,
) -> dict[str, Any] | None:
    """Mean and standard deviation of the returns of ``EPISODES`` episodes under uniformly drawn actions.

    ``heartbeat`` is called at every step. None where the environment raises, where a reward is not finite, and where so
    many episodes take more than ``MOST_STEPS`` steps.
    """
    generator = stream(entropy, 0, Role.RANDOM_POLICY)
    returns: list[float] = []
    try:
        seed = int(generator.integers(2**31))
        env = opened(env_id, env_args, seed, own_generators)
        env.reset(seed)
        total = 0.0
        for _ in range(MOST_STEPS):
            step = env.step(int(generator.random() * env.actions))
            total += step.reward
            heartbeat()
            if step.terminated or step.truncated:
                returns.append(total)
                if len(returns) == EPISODES:
                    break
                env.reset()
                total = 0.0
        env.close()
    except Exception:
        return None  # the runs of this environment will tell what it raises
    if len(returns) < EPISODES or not np.isfinite(returns).all():
        return None
    return {
        "episodes": EPISODES,
        "mean_return": float(np.mean(returns)),
        "std_return": float(np.std(returns, ddof=1)),
    }
