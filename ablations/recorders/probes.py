"""Probes: what the networks look like from inside, on fixed states, every so many environment steps.

Everything is read between two steps of the kernel, draws from streams of its own and changes no training bit.
Definitions with their sources are in ``docs/metrics.md``; ``PROBES`` in ``store`` lists the columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from ablations.dqn.learner import Learner
from ablations.dqn.types import StepRecord, Update
from ablations.envs.gym import Failure
from ablations.envs.make import lanes_of
from ablations.rng.streams import Role, stream
from ablations.state import State, stacked, unstacked
from ablations.store import PROBES, tabulate

STATES = 128
"""Probe states per environment and seed."""
WALK = 1024
"""Steps of the uniform policy that probe states are chosen from."""
DORMANT = 0.025
"""A unit is dormant if its mean |activation| is at most this share of its layer's mean (Sokar et al. 2023)."""
RANK_SHARE = 0.99
"""The effective rank keeps this share of the sum of singular values (Kumar et al. 2021: delta = 0.01)."""

LATEST = ("loss", "abs_td_error", "gradient_norm", "per_health")
"""Columns that come from the last update before a row."""

Array = npt.NDArray[np.float64]


def probe_states(
    env_id: str,
    env_args: Mapping[str, Any],
    entropy: int,
    seeds: Sequence[int],
    fast: bool,
    own_generators: bool = False,
    heartbeat: Callable[[], None] = lambda: None,
) -> tuple[npt.NDArray[Any], dict[int, Failure]]:
    """``STATES`` non-terminal states per seed (L, N, *S), met by a uniform policy, and by lane what was raised.

    They are the same for every variant of a study. Of a lane whose environment raised they mean nothing.
    """
    lanes = lanes_of(env_id, env_args, entropy, seeds, fast, Role.PROBES, own_generators=own_generators)
    streams = [stream(entropy, seed, Role.PROBES) for seed in seeds]
    for rng in streams:
        rng.integers(2**31)  # has seeded the environment
    actions = np.array([rng.random(WALK) * lanes.actions for rng in streams], dtype=np.int64)  # (L, WALK)
    place = np.full(
        (len(seeds), WALK), STATES
    )  # (L, WALK): among the states; those that are not chosen behind them
    for lane, rng in enumerate(streams):
        place[lane, rng.choice(WALK, STATES, replace=False)] = np.arange(STATES)
    shown = lanes.observation
    seen = np.empty((len(seeds), STATES + 1, *shown.shape), shown.dtype)
    for step in range(WALK):
        seen[np.arange(len(seeds)), place[:, step]] = lanes.obs
        lanes.step(actions[:, step])
        heartbeat()
    lanes.close()
    failures = {lane: replace(failure, step=0) for lane, failure in lanes.failures.items()}
    return np.ascontiguousarray(seen[:, :STATES]), failures


class ProbeRecorder:
    """Collects one row per lane every ``every`` environment steps."""

    def __init__(
        self,
        learner: Learner,
        env_id: str,
        env_args: Mapping[str, Any],
        every: int,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        self.learner = learner
        drawn, failures = probe_states(
            env_id,
            env_args,
            learner.entropy,
            learner.seeds,
            learner.envs.fast,
            learner.envs.own_generators,
            heartbeat,
        )
        for lane, failure in failures.items():  # fails this lane's run and no other
            learner.envs.failures.setdefault(lane, failure)
        self.states = learner.seen(drawn).to(learner.online.flat.device)
        self.every = every
        self.rows: list[dict[str, npt.NDArray[Any]]] = []  # column -> (L,)
        self._greedy: Tensor | None = None  # (L, N): before the updates of the coming step
        self._largest_q = self._nothing()
        self._latest: Update | None = None
        self._before: dict[str, Any] = dict.fromkeys(
            LATEST, self._nothing()
        )  # numbers of it while it is None

    def observe(self, record: StepRecord) -> None:
        """Take note of one environment step."""
        for update in record.updates:
            self._largest_q = torch.fmax(self._largest_q, update.largest_q)
            self._latest = update
        if record.step % self.every == 0:
            with torch.no_grad():
                self.rows.append(self._row(record))
            self._largest_q = self._nothing()
        self._greedy = None
        if (record.step + 1) % self.every == 0:
            with torch.no_grad():
                self._greedy = self.learner.q(self.states).argmax(-1)

    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table:
        """The rows of a lane in the stored schema."""
        names = self.rows[0] if self.rows else {}
        columns = {name: [row[name][lane].item() for row in self.rows] for name in names}
        return tabulate(PROBES, env_id, label, seed, columns)

    def state(self) -> State:
        """The rows so far, and what the coming row is made of."""
        state: State = {f"row.{name}": column for name, column in stacked(self.rows).items()}
        state |= {f"latest.{name}": number for name, number in self._of_latest().items()}
        state["largest_q"] = self._largest_q
        if self._greedy is not None:
            state["greedy"] = self._greedy
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        self.rows = unstacked({name[4:]: each for name, each in state.items() if name.startswith("row.")})
        self._latest, self._before = None, {name: state[f"latest.{name}"] for name in LATEST}
        device = self.states.device
        self._largest_q = torch.from_numpy(state["largest_q"]).to(device)
        self._greedy = torch.from_numpy(state["greedy"]).to(device) if "greedy" in state else None

    def _row(self, record: StepRecord) -> dict[str, npt.NDArray[Any]]:
        a = self.learner
        q = a.q(self.states)  # (L, N, A)
        best = q.topk(min(2, q.shape[-1]), dim=-1).values  # (L, N, 2), or 1 where there is one action
        activations = a.network.activations(a.online.params, self.states)
        online, target_params = a.online.flat, a.target_params
        lanes = len(q)
        row = {
            "global_step": np.full(lanes, record.step, dtype=np.int64),
            "updates": np.full(lanes, a.updates, dtype=np.int64),
            "epsilon": np.full(lanes, record.epsilon),
            "q_mean": q.flatten(1).mean(-1),
            "q_min": q.flatten(1).amin(-1),
            "q_max": q.flatten(1).amax(-1),
            "action_gap": (best[..., 0] - best[..., -1]).mean(-1),
            "churn": self._churn(record, q.argmax(-1)),
            "dormant_share": dormant_share(activations),
            "effective_rank": effective_rank(activations[-1] if activations else self.states.flatten(2)),
            "target_lag": (online - target_params).norm(dim=-1) / online.norm(dim=-1),
            "terminal_share": a.memory.terminal_share(),
            "batch_q_abs_max": self._largest_q,
            **self._of_latest(),
        }
        return {name: np.broadcast_to(_on_host(value), lanes) for name, value in row.items()}

    def _churn(self, record: StepRecord, after: Tensor) -> Tensor:
        """Share of probe states whose greedy action the updates of this step changed; NaN without an update."""
        if self._greedy is None or not record.updates:
            return self._nothing()
        return (after != self._greedy).double().mean(-1)

    def _of_latest(self) -> dict[str, Any]:
        """Numbers of the last update before the row."""
        if self._latest is None:
            return self._before
        weight = self._latest.batch.weight.double()  # (L, B)
        return {
            "loss": self._latest.loss,
            "abs_td_error": self._latest.delta.abs().mean(-1),
            "gradient_norm": self.learner.optimizer.gradient_norm.clone(),
            "per_health": weight.sum(-1) ** 2 / (weight.shape[-1] * (weight**2).sum(-1)),
        }

    def _nothing(self) -> Tensor:
        return self.learner.online.flat.new_full((len(self.states),), math.nan)


def _on_host(value: npt.ArrayLike | Tensor) -> npt.NDArray[Any]:
    return value.cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def dormant_share(activations: list[Tensor]) -> Tensor:
    """Share of hidden units with E|h_i| / (layer's mean of E|h|) <= ``DORMANT``: [(L, N, ..., width)] -> (L,).

    A unit of a convolution is a channel; its mean is over places, too (as in the authors' code). NaN where there is no
    hidden layer. A layer that is zero everywhere is dormant throughout.
    """
    if not activations:
        return torch.tensor(math.nan)
    sleeping = []
    for h in activations:
        size = h.abs().flatten(1, -2).mean(1)  # (L, width)
        sleeping.append(size <= DORMANT * size.mean(-1, keepdim=True))
    return torch.cat(sleeping, dim=-1).double().mean(-1)


def effective_rank(features: Tensor) -> Array:
    """The least k whose k largest singular values sum to ``RANK_SHARE`` of all: (L, N, F) -> (L,).

    NaN where a feature is not finite.
    """
    ranks = np.full(len(features), math.nan)
    for lane, matrix in enumerate(features.double().cpu().numpy()):
        if np.isfinite(matrix).all():
            values = np.linalg.svd(matrix, compute_uv=False)  # descending
            ranks[lane] = 1 + np.searchsorted(np.cumsum(values), RANK_SHARE * values.sum())
    return ranks
