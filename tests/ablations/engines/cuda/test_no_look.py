"""Nothing between two steps asks the device for a value: so a host never waits, and graphs can be captured.

The whole program is run on PyTorch's ``meta`` device, whose tensors have shapes and types but no values: whatever needs
one raises. An operation on a tensor of the host's is found too, but for numbers, which travel with a kernel's launch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ablations.dqn.learner import learn
from ablations.dqn.variants import DQN, SLOTS, Variant
from ablations.engines.cuda import ops
from ablations.engines.descent import ReferenceOptimizer
from ablations.recorders.episodes import EpisodeRecorder
from ablations.recorders.evaluations import EvaluationRecorder
from tests.laws.covering import CHOICES, SHOWING

from .training import untrained

STEPS = 16
SHORT: dict[str, Any] = {"total_timesteps": STEPS, "learning_starts": 8, "batch_size": 4, "buffer_size": 10}


class Host(TorchDispatchMode):
    """Notes operations on tensors that lie in the host's memory."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for each in tree_leaves((args, kwargs, result)):
            if isinstance(each, torch.Tensor) and each.device.type == "cpu":
                self.seen.append(str(function))
        return result


@contextmanager
def without_the_host() -> Iterator[None]:
    with Host() as host:
        yield
    assert host.seen == []


@pytest.fixture(autouse=True)
def without_values(on_cpu_tensors: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "DEVICE", "meta")


def assert_no_look(variant: Variant, env_id: str = "CartPole-v1", **settings: Any) -> None:
    learner = untrained(variant, [0, 1, 2], env_id, **{**SHORT, **settings})
    recorder = EpisodeRecorder(3, learner.envs.xp)
    with without_the_host():
        for record in learn(learner):
            recorder.observe(record)
            if record.step == STEPS - 1:
                break
    assert learner.updates == 8  # the target has been copied, and the ring is full


SEVERAL = [
    name for name, variant in SHOWING.items() if sum(a != b for a, b in zip(variant, DQN, strict=True)) > 1
]
"""Named variants that change more than one slot; the others are single pieces."""


@pytest.mark.parametrize("name", ["dqn", *SEVERAL])
def test_no_named_variant_looks(name: str) -> None:
    assert_no_look(SHOWING[name])


@pytest.mark.parametrize("slot", SLOTS)
def test_no_piece_looks(slot: str) -> None:
    for piece in CHOICES[slot]:
        assert_no_look(Variant(**{slot: piece}), bootstrap_truncated=slot != "loss")


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0"])
def test_no_environment_and_no_evaluation_looks(env_id: str) -> None:
    assert_no_look(DQN, env_id)
    learner = untrained(DQN, [0, 1], env_id, **SHORT)
    recorder = EvaluationRecorder(learner, 10, 2)
    with without_the_host():
        for step in range(5):
            recorder.advance(recorder, 0.99**step)


class Curious(ReferenceOptimizer):
    """One that asks after each update whether a lane was frozen."""

    def apply(self, loss: Tensor) -> None:
        super().apply(loss)
        bool(self.frozen_at.any())


def test_an_optimizer_that_looks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "optimizer", Curious)
    with pytest.raises(RuntimeError, match="meta"):
        assert_no_look(DQN)
