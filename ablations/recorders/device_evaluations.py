"""Greedy episodes on the device, all lanes' side by side, from the starts that Gymnasium gives their seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ablations.dqn.learner import Learner
from ablations.engines.cuda.capture import Captured
from ablations.engines.cuda.lanes import DeviceLanes
from ablations.envs.gym import make
from ablations.recorders.evaluations import MOST_STEPS, EvaluationRecorder

LOOK_EVERY = 32
"""Steps between two questions to the device whether all episodes are over."""


class DeviceEvaluationRecorder(EvaluationRecorder):
    """Plays ``episodes`` greedy episodes per lane every ``every`` environment steps, without the host in between."""

    def __init__(
        self, learner: Learner, env_id: str, args: Mapping[str, Any], every: int, episodes: int
    ) -> None:
        super().__init__(learner, env_id, args, every, episodes)
        envs: Any = learner.envs
        lanes: DeviceLanes = envs
        self.physics, self.most = lanes.physics, min(lanes.limit, MOST_STEPS)
        self.starts = _starts(env_id, args, self.start_seeds).to(lanes.states.device)  # (L, E, S)
        self.states = self.starts.clone()
        self.total, self.discounted = torch.zeros((2, *self.starts.shape[:2])).to(self.starts)  # (L, E)
        self.length = torch.zeros_like(self.total, dtype=torch.int64)
        self.going = torch.zeros_like(self.total, dtype=torch.bool)
        self.terminated = torch.zeros_like(self.going)
        self.advance = Captured(_advance, self.starts.device.type)

    def play(self) -> dict[str, npt.NDArray[Any]]:
        """One greedy episode per start: columns (L, E)."""
        gamma = self.learner.settings.gamma
        self.states.copy_(self.starts)
        for number in (self.total, self.discounted, self.length, self.terminated):
            number.zero_()
        self.going.fill_(True)
        predicted = _values(self).amax(-1)
        for step in range(self.most):
            self.advance(self, gamma**step)
            if (step + 1) % LOOK_EVERY == 0 and not bool(self.going.any()):
                break
        length, terminated = _fetched(self.length), _fetched(self.terminated)
        return {
            "episodic_return": _fetched(self.total),
            "episodic_length": length,
            "terminated": terminated,
            "truncated": ~terminated,
            "predicted_q": _fetched(predicted),
            "discounted_return": _fetched(self.discounted),
            # what the cut tail may add is at most this times the largest possible |Q|
            "tail_discount": np.where(terminated, 0.0, gamma ** length.astype(np.float64)),
        }


def _fetched(numbers: Tensor) -> npt.NDArray[Any]:
    return numbers.cpu().numpy().copy()


def _starts(env_id: str, args: Mapping[str, Any], seeds: npt.NDArray[np.int64]) -> Tensor:
    """The states that Gymnasium's own resets give these seeds (L, E): (L, E, S) float64."""
    env = make(env_id, args)
    states = []
    for seed in seeds.flatten().tolist():
        env.reset(seed=seed)
        states.append(np.array(env.unwrapped.state, dtype=np.float64))  # type: ignore[attr-defined]
    env.close()
    return torch.from_numpy(np.array(states).reshape(*seeds.shape, -1))


def _values(a: DeviceEvaluationRecorder) -> Tensor:
    """Q of what is seen now: (L, E, A)."""
    return a.learner.q(a.physics.seen(a.states).to(a.learner.dtype))


def _advance(a: DeviceEvaluationRecorder, discount: Tensor) -> None:
    """One greedy step of the episodes that go on; ``discount`` is gamma to the number of steps before it."""
    with torch.no_grad():
        states, reward, ended = a.physics.step(a.states, _values(a).argmax(-1))
    a.states.copy_(torch.where(a.going[..., None], states, a.states))
    gained = torch.where(a.going, reward.double(), 0.0)
    a.total += gained
    a.discounted += discount * gained
    a.length += a.going
    a.terminated |= a.going & ended
    a.going &= ~ended
