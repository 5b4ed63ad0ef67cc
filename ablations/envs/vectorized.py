"""Lanes and episodes stepped all at once, over arrays: what they give is what Gymnasium's own would, to the bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.utils.seeding import np_random

from ablations.envs.classic import ClassicEnvironment, drawn
from ablations.envs.gym import Failure, Steps, reset_seed
from ablations.envs.namespace import NUMPY, Array, Namespace
from ablations.envs.observations import vector
from ablations.rng.streams import Role, position, put
from ablations.state import State

BLOCK = 64
"""Starting states that a lane draws from its generator at a time."""


class ArrayLanes:
    """L environments of a known kind, with the interface of ``GymLanes``."""

    fast: ClassVar[bool] = True
    own_generators: ClassVar[bool] = False
    clips_rewards: ClassVar[bool] = False
    first_action: ClassVar[int] = 0
    xp: ClassVar[Namespace] = NUMPY

    def __init__(
        self, known: ClassicEnvironment, entropy: int, seeds: Sequence[int], role: Role = Role.ENVIRONMENT
    ) -> None:
        self.failures: dict[int, Failure] = {}
        self.steps = 0
        self.known = known
        self.dynamics, self.limit = known
        features, self.actions = known.dynamics.features, known.dynamics.actions
        self.observation = vector(features)
        self.generators = [np_random(reset_seed(entropy, seed, role))[0] for seed in seeds]
        lanes, numbers = len(seeds), len(known.dynamics.state_bounds)
        self.states = np.zeros((numbers, lanes))  # (S, L)
        self.obs = np.zeros((lanes, features), dtype=np.float32)
        self.elapsed = np.zeros(lanes, dtype=np.int64)  # steps of the episodes under way
        # starts that each lane's generator has given ahead, what is seen of them, and how many have been used
        self.starts = np.zeros((lanes, BLOCK, numbers))
        self.first_obs = np.zeros((lanes, BLOCK, features), dtype=np.float32)
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

    def episodes(self, seeds: Sequence[int]) -> ArrayEpisodes:
        """One per reset seed."""
        return ArrayEpisodes(self.known, seeds)

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
        starts = self.dynamics.starts(drawn(self.dynamics, self.generators[lane], BLOCK))  # (S, K)
        self.starts[lane] = starts.T
        self.first_obs[lane] = self.dynamics.obs(starts)
        self.used[lane] = 0


class ArrayEpisodes:
    """N episodes of a known environment from given reset seeds, played side by side, on the host or a device.

    Arrays keep their places, so that what steps them can be recorded once and replayed.
    """

    def __init__(self, known: ClassicEnvironment, seeds: Sequence[int]) -> None:
        self.dynamics, self.limit = known
        self.xp = xp = known.dynamics.xp
        each = [drawn(known.dynamics, np_random(seed)[0], 1) for seed in seeds]
        self.starts = known.dynamics.starts(xp.constant(np.concatenate(each, axis=1)))  # (S, N)
        self.states = xp.zeros(self.starts.shape, float)
        self.first_obs, self.obs = (known.dynamics.obs(self.starts) for _ in range(2))  # (N, D)
        self.elapsed = xp.zeros((len(seeds),), int)
        self.going = xp.zeros((len(seeds),), bool)
        self.raised: dict[int, Exception] = {}  # physics over arrays raises nothing

    def begin(self, without: npt.NDArray[np.intp]) -> None:
        """Begin all but these numbers (n,)."""
        self.states[:], self.obs[:], self.elapsed[:] = self.starts, self.first_obs, 0
        self.going[:] = True
        self.going[without] = False

    def step(self, actions: Array) -> Steps:
        """Step those that go on; the others stand still and give nothing."""
        xp, going = self.xp, self.going
        states, reward, terminated = self.dynamics.step(self.states, xp.asarray(actions))
        self.elapsed += going
        steps = Steps(self.obs, reward * going, terminated & going, going & (self.elapsed >= self.limit))
        self.states[:] = xp.where(going, states, self.states)
        self.obs[:] = self.dynamics.obs(self.states)
        self.going &= ~(steps.terminated | steps.truncated)
        return steps
