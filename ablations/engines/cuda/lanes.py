"""Environments of all lanes on the device, stepped together and reset where they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ablations.engines.cuda.physics import KINDS
from ablations.envs.gym import Failure, Steps, make
from ablations.rng.philox import keys, uniforms
from ablations.rng.streams import Role
from ablations.state import State

AHEAD = 128
"""Episodes whose starts are at hand, the one under way included; all others of these can end in so many steps."""


class DeviceLanes:
    """L environments of one kind; what an agent sees is ``obs`` (L, D) float32.

    Episode n of a lane starts from call n of its key (``philox``), whatever happened before: at one seed all variants
    meet the same starts. The first ``AHEAD`` starts from the episode ``base`` on are kept at hand.
    """

    fast: ClassVar[bool] = True
    first_action: ClassVar[int] = 0

    def __init__(
        self, env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int], device: str
    ) -> None:
        spec = make(env_id, args).spec
        self.limit = (
            spec.max_episode_steps if spec and spec.max_episode_steps else torch.iinfo(torch.int64).max
        )
        self.physics = KINDS[env_id]()
        self.features, self.actions = self.physics.features, self.physics.actions
        self.failures: dict[int, Failure] = {}  # physics raises nothing
        self.steps = 0
        self.keys = keys(entropy, seeds, Role.ENVIRONMENT, device)  # (L, 2)
        self.episode = torch.zeros(len(seeds), dtype=torch.int64, device=device)  # (L,) under way
        self.elapsed = torch.zeros_like(self.episode)
        self.base = torch.zeros_like(self.episode)
        self.starts = self._drawn()  # (L, AHEAD, S)
        self.left = AHEAD - 1
        self.states = self.starts[:, 0].clone()
        self.seen = self.physics.seen(self.states)  # (L, D), in one place for good

    @property
    def obs(self) -> Tensor:
        """What the agents see now: a copy."""
        return self.seen.clone()

    def refill(self) -> None:
        """Called before each step: draws starts before they run out."""
        if self.left == 0:
            self.base.copy_(self.episode)
            self.starts.copy_(self._drawn())
            self.left = AHEAD - 1
        self.left -= 1

    def step(self, actions: Tensor) -> Steps:
        """Step every lane; finished episodes begin anew and ``obs`` moves on."""
        states, reward, terminated = self.physics.step(self.states, actions)
        next_obs = self.physics.seen(states)
        self.elapsed += 1
        truncated = self.elapsed >= self.limit
        over = terminated | truncated
        self.elapsed.masked_fill_(over, 0)
        self.episode += over
        place = (self.episode - self.base)[:, None, None].expand(-1, 1, states.shape[-1])
        start = self.starts.gather(1, place).squeeze(1)  # (L, S)
        self.states.copy_(torch.where(over[:, None], start, states))
        self.seen.copy_(torch.where(over[:, None], self.physics.seen(start), next_obs))
        return Steps(next_obs, reward, terminated, truncated)

    def close(self) -> None:
        """Nothing is held."""

    def state(self) -> State:
        """States, and how far each lane has come."""
        return {"states": self.states, "seen": self.seen, "episode": self.episode, "elapsed": self.elapsed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        for name in ("states", "seen", "episode", "elapsed"):
            getattr(self, name).copy_(torch.from_numpy(state[name]))
        self.left = 0

    def _drawn(self) -> Tensor:
        """The starts of the episodes from ``base`` on: (L, AHEAD, S)."""
        episodes = self.base[:, None] + torch.arange(AHEAD, device=self.base.device)
        return self.physics.starts(uniforms(self.keys[:, None], episodes, self.physics.draws))
