"""Laws of the replay slot: what is uniform's, what is latest's, and that weights reach the gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from ablations.dqn.learner import Learner, learn, train_step
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.target import Hard
from ablations.dqn.types import Batch
from ablations.dqn.variants import NAMED, PIECES, Piece, Variant

from .covering import CHOICES
from .worlds import trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}
HEADS = CHOICES["head"]


@pytest.mark.parametrize("stratified", [True, False])
def test_prioritised_with_alpha_zero_has_weights_of_exactly_one_throughout(stratified: bool) -> None:
    learner = untrained(Variant(replay=Prioritized(alpha=0.0, stratified=stratified)), **SHORT)
    for record in learn(learner):
        for update in record.updates:
            assert (update.batch.weight == 1).all()


def test_unstratified_prioritised_with_alpha_zero_is_uniform_replay_bit_for_bit() -> None:
    pieces = (Prioritized(alpha=0.0, stratified=False), Uniform())
    flat, uniform = (trained(Variant(replay=piece, target=Hard(7)), buffer_size=64) for piece in pieces)
    assert torch.equal(flat.online.flat, uniform.online.flat)


def test_prioritised_with_alpha_zero_draws_every_stored_transition_equally_often() -> None:
    learner = untrained(Variant(replay=Prioritized(alpha=0.0)), total_timesteps=900, buffer_size=40)
    counts = torch.zeros(2, 40)
    for record in learn(learner):
        for update in record.updates:
            if record.step > 50:
                counts.scatter_add_(1, update.batch.index, torch.ones(2, 8))
    expected = counts.sum(-1, keepdim=True) / 40
    chi_square = ((counts - expected) ** 2 / expected).sum(-1)
    assert (chi_square < 62.4).all()  # the 99 % point at 39 degrees of freedom


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_uniform_of_one_slot_and_consecutive_of_one_have_the_gradient_of_latest(head: Piece) -> None:
    numbers = {**SHORT, "batch_size": 1}
    latest = trained(Variant(replay=Latest(), target=Hard(7), head=head), **numbers)
    uniform = trained(Variant(replay=Uniform(), target=Hard(7), head=head), **{**numbers, "buffer_size": 1})
    consecutive = trained(Variant(replay=Consecutive(), target=Hard(7), head=head), **numbers)
    assert torch.equal(uniform.online.flat, latest.online.flat)
    assert torch.equal(consecutive.online.flat, latest.online.flat)


def test_a_batch_of_copies_from_one_slot_has_the_gradient_of_latest_up_to_rounding() -> None:
    latest = untrained(Variant(replay=Latest()), dtype=torch.float64, **SHORT)
    uniform = untrained(Variant(replay=Uniform()), dtype=torch.float64, **SHORT, buffer_size=1)
    for one, _ in zip(learn(latest), learn(uniform), strict=True):
        if one.step == 20:
            break
    first = [
        learner.optimizer.moments.first for learner in (uniform, latest)
    ]  # after one update, a tenth of the gradient
    torch.testing.assert_close(*first, rtol=1e-12, atol=1e-14)
    assert first[0].count_nonzero() > 0


def test_latest_ignores_buffer_size_and_batch_size() -> None:
    """But for the draws: each update takes batch_size of them, used or not, so none may matter."""
    runs = [
        trained(NAMED["no-replay"].variant, batch_size=b, buffer_size=n).online.flat
        for b, n in ((8, 100), (3, 9))
    ]
    assert torch.equal(*runs)


def descended(learner: Learner, batch: Batch, y: Tensor) -> Tensor:
    """The gradient (L, P) of one update by SGD, which is undone."""
    before = learner.online.flat.clone()
    learner.optimizer.descend(batch, y)
    gradient = (before - learner.online.flat) / learner.settings.learning_rate
    learner.online.flat.copy_(before)
    return gradient


@pytest.mark.parametrize("loss", ["squared", "huber"])
@pytest.mark.parametrize("head", HEADS, ids=str)
def test_a_sample_of_weight_zero_has_no_gradient_under_either_loss(loss: str, head: Piece) -> None:
    learner = trained(Variant(head=head), **SHORT, dtype=torch.float64, optimizer="sgd", loss=loss)
    index, weight = learner.variant.replay.sample(learner.memory, learner.sampling.next(), 1.0)
    batch = learner.variant.returns.batch(learner.memory, index, weight)
    y = 100 * torch.ones_like(batch.reward)  # far beyond Huber's border
    assert descended(learner, replace(batch, weight=torch.zeros_like(y)), y).count_nonzero() == 0
    weight = torch.ones_like(y)
    weight[:, ::2] = 0.0
    half = replace(
        batch, obs=batch.obs[:, 1::2], action=batch.action[:, 1::2], weight=torch.ones_like(y[:, 1::2]) / 2
    )
    expected = descended(learner, half, y[:, 1::2])
    found = descended(learner, replace(batch, weight=weight), y)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert found.count_nonzero() > 0


def test_the_weights_of_prioritised_replay_reach_the_gradient_under_either_loss() -> None:
    """Dropping them would leave the gradient of the plain mean."""
    for loss in ("squared", "huber"):
        variant = Variant(replay=Prioritized(alpha=1.0, beta_start=1.0))
        learner = trained(variant, **SHORT, loss=loss, optimizer="sgd")
        before = learner.network.views(learner.online.flat.clone())
        update = train_step(learner, 100)
        q = update.q.gather(-1, update.batch.action[..., None]).squeeze(-1)
        assert update.batch.weight.min() < 0.9
        torch.testing.assert_close(
            update.loss, (update.batch.weight * PIECES["loss"][loss]().penalty(update.delta)).mean(-1)
        )
        params = {name: part.requires_grad_() for name, part in before.items()}
        again = learner.network.values(params, update.batch.obs).gather(-1, update.batch.action[..., None])
        slope = update.delta if loss == "squared" else update.delta.clamp(-1, 1)
        proxy = (-update.batch.weight * slope * again.squeeze(-1)).mean(-1).sum()
        bias = params["advantage.bias"]
        (expected,) = torch.autograd.grad(proxy, bias)
        now = learner.network.views(learner.online.flat)["advantage.bias"]
        found = (bias.detach() - now) / learner.settings.learning_rate
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # of a difference in float32
        torch.testing.assert_close(again.squeeze(-1).detach(), q)
