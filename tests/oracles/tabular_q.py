"""Tabular Q-learning (Watkins 1989), a loop over a table of floats: what the lanes must do without a network."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium
import numpy as np

Table = list[list[float]]


class Learned(NamedTuple):
    """The table after so many steps, and every step's (state, action, reward, next state)."""

    table: Table
    steps: list[tuple[int, int, float, int]]


def stream(entropy: int, seed: int, role: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=(seed, role))))


def learn(
    env: gymnasium.Env[Any, Any],
    *,
    entropy: int,
    seed: int,
    steps: int,
    alpha: float,
    gamma: float,
    epsilon: float,
) -> Learned:
    """Q(s, a) <- Q(s, a) + alpha (r + gamma max_a' Q(s', a') - Q(s, a)), epsilon-greedy; states are seen one-hot.

    The table begins uniform in +-1 / sqrt(states), as a layer of weights does. A time limit does not cut the target.
    """
    count, actions = env.observation_space.shape[0], env.action_space.n  # type: ignore[index, attr-defined]
    bound = 1 / np.sqrt(count)
    table: Table = stream(entropy, seed, 2).uniform(-bound, bound, (count, actions)).tolist()
    exploration = stream(entropy, seed, 5)
    seen, _ = env.reset(seed=int(stream(entropy, seed, 0).integers(2**31)))
    taken = []
    for _ in range(steps):
        state = seen.tolist().index(1.0)
        coin, pick = exploration.random(2)
        action = int(pick * actions) if coin < epsilon else table[state].index(max(table[state]))
        seen, reward, terminated, truncated, _ = env.step(action)
        after = seen.tolist().index(1.0)
        bootstrap = 0.0 if terminated else gamma * max(table[after])
        table[state][action] += alpha * (float(reward) + bootstrap - table[state][action])
        taken.append((state, action, float(reward), after))
        if terminated or truncated:
            seen, _ = env.reset()
    return Learned(table, taken)
