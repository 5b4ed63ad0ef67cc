"""Lanes and episodes stepped all at once, over arrays: what they give is what Gymnasium's own would, to the bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.utils.seeding import np_random

from ablations.envs.classic import ClassicEnvironment
from ablations.envs.dynamics import Array, Flags, Seen
from ablations.envs.gym import Failure, Steps, reset_seed
from ablations.rng.streams import Role, position, put
from ablations.state import State

BLOCK = 64
"""Starting states that a lane draws from its generator at a time."""
NEVER = np.iinfo(np.int64).max


class ArrayLanes:
    """L environments of a known kind, with the interface of ``GymLanes``."""

    fast: ClassVar[bool] = True
    first_action: ClassVar[int] = 0

    def __init__(
        self, known: ClassicEnvironment, entropy: int, seeds: Sequence[int], role: Role = Role.ENVIRONMENT
    ) -> None:
        self.failures: dict[int, Failure] = {}
        self.steps = 0
        self.dynamics = known.dynamics
        self.limit = NEVER if known.limit is None else known.limit
        self.features, self.actions = known.dynamics.features, known.dynamics.actions
        self.generators = [np_random(reset_seed(entropy, seed, role))[0] for seed in seeds]
        lanes, numbers = len(seeds), len(known.dynamics.state_bounds)
        self.states = np.zeros((numbers, lanes))  # (S, L)
        self.obs = np.zeros((lanes, self.features), dtype=np.float32)
        self.elapsed = np.zeros(lanes, dtype=np.int64)  # steps of the episodes under way
        # starts that each lane's generator has given ahead, what is seen of them, and how many have been used
        self.starts = np.zeros((lanes, BLOCK, numbers))
        self.first_obs = np.zeros((lanes, BLOCK, self.features), dtype=np.float32)
        self.used = np.zeros(lanes, dtype=np.int64)
        for lane in range(lanes):
            self._draw(lane)
        self._begin(np.arange(lanes))

    def step(self, actions: Any) -> Steps:
        """Step every lane that has not failed; finished episodes are reset and ``obs`` moves on."""
        self.steps += 1
        states, reward, terminated = self.dynamics.step(self.states, np.asarray(actions))
        next_obs = self.dynamics.obs(states)
        self.elapsed += 1
        truncated = self.elapsed >= self.limit
        if self.failures:
            still = list(self.failures)
            states[:, still], next_obs[still] = self.states[:, still], self.obs[still]
            reward[still], terminated[still], truncated[still] = 0.0, False, False
        self.states, self.obs = states, next_obs
        over = (terminated | truncated).nonzero()[0]
        if len(over):
            self.obs = next_obs.copy()
            self._begin(over)
        return Steps(next_obs, reward, terminated, truncated)

    def close(self) -> None:
        """Nothing is held."""

    def state(self) -> State:
        """Physics, observations, elapsed steps, and where Gymnasium's generators would stand."""
        return {
            "kind": "arrays",
            "steps": self.steps,
            "states": self.states.T,
            "obs": self.obs,
            "elapsed": self.elapsed,
            "generators": np.stack([self._position(lane) for lane in range(len(self.obs))]),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        if state["kind"] != "arrays":
            raise ValueError(f"its environments were kept as {state['kind']}")
        self.steps = state["steps"]
        self.states[:] = state["states"].T
        self.obs[:] = state["obs"]
        self.elapsed[:] = state["elapsed"]
        for lane, (generator, found) in enumerate(zip(self.generators, state["generators"], strict=True)):
            put(generator, found)
            self._draw(lane)

    def _position(self, lane: int) -> npt.NDArray[np.uint64]:
        """Where the lane's generator would stand if no start had been drawn ahead: (6,)."""
        bits = np.random.PCG64()
        bits.state = self.generators[lane].bit_generator.state  # type: ignore[assignment]
        bits.advance((int(self.used[lane]) - BLOCK) * self.dynamics.draws)
        return position(bits.state)

    def _begin(self, lanes: npt.NDArray[np.intp]) -> None:
        """Begin the next episode of these lanes."""
        used = self.used[lanes]
        self.states[:, lanes] = self.starts[lanes, used].T
        self.obs[lanes] = self.first_obs[lanes, used]
        self.elapsed[lanes] = 0
        self.used[lanes] = used + 1
        if (used == BLOCK - 1).any():
            self.draw_ahead()

    def draw_ahead(self) -> None:
        """Draw the next starts of the lanes that have used theirs."""
        for lane in (self.used == BLOCK).nonzero()[0].tolist():
            self._draw(lane)

    def _draw(self, lane: int) -> None:
        starts = self.dynamics.starts(self.generators[lane], BLOCK)  # (S, K)
        self.starts[lane] = starts.T
        self.first_obs[lane] = self.dynamics.first_obs(starts)
        self.used[lane] = 0


class ArrayEpisodes:
    """Episodes of a known environment from given reset seeds, played to their ends side by side."""

    def __init__(self, known: ClassicEnvironment, seeds: Sequence[int]) -> None:
        self.dynamics = known.dynamics
        self.limit = NEVER if known.limit is None else known.limit
        drawn = [known.dynamics.starts(np_random(seed)[0], 1) for seed in seeds]
        self.starts: Array = np.concatenate(drawn, axis=1)  # (S, N)
        self.first_obs = known.dynamics.first_obs(self.starts)
        self.raised: dict[int, Exception] = {}  # physics over arrays raises nothing

    def begin(self, chosen: Flags) -> Seen:
        """Begin those chosen (N,): what is seen of their starts (n, D)."""
        self.states, self.elapsed = self.starts[:, chosen], 0
        return self.first_obs[chosen]

    def step(self, actions: npt.NDArray[np.int64]) -> Steps:
        """Step the n episodes that go on: (n,)."""
        self.states, reward, terminated = self.dynamics.step(self.states, actions)
        self.elapsed += 1
        truncated = np.full(len(terminated), self.elapsed >= self.limit)
        return Steps(self.dynamics.obs(self.states), reward, terminated, truncated)

    def keep(self, going: Flags) -> None:
        """Of the episodes stepped last only these (n,) go on."""
        self.states = self.states[:, going]
