"""Exact worlds: small Gymnasium environments that know their own model, so that Q* can be computed. No torch.

``grid`` is a grid with a goal, ``baird`` is Baird's star. Both are played from the model that they hand out, so
what is learned from and what it is measured against cannot differ.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from ablations.envs.exact import Array, Model

GOAL = 1.0
"""The reward of the step that enters the goal."""
STEP = -0.01
"""The reward of every other step."""
LARGEST = 10
"""Cells along the side of the largest grid, which has 100 states."""
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""(row, column) of up, right, down and left: a move's sides are its neighbours in this list."""
FEATURES = ("coordinates", "onehot")

Observation = npt.NDArray[np.float32]


class World(gymnasium.Env[Observation, np.int64]):
    """An environment played from transitions (S, A, S), whose reward is that of the state it enters.

    It ends in terminal states and is truncated after ``limit`` steps (0: never).
    """

    def __init__(
        self,
        observations: Observation,
        transitions: Array,
        entering: Array,
        terminal: npt.NDArray[np.bool_],
        start: Array,
        limit: int,
    ) -> None:
        _check(type(limit) is int and limit >= 0, f"limit must be an integer of at least 0, not {limit!r}")
        self._model = Model(observations, transitions, transitions @ entering, terminal, start)
        self._entering = entering.tolist()
        self._cumulative = transitions.cumsum(axis=-1)  # (S, A, S)
        self._limit = limit
        self._state = self._elapsed = 0
        low, high = float(observations.min()), float(observations.max())
        self.observation_space = Box(low, high, observations.shape[1:], np.float32)
        self.action_space = Discrete(transitions.shape[1])

    def model(self) -> Model:
        """The whole of it."""
        return self._model

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._state, self._elapsed = self._drawn(self._model.start.cumsum()), 0
        return self._seen(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._state = self._drawn(self._cumulative[self._state, action])
        self._elapsed += 1
        ended = bool(self._model.terminal[self._state])
        return self._seen(), self._entering[self._state], ended, self._elapsed == self._limit, {}

    def _seen(self) -> Observation:
        return np.array(self._model.observations[self._state])

    def _drawn(self, cumulative: Array) -> int:
        """A state by its cumulative probability; one draw whatever the probabilities."""
        return int(cumulative.searchsorted(self.np_random.random() * cumulative[-1], side="right"))


def grid(size: int = 5, slip: float = 0.1, limit: int = 100, features: str = "coordinates") -> World:
    """A square of ``size`` x ``size`` cells from the upper left corner to the goal in the lower right one.

    Up, right, down, left; a move into the wall stays where it is. With probability ``slip`` a move goes to one of its
    two sides instead, each as often. Entering the goal pays 1 and ends the episode, any other step costs 0.01.
    A cell is seen as its row and column, from -1 to 1, or as a vector with a 1 in its place.
    """
    _check(type(size) is int and 2 <= size <= LARGEST, f"size must be 2 to {LARGEST}, not {size!r}")
    _check(
        isinstance(slip, int | float) and 0 <= slip <= 1,
        f"slip is a probability from 0 to 1, not {slip!r}",
    )
    _check(features in FEATURES, f"features must be one of {', '.join(FEATURES)}, not {features!r}")
    cells = size * size
    goal = cells - 1
    transitions = np.zeros((cells, len(MOVES), cells))
    for state in range(cells):
        for action in range(len(MOVES)):
            for turn, chance in ((0, 1 - slip), (1, slip / 2), (-1, slip / 2)):
                end = _moved(state, MOVES[(action + turn) % len(MOVES)], size) if state != goal else goal
                transitions[state, action, end] += chance
    entering = np.full(cells, STEP)
    entering[goal] = GOAL
    observations = np.eye(cells, dtype=np.float32)
    if features == "coordinates":
        places = np.linspace(-1, 1, size, dtype=np.float32)
        observations = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(cells, 2)
    start = np.eye(cells)[0]
    return World(observations, transitions, entering, np.arange(cells) == goal, start, limit)


def baird(limit: int = 100) -> World:
    """Baird's star (Baird 1995; Sutton and Barto 2018, section 11.2) with an action for each line: Q-learning's form.

    Seven states. The first six actions (dashed) lead to the six upper states, the seventh (solid) to the lower one,
    from wherever; under uniform behaviour that is the star's 6/7 and 1/7. No reward, no end: Q* = 0. The 8 features of
    upper state i are 2 in place i and 1 in the last place, those of the lower state 1 in place 7 and 2 in the last.
    """
    states = 7
    observations = np.zeros((states, states + 1), dtype=np.float32)
    observations[:, :states] = np.diag([2.0] * 6 + [1.0])
    observations[:, states] = [1.0] * 6 + [2.0]
    transitions = np.broadcast_to(np.eye(states), (states, states, states)).copy()
    nothing, never = np.zeros(states), np.zeros(states, dtype=bool)
    return World(observations, transitions, nothing, never, np.full(states, 1 / states), limit)


def _moved(state: int, move: tuple[int, int], size: int) -> int:
    """The cell that a move leads to; walls hold it back."""
    row, column = divmod(state, size)
    row, column = row + move[0], column + move[1]
    return row * size + column if 0 <= row < size and 0 <= column < size else state


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
