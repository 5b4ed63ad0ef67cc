"""A trick of a user's own, in a few lines of torch, trains on every engine; what every piece must say of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ablations.dqn.facts import Facts
from ablations.dqn.head import Linear
from ablations.dqn.layers import Dense, Layer, affine
from ablations.dqn.learner import learn
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.variants import DQN
from ablations.engines.descent import ReferenceOptimizer
from ablations.rng.streams import Role

from .worlds import drained, trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}


@dataclass(frozen=True)
class Bounded:
    """Q(s, .) = 10 tanh(h W + b)."""

    kind: ClassVar[str] = "bounded"

    def layers(self, features: int, actions: int) -> tuple[Dense, ...]:
        return (Dense("advantage", features, actions, Role.HEAD),)

    def apply(self, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        return 10 * affine(layers["advantage"], h).tanh()

    def facts(self) -> Facts:
        return Facts(order=9)


@dataclass(frozen=True)
class LogCosh:
    """log cosh delta."""

    kind: ClassVar[str] = "log-cosh"

    def error(self, delta: Tensor) -> Tensor:
        return delta.cosh().log()

    def facts(self) -> Facts:
        return Facts(order=9)


class Louder(Linear):
    """The linear head times two: a subclass, which may do anything."""

    def apply(self, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        return 2 * super().apply(layers, h)


OWN = {
    "head": replace(DQN, head=Bounded()),
    "loss": replace(DQN, loss=LogCosh()),
    "both": replace(DQN, head=Bounded(), loss=LogCosh(), replay=Prioritized()),
    "subclass": replace(DQN, head=Louder()),
}


@pytest.mark.parametrize("own", OWN)
def test_a_piece_without_a_compiled_body_trains_keeps_lanes_apart_and_is_taken_for_no_other(own: str) -> None:
    three = drained(untrained(OWN[own], seeds=(4, 2, 0), **SHORT))
    assert three.diverged_at == {}
    assert three.online.flat.isfinite().all()
    assert isinstance(three.optimizer, ReferenceOptimizer)
    for dense in three.network.layers:
        start = three.network.views(three.network.initial(0, (4, 2, 0), torch.float32))[dense.name].weight
        moved = three.online.layers[dense.name].weight != start
        assert moved.flatten(1).any(-1).all()
    alone = trained(OWN[own], seeds=(2,), **SHORT)
    assert torch.equal(three.online.flat[1], alone.online.flat[0])
    assert not torch.equal(alone.online.flat, trained(DQN, seeds=(2,), **SHORT).online.flat)


@pytest.mark.parametrize("own", OWN)
def test_an_update_with_it_is_the_textbooks(own: str) -> None:
    """theta moves by the learning rate along the mean of errors, differentiated by torch alone."""
    a = untrained(OWN[own], dtype=torch.float64, optimizer="sgd", **SHORT)
    moments = learn(a)
    for _ in range(29):
        next(moments)
    before = a.online.flat.clone().requires_grad_()
    (update,) = next(moments).updates
    q = a.network.values(a.network.views(before), update.batch.obs)
    chosen = q.gather(-1, update.batch.action[..., None]).squeeze(-1)
    error = a.variant.loss.error(update.delta + chosen.detach() - chosen)
    (slope,) = torch.autograd.grad((update.batch.weight * error).mean(-1).sum(), before)
    expected = before.detach() - a.settings.learning_rate * slope
    torch.testing.assert_close(a.online.flat, expected, rtol=1e-9, atol=1e-12)
