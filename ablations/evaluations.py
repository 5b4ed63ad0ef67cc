"""Evaluations: greedy episodes from fixed start seeds, every so many environment steps.

Start seeds come from a stream of their own and are the same at each evaluation and for every variant, so that curves
and differences are those of the agent. No training bit changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from ablations.envs.gym import failure_of, make
from ablations.learner import Learner, Moment
from ablations.state import State, packed, unpacked
from ablations.store import EVALUATIONS, tabulate
from ablations.streams import Role, stream

MOST_STEPS = 10_000
"""An episode that its environment does not end is cut here."""
ROW = "i8, i8, i8, f8, i8, ?, ?, f8, f8, f8"
"""A row as numpy stores it, in the order of the stored columns."""


@dataclass
class Episode:
    """A greedy episode under way."""

    predicted: float  # max_a Q(s_0, a)
    total: float = 0.0
    discounted: float = 0.0
    length: int = 0
    terminated: bool = False
    truncated: bool = False

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.terminated or self.truncated


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
        self.envs = [[make(env_id, env_args) for _ in range(episodes)] for _ in learner.seeds]
        self.start_seeds = [start_seeds(learner.entropy, seed, episodes) for seed in learner.seeds]
        self.rows: list[list[dict[str, Any]]] = [[] for _ in learner.seeds]

    def observe(self, moment: Moment) -> None:
        """Evaluate if it is time to."""
        if moment.step % self.every:
            return
        for lane, episodes in enumerate(self._play()):
            for number, episode in enumerate(episodes):
                self.rows[lane].append(
                    self._row(moment.step, number, self.start_seeds[lane][number], episode)
                )

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The rows of a lane in the stored schema."""
        rows = self.rows[lane]
        columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
        return tabulate(EVALUATIONS, env_id, label, seed, columns)

    def state(self) -> State:
        """The rows so far."""
        rows, counts = packed([[tuple(row.values()) for row in each] for each in self.rows], ROW)
        return {"rows": rows, "counts": counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        names = [name for name in EVALUATIONS.names if name not in ("env_id", "variant", "seed")]
        stored = unpacked(state["rows"], state["counts"])
        self.rows = [[dict(zip(names, row, strict=True)) for row in rows] for rows in stored]

    def _row(self, step: int, number: int, start_seed: int, episode: Episode) -> dict[str, Any]:
        gamma = self.learner.settings.gamma
        return {
            "global_step": step,
            "episode": number,
            "start_seed": start_seed,
            "episodic_return": episode.total,
            "episodic_length": episode.length,
            "terminated": episode.terminated,
            "truncated": episode.truncated,
            "predicted_q": episode.predicted,
            "discounted_return": episode.discounted,
            # what the cut tail may add is at most this times the largest possible |Q|
            "tail_discount": 0.0 if episode.terminated else gamma**episode.length,
        }

    def _play(self) -> list[list[Episode]]:
        """One greedy episode per environment, all lanes together. A lane whose environment raises sits out."""
        a = self.learner
        obs = np.zeros((len(self.envs), len(self.envs[0]), a.envs.features), dtype=np.float32)  # (L, E, D)
        self._each_lane(range(len(self.envs)), partial(self._reset, obs=obs))
        episodes = [[Episode(predicted) for predicted in row] for row in self._q(obs).amax(-1).tolist()]
        for _ in range(MOST_STEPS):
            playing = [lane for lane, row in enumerate(episodes) if not all(each.over for each in row)]
            playing = [lane for lane in playing if lane not in a.envs.failures]
            if not playing:
                break
            actions = self._q(obs).argmax(-1)  # (L, E)
            self._each_lane(playing, partial(self._step, obs=obs, actions=actions, episodes=episodes))
        for row in episodes:
            for each in row:
                each.truncated |= not each.over
        return [[] if lane in a.envs.failures else row for lane, row in enumerate(episodes)]

    def _q(self, obs: npt.NDArray[np.float32]) -> Tensor:
        with torch.no_grad():
            return self.learner.q(torch.from_numpy(obs).to(self.learner.dtype))  # (L, E, A)

    def _each_lane(self, lanes: Iterable[int], do: Callable[[int], None]) -> None:
        failures = self.learner.envs.failures
        for lane in lanes:
            if lane not in failures:
                try:
                    do(lane)
                except Exception as problem:
                    failures[lane] = failure_of(self.learner.envs.steps, problem)

    def _reset(self, lane: int, obs: npt.NDArray[np.float32]) -> None:
        for number, env in enumerate(self.envs[lane]):
            seen, _ = env.reset(seed=self.start_seeds[lane][number])
            obs[lane, number] = np.reshape(seen, -1)

    def _step(
        self, lane: int, obs: npt.NDArray[np.float32], actions: Tensor, episodes: list[list[Episode]]
    ) -> None:
        a = self.learner
        together = zip(self.envs[lane], actions[lane].tolist(), episodes[lane], strict=True)
        for number, (env, action, episode) in enumerate(together):
            if episode.over:
                continue
            seen, reward, terminated, truncated, _ = env.step(a.envs.first_action + action)
            obs[lane, number] = np.reshape(seen, -1)
            episode.discounted += a.settings.gamma**episode.length * float(reward)
            episode.total += float(reward)
            episode.length += 1
            episode.terminated, episode.truncated = bool(terminated), bool(truncated)
