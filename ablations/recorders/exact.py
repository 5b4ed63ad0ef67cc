"""The exact oracle: how far learned values and the greedy policy are from the best, where an environment knows.

Read between two steps of the kernel; nothing is drawn and no training bit changes. ``EXACT`` in ``store`` lists the
columns, ``docs/exact.md`` the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from ablations.dqn.learner import Learner
from ablations.dqn.types import StepRecord
from ablations.envs.exact import Array, Model, optimal_q, policy_values
from ablations.envs.gym import make
from ablations.envs.worlds import World
from ablations.state import State, stacked, unstacked
from ablations.store import EXACT, tabulate


def model_of(env_id: str, env_args: Mapping[str, Any]) -> Model | None:
    """The model of an exact world, None for any other environment."""
    env = make(env_id, env_args)
    model = env.unwrapped.model() if isinstance(env.unwrapped, World) else None
    env.close()
    return model


class ExactRecorder:
    """Collects one row per lane every ``every`` environment steps. Needs gamma < 1."""

    def __init__(self, learner: Learner, model: Model, every: int) -> None:
        self.learner = learner
        self.model = model
        self.every = every
        self.alive = ~model.terminal  # (S,)
        self.optimal = optimal_q(model, learner.settings.gamma)  # (S, A)
        observations = torch.from_numpy(model.observations).to(learner.dtype)
        self.states = observations.repeat(len(learner.seeds), 1, 1)  # (L, S, D)
        self.rows: list[dict[str, Array]] = []  # column -> (L,)

    def observe(self, record: StepRecord) -> None:
        """Compare if it is time to."""
        if record.step % self.every == 0:
            with torch.no_grad():
                q = self.learner.q(self.states).double().numpy()  # (L, S, A)
            steps = {"global_step": record.step, "updates": self.learner.updates, "states": self.alive.sum()}
            row = {name: np.full(len(q), number) for name, number in steps.items()}
            self.rows.append(row | self._compared(q))

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The rows of a lane in the stored schema."""
        names = self.rows[0] if self.rows else {}
        columns = {name: [row[name][lane].item() for row in self.rows] for name in names}
        return tabulate(EXACT, env_id, label, seed, columns)

    def state(self) -> State:
        """The rows so far."""
        return {**stacked(self.rows)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.rows = unstacked(state)

    def _compared(self, q: Array) -> dict[str, Array]:
        """Q (L, S, A) against Q*, over states that go on; the greedy policy against the best, from the start."""
        model, best = self.model, self.optimal.max(-1)  # (S,)
        # contiguous, so that sums run in the same order however many lanes there are
        going_on = np.ascontiguousarray(q[:, self.alive])  # (L, S', A)
        errors = np.abs(going_on - self.optimal[self.alive]).reshape(len(q), -1)  # (L, S' A)
        excess = going_on.max(-1) - best[self.alive]  # (L, S')
        reached = policy_values(model, self.learner.settings.gamma, q.argmax(-1))  # (L, S)
        return {
            "q_error_max": errors.max(-1),
            "q_error_mean": errors.mean(-1),
            "overestimation": excess.mean(-1),
            "regret": ((best - reached) * model.start).sum(-1),
        }
