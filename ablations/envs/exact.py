"""Exact values of small environments: the oracle that learned values are measured against. Plain numpy.

S states, A actions. A terminal state is worth 0 whatever happens in it. A time limit is no part of a model: agents
bootstrap through it (Pardo et al. 2018), so the values they look for are those of the endless task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

TOLERANCE = 1e-12
"""Value iteration stops when no value can be further from its limit than this."""
MOST_SWEEPS = 1_000_000


@dataclass(frozen=True)
class Model:
    """A Markov decision process, complete."""

    observations: npt.NDArray[np.float32]  # (S, D): what an agent sees in each state
    transitions: Array  # (S, A, S): P(s' | s, a)
    rewards: Array  # (S, A): E[r | s, a]
    terminal: npt.NDArray[np.bool_]  # (S,)
    start: Array  # (S,): how likely an episode begins in each state


def backed_up(model: Model, values: Array, gamma: float) -> Array:
    """One step of look-ahead: Q(s, a) = E[r | s, a] + gamma sum_s' P(s' | s, a) V(s'), (S,) -> (S, A)."""
    return model.rewards + gamma * model.transitions @ np.where(model.terminal, 0.0, values)


def optimal_q(model: Model, gamma: float) -> Array:
    """Q* (S, A) by value iteration (Sutton and Barto 2018, section 4.4): V <- max_a Q until nothing moves.

    Needs gamma < 1. Rows of terminal states are 0.
    """
    _check(gamma)
    values = np.zeros(len(model.terminal))
    for _ in range(MOST_SWEEPS):
        before, values = values, _greedy_values(model, values, gamma)
        # |V - V*| <= gamma / (1 - gamma) |V - V before|; rounding keeps the difference of large values from 0
        rounding = 4 * np.finfo(np.float64).eps * np.abs(values).max()
        if np.abs(values - before).max() * gamma <= max(TOLERANCE * (1 - gamma), rounding):
            break
    return _off_terminal(model, backed_up(model, values, gamma))


def optimal_q_of_horizon(model: Model, gamma: float, steps: int) -> Array:
    """Q* (S, A) with so many steps left and nothing after them: the time limit as an end, ``steps`` sweeps from 0."""
    values = np.zeros(len(model.terminal))
    for _ in range(steps - 1):
        values = _greedy_values(model, values, gamma)
    return _off_terminal(model, backed_up(model, values, gamma))


def policy_values(model: Model, gamma: float, policy: npt.NDArray[np.int64]) -> Array:
    """V of deterministic policies, exactly: (L, S) actions -> (L, S), by solving (I - gamma P) V = r.

    Needs gamma < 1.
    """
    _check(gamma)
    states = np.arange(len(model.terminal))
    alive = ~model.terminal
    rewards = np.where(alive, model.rewards[states, policy], 0.0)  # (L, S)
    chain = (
        model.transitions[states, policy] * alive[:, None] * alive
    )  # (L, S, S): from and to states that go on
    return np.linalg.solve(np.eye(len(states)) - gamma * chain, rewards[..., None])[..., 0].astype(np.float64)


def _greedy_values(model: Model, values: Array, gamma: float) -> Array:
    best: Array = _off_terminal(model, backed_up(model, values, gamma)).max(axis=1)
    return best


def _off_terminal(model: Model, q: Array) -> Array:
    return np.where(model.terminal[:, None], 0.0, q)


def _check(gamma: Any) -> None:
    if not gamma < 1:
        raise ValueError(f"exact values of an endless task need gamma < 1, not {gamma}")
