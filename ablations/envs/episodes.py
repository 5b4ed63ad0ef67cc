"""Episodes from given reset seeds, played side by side to their ends and never reset: what evaluations need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ablations.envs.dynamics import Flags, Seen
from ablations.envs.gym import Steps, make, sizes


class GymEpisodes:
    """N episodes, an environment of Gymnasium's own for each. One that raises gives zeros, and stands in ``raised``."""

    def __init__(self, env_id: str, args: Mapping[str, Any], seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self.envs = [make(env_id, args) for _ in seeds]
        self.features = sizes(self.envs[0])[0]
        self.first_action = int(self.envs[0].action_space.start)  # type: ignore[attr-defined]
        self.going: list[int] = []
        self.raised: dict[int, Exception] = {}

    def begin(self, chosen: Flags) -> Seen:
        """Begin those chosen (N,): what is seen of their starts (n, D)."""
        self.raised = {}
        self.going = np.flatnonzero(chosen).tolist()
        obs = np.zeros((len(self.going), self.features), dtype=np.float32)
        for place, number in enumerate(self.going):
            try:
                seen, _ = self.envs[number].reset(seed=self.seeds[number])
                obs[place] = np.reshape(seen, -1)
            except Exception as problem:
                self.raised[number] = problem
        return obs

    def step(self, actions: npt.NDArray[np.int64]) -> Steps:
        """Step those that go on: (n,) actions that count from 0 -> arrays that lead with n."""
        n = len(self.going)
        obs = np.zeros((n, self.features), dtype=np.float32)
        reward, terminated, truncated = np.zeros(n), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        for place, (number, action) in enumerate(zip(self.going, actions.tolist(), strict=True)):
            try:
                seen, gained, ended, cut, _ = self.envs[number].step(self.first_action + action)
                obs[place] = np.reshape(seen, -1)
                reward[place], terminated[place], truncated[place] = float(gained), bool(ended), bool(cut)
            except Exception as problem:
                self.raised[number] = problem
        return Steps(obs, reward, terminated, truncated)

    def keep(self, going: Flags) -> None:
        """Of those that went on only these (n,) still do."""
        self.going = [number for number, goes in zip(self.going, going.tolist(), strict=True) if goes]
