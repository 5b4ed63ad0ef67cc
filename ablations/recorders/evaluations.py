"""Evaluations: greedy episodes from fixed start seeds, every so many environment steps.

Start seeds come from a stream of their own and are the same at each evaluation and for every variant, so that curves
and differences are those of the agent. No training bit changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from ablations.dqn.learner import Learner
from ablations.dqn.types import StepRecord
from ablations.envs.gym import failure_of
from ablations.envs.make import episodes_of
from ablations.rng.streams import Role, stream
from ablations.state import State, stacked, unstacked
from ablations.store import EVALUATIONS, tabulate

MOST_STEPS = 10_000
"""An episode that its environment does not end is cut here."""


def start_seeds(entropy: int, seed: int, episodes: int) -> list[int]:
    """What a run's evaluation episodes are reset with. Of a longer list a shorter one is the beginning."""
    seeds: list[int] = stream(entropy, seed, Role.EVALUATION).integers(2**31, size=episodes).tolist()
    return seeds


class EvaluationRecorder:
    """Plays ``episodes`` greedy episodes per lane every ``every`` environment steps."""

    def __init__(
        self,
        learner: Learner,
        env_id: str,
        env_args: Mapping[str, Any],
        every: int,
        episodes: int,
    ) -> None:
        self.learner = learner
        self.every = every
        self.start_seeds = np.array([start_seeds(learner.entropy, seed, episodes) for seed in learner.seeds])
        self.lane = np.repeat(np.arange(len(learner.seeds)), episodes)  # of each of the N = L E episodes
        self.episodes = episodes_of(env_id, env_args, self.start_seeds.flatten().tolist(), learner.envs.fast)
        self.obs = np.zeros((*self.start_seeds.shape, learner.envs.features), dtype=np.float32)  # (L, E, D)
        self.rows: list[dict[str, npt.NDArray[Any]]] = []  # column -> (L, E)

    def observe(self, record: StepRecord) -> None:
        """Evaluate if it is time to."""
        if record.step % self.every == 0:
            with torch.no_grad():
                played = self.play()
            shape = self.start_seeds.shape
            columns = {
                "global_step": np.full(shape, record.step),
                "episode": np.broadcast_to(np.arange(shape[1]), shape),
                "start_seed": self.start_seeds,
                **{name: column.reshape(shape) for name, column in played.items()},
            }
            self.rows.append(columns)

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The rows of a lane in the stored schema."""
        names = self.rows[0] if self.rows else {}
        columns = {name: [each for row in self.rows for each in row[name][lane].tolist()] for name in names}
        return tabulate(EVALUATIONS, env_id, label, seed, columns)

    def state(self) -> State:
        """The rows so far."""
        return {**stacked(self.rows)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.rows = unstacked(state)

    def play(self) -> dict[str, npt.NDArray[Any]]:
        """One greedy episode per environment, all lanes together: columns (N,).

        A lane whose environment raises sits out, and its numbers mean nothing.
        """
        gamma = self.learner.settings.gamma
        seen = self.obs.reshape(len(self.lane), -1)  # (N, D): the same memory
        total, discounted = np.zeros(len(seen)), np.zeros(len(seen))
        length = np.zeros(len(seen), dtype=np.int64)
        terminated, truncated = np.zeros(len(seen), dtype=bool), np.zeros(len(seen), dtype=bool)

        going = self._sound().nonzero()[0]  # (n,): the episodes under way
        seen[going] = self.episodes.begin(self._sound())
        going = self._without(going, np.zeros(len(going), dtype=bool))
        predicted = self._q().amax(-1)
        for step in range(MOST_STEPS):
            if not len(going):
                break
            steps = self.episodes.step(self._q().argmax(-1).numpy()[going])
            seen[going] = steps.next_obs
            discounted[going] += gamma**step * steps.reward
            total[going] += steps.reward
            over = steps.terminated | steps.truncated
            if np.count_nonzero(over) or self.episodes.raised:
                terminated[going], truncated[going] = steps.terminated, steps.truncated
                length[going] = step + 1
                going = self._without(going, over)
        length[going], truncated[going] = MOST_STEPS, True
        # what a cut tail may add is at most this times the largest possible |Q|
        tails = np.where(terminated, 0.0, [gamma**each for each in length.tolist()])
        return {
            "episodic_return": total,
            "episodic_length": length,
            "terminated": terminated,
            "truncated": truncated,
            "predicted_q": predicted.numpy(),
            "discounted_return": discounted,
            "tail_discount": tails,
        }

    def _q(self) -> Tensor:
        """Q of what is seen now: (N, A). The same shapes at each step, whoever still plays: the same bits."""
        return self.learner.q(torch.from_numpy(self.obs).to(self.learner.online.flat)).flatten(0, 1).cpu()

    def _sound(self) -> npt.NDArray[np.bool_]:
        """Which episodes belong to a lane that has not failed: (N,)."""
        return ~np.isin(self.lane, list(self.learner.envs.failures))

    def _without(self, going: npt.NDArray[np.intp], over: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        """Take note of what was raised. Of these episodes (n,) those that go on."""
        envs = self.learner.envs
        for number, problem in self.episodes.raised.items():
            envs.failures.setdefault(int(self.lane[number]), failure_of(envs.steps, problem))
        keep = ~over & self._sound()[going]
        self.episodes.keep(keep)
        return going[keep]
