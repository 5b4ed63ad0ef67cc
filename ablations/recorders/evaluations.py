"""Evaluations: episodes from fixed start seeds, every so many environment steps; greedy but for a share ``epsilon``.

Start seeds come from a stream of their own and are the same at each evaluation and for every variant, so that curves
and differences are those of the agent. No training bit changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from ablations.dqn.learner import Learner, learned_from
from ablations.dqn.types import StepRecord
from ablations.envs.gym import failure_of
from ablations.rng.streams import Role, stream
from ablations.state import State, stacked, unstacked
from ablations.store import EVALUATIONS, tabulate

if TYPE_CHECKING:
    from ablations.dqn.types import Number

APART = 40
"""Bits: an evaluation's draws begin 2**40 times its step along the stream, so that no two of a run share any."""
MOST_STEPS = 10_000
"""An episode that its environment does not end is cut here."""


def start_seeds(entropy: int, seed: int, episodes: int) -> list[int]:
    """What a run's evaluation episodes are reset with. Of a longer list a shorter one is the beginning."""
    seeds: list[int] = stream(entropy, seed, Role.EVALUATION).integers(2**31, size=episodes).tolist()
    return seeds


class EvaluationRecorder:
    """Plays ``episodes`` episodes per lane every ``every`` environment steps, all N = L E side by side."""

    def __init__(
        self,
        learner: Learner,
        every: int,
        episodes: int,
        heartbeat: Callable[[], None] = lambda: None,
        epsilon: float = 0.0,
    ) -> None:
        self.learner, self.heartbeat, self.epsilon = learner, heartbeat, epsilon
        self.every = every
        self.start_seeds = np.array([start_seeds(learner.entropy, seed, episodes) for seed in learner.seeds])
        self.lane = np.repeat(np.arange(len(learner.seeds)), episodes)  # of each episode: (N,)
        self.xp = learner.envs.xp
        self.episodes = learner.envs.episodes(self.start_seeds.flatten().tolist())
        self.total, self.discounted = self.xp.zeros((2, len(self.lane)), float)
        self.terminated, self.truncated = self.xp.zeros((2, len(self.lane)), bool)
        self.advance = learner.engine.compile(_advance)
        self.rows: list[dict[str, npt.NDArray[Any]]] = []  # column -> (L, E)

    def observe(self, record: StepRecord) -> None:
        """Evaluate if it is time to."""
        if record.step % self.every == 0:
            with torch.no_grad():
                played = self.play(record.step)
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

    def play(self, now: int = 0) -> dict[str, npt.NDArray[Any]]:
        """One episode per start seed, after ``now`` environment steps: columns (N,).

        A lane whose environment raises sits out, and its numbers mean nothing.
        """
        draws = self._draws(now)
        gamma, episodes = self.learner.settings.gamma, self.episodes
        for number in (self.total, self.discounted, self.terminated, self.truncated):
            number[:] = 0
        episodes.begin(self._failed())
        self._sit_out()
        predicted = _values(self).amax(-1).cpu().numpy()
        for step in range(MOST_STEPS):
            if step % self.xp.look_every == 0 and not self.xp.count_nonzero(episodes.going):
                break
            self.advance(self, gamma**step, *next(draws))
            self.heartbeat()
            self._sit_out()
        self.truncated |= episodes.going
        length, terminated = self.xp.fetched(episodes.elapsed), self.xp.fetched(self.terminated)
        # what a cut tail may add is at most this times the largest possible |Q|
        tails = np.where(terminated, 0.0, [gamma**each for each in length.tolist()])
        return {
            "episodic_return": self.xp.fetched(self.total),
            "episodic_length": length,
            "terminated": terminated,
            "truncated": self.xp.fetched(self.truncated),
            "predicted_q": predicted,
            "discounted_return": self.xp.fetched(self.discounted),
            "tail_discount": tails,
        }

    def _draws(self, now: int) -> Iterator[tuple[Tensor, ...]]:
        """Uniform draws (N, 2) for each step, a run's own, and others at each evaluation; none where all is greedy."""
        if not self.epsilon:
            yield from repeat(())
        streams = [stream(self.learner.entropy, seed, Role.EVALUATION_ACTIONS) for seed in self.learner.seeds]
        for each in streams:
            bits: Any = each.bit_generator
            bits.advance(now << APART)
        while True:
            u = np.concatenate([each.random((self.start_seeds.shape[1], 2)) for each in streams])
            yield (self.learner.engine.tensor(u, torch.float64),)

    def _failed(self) -> npt.NDArray[np.intp]:
        """The episodes of lanes that have failed: (n,)."""
        return np.isin(self.lane, list(self.learner.envs.failures)).nonzero()[0]

    def _sit_out(self) -> None:
        """Take note of what was raised; the other episodes of such a lane go on no longer."""
        envs = self.learner.envs
        if self.episodes.raised:
            for number, problem in self.episodes.raised.items():
                envs.failures.setdefault(int(self.lane[number]), failure_of(envs.steps, problem))
            self.episodes.going[self._failed()] = False


def _values(a: EvaluationRecorder) -> Tensor:
    """Q of what is seen now: (N, A). The same shapes at each step, whoever still plays: the same bits."""
    obs = a.learner.seen(a.episodes.obs)  # (N, *S)
    return a.learner.q(obs.view(*a.start_seeds.shape, *obs.shape[1:])).flatten(0, 1)


def _advance(a: EvaluationRecorder, discount: Number, u: Tensor | None = None) -> None:
    """One step of the episodes that go on; ``discount`` is gamma to the number of steps before it.

    Greedy, but with draws ``u`` (N, 2) random where the first is below epsilon: floor(A times the second).
    """
    values = _values(a)
    action = values.argmax(-1)  # (N,)
    if u is not None:
        action = torch.where(u[:, 0] < a.epsilon, (u[:, 1] * values.shape[-1]).long(), action)
    steps = a.episodes.step(action)
    a.total += steps.reward
    a.discounted += discount * learned_from(a.learner.envs, steps).reward
    a.terminated |= steps.terminated
    a.truncated |= steps.truncated
