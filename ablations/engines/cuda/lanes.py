"""Environments of all lanes on the device, stepped together and reset where they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ablations.engines.cuda.tensors import Tensors
from ablations.envs.classic import as_registered
from ablations.envs.gym import Failure, Steps
from ablations.envs.observations import vector
from ablations.envs.vectorized import ArrayEpisodes
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
    own_generators: ClassVar[bool] = False
    clips_rewards: ClassVar[bool] = False
    first_action: ClassVar[int] = 0

    def __init__(
        self, env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int], device: str
    ) -> None:
        self.xp = Tensors(device)
        known = as_registered(env_id, args, self.xp)
        if known is None:
            raise ValueError(f"'{env_id}' is not what Gymnasium registers by this id")
        self.known = known
        self.dynamics, self.limit = known
        self.observation, self.actions = vector(self.dynamics.features), self.dynamics.actions
        self.failures: dict[int, Failure] = {}  # physics raises nothing
        self.steps = 0
        self.keys = keys(entropy, seeds, Role.ENVIRONMENT, device)  # (L, 2)
        self.episode, self.elapsed, self.base = self.xp.zeros(
            (3, len(seeds)), int
        )  # (L,); episode: under way
        self.starts, self.first_obs = self._drawn()  # (L, AHEAD, S), (L, AHEAD, D)
        self.left = AHEAD - 1
        self.states = torch.stack(self.starts[:, 0].unbind(-1))  # (S, L), in memory of its own
        self.seen = self.first_obs[:, 0].clone()  # (L, D), in one place for good

    @property
    def obs(self) -> Tensor:
        """What the agents see now: a copy."""
        return self.seen.clone()

    def refill(self) -> None:
        """Called before each step: draws starts before they run out."""
        if self.left == 0:
            self.base.copy_(self.episode)
            for place, drawn in zip((self.starts, self.first_obs), self._drawn(), strict=True):
                place.copy_(drawn)
            self.left = AHEAD - 1
        self.left -= 1

    def step(self, actions: Tensor) -> Steps:
        """Step every lane; finished episodes begin anew and ``obs`` moves on."""
        states, reward, terminated = self.dynamics.step(self.states, actions)
        next_obs = self.dynamics.obs(states)
        self.elapsed += 1
        truncated = self.elapsed >= self.limit
        over = terminated | truncated
        self.elapsed.masked_fill_(over, 0)
        self.episode += over
        start, first_obs = (self._of_episode(each) for each in (self.starts, self.first_obs))
        self.states.copy_(torch.where(over, start.T, states))
        self.seen.copy_(torch.where(over[:, None], first_obs, next_obs))
        return Steps(next_obs, reward, terminated, truncated)

    def episodes(self, seeds: Sequence[int]) -> ArrayEpisodes:
        """One per reset seed, begun as Gymnasium begins them."""
        return ArrayEpisodes(self.known, seeds)

    def close(self) -> None:
        """Nothing is held."""

    def state(self) -> State:
        """States, and how far each lane has come."""
        return {"states": self.states.T, "seen": self.seen, "episode": self.episode, "elapsed": self.elapsed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        places = {
            "states": self.states.T,
            "seen": self.seen,
            "episode": self.episode,
            "elapsed": self.elapsed,
        }
        for name, place in places.items():
            place.copy_(torch.from_numpy(state[name]))
        self.left = 0

    def _of_episode(self, ahead: Tensor) -> Tensor:
        """Of what is at hand (L, AHEAD, ...) that of the episode under way: (L, ...)."""
        place = (self.episode - self.base)[:, None, None].expand(-1, 1, ahead.shape[-1])
        return ahead.gather(1, place).squeeze(1)

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """The starts of the episodes from ``base`` on (L, AHEAD, S), and what is seen of them (L, AHEAD, D)."""
        d, (low, high) = self.dynamics, self.dynamics.start_range
        episodes = self.base[:, None] + torch.arange(AHEAD, device=self.base.device)  # (L, AHEAD)
        drawn = low + (high - low) * uniforms(self.keys[:, None], episodes, d.draws)
        starts = d.starts(drawn.flatten(0, 1).T)  # (L, AHEAD, draws) -> (S, L AHEAD)
        shape = (*episodes.shape, -1)
        return starts.T.double().reshape(shape), d.obs(starts).view(shape)
