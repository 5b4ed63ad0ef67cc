"""A trick of a user's own, in a few lines of torch, trains on every engine as on the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from ablations import engines
from ablations.dqn.learner import Learner, learn
from ablations.dqn.optimizer import SGD, Adam
from ablations.dqn.variants import DQN
from ablations.envs.gym import GymLanes
from tests.own_pieces import VARIANTS

from . import toys, worlds
from .worlds import drained, trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}
ALONE = 41


@pytest.mark.parametrize("own", VARIANTS)
def test_it_trains_keeps_lanes_apart_and_is_taken_for_no_other(own: str) -> None:
    many = trained(VARIANTS[own], seeds=range(64), **SHORT)
    assert many.updates == 51
    assert many.diverged_at == {}
    assert many.online.flat.isfinite().all()
    start = many.network.views(many.network.initial(0, range(64), torch.float32))
    for name, part in many.online.params.items():
        assert (part != start[name]).flatten(1).any(-1).all(), name
    alone = trained(VARIANTS[own], seeds=(ALONE,), **SHORT)
    assert torch.equal(many.online.flat[ALONE], alone.online.flat[0])
    assert torch.equal(many.optimizer.moments.first[ALONE], alone.optimizer.moments.first[0])
    usual = trained(DQN, seeds=(ALONE,), **SHORT).online.flat
    assert alone.online.flat.shape != usual.shape or not torch.equal(alone.online.flat, usual)


@pytest.mark.parametrize("own", VARIANTS)
def test_an_update_with_it_is_the_textbooks(own: str) -> None:
    """The rule's step along the gradient of the mean of weighted losses, differentiated by torch alone."""
    variant = VARIANTS[own]
    if variant.optimizer == DQN.optimizer:
        variant = replace(variant, optimizer=SGD(max_grad_norm=0.5))
    a = untrained(variant, dtype=torch.float64, **SHORT)
    moments = learn(a)
    for _ in range(29):
        next(moments)
    theta = a.online.flat.clone().requires_grad_()
    kept = type(a.optimizer.moments)(*(part.clone() for part in vars(a.optimizer.moments).values()))
    (update,) = next(moments).updates
    batch, params = update.batch, a.network.views(theta)
    outputs = a.network.outputs(params, a.network.features(params, batch.obs))
    q = variant.loss.values(outputs)
    y = update.delta + q.detach().gather(-1, batch.action[..., None]).squeeze(-1)
    errors = variant.loss.error(outputs, batch.action, y)
    loss = (batch.weight * errors.loss).mean(-1)
    (slope,) = torch.autograd.grad(loss.sum(), theta)
    torch.testing.assert_close(a.optimizer.gradient_norm, slope.norm(dim=-1), rtol=1e-9, atol=1e-12)
    for found, expected in ((update.q, q), (update.priority, errors.priority), (update.loss, loss)):
        torch.testing.assert_close(found, expected.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(update.largest_q, q.detach().abs().amax((1, 2)), rtol=1e-9, atol=1e-12)
    expected = theta.detach().clone()
    most = variant.optimizer.max_grad_norm or math.inf
    slope = slope * (most / (slope.norm(dim=-1, keepdim=True) + 1e-6)).clamp(max=1.0)
    variant.optimizer.step(expected, slope, kept, a.settings.learning_rate)
    torch.testing.assert_close(a.online.flat, expected, rtol=1e-9, atol=1e-12)


@cache
def on_the_reference(own: str, spike: float) -> Learner:
    """What ``spiked`` is there, in float64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "ENGINE", "reference")
        return spiked(own, spike, torch.float64)


def spiked(own: str, spike: float, dtype: torch.dtype) -> Learner:
    """Three lanes on walks of which the middle one's pays ``spike`` at step 40."""
    numbers: Any = (
        {"adam_eps": 1e-3} if isinstance(VARIANTS[own].optimizer, Adam) else {}
    )  # rounding shows less
    learner = untrained(VARIANTS[own], range(3), "tests/Walk-v0", dtype, **numbers, **SHORT)
    assert isinstance(learner.envs, GymLanes)
    toys.poison(learner.envs, 1, 40, spike)
    return drained(learner)


@pytest.mark.parametrize("own", VARIANTS)
def test_a_training_with_it_is_the_references(own: str) -> None:
    """In every number to rounding; to the bit where nothing of it is compiled."""
    found, expected = spiked(own, 0.0, torch.float64), on_the_reference(own, 0.0)
    torch.testing.assert_close(found.online.flat, expected.online.flat, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(
        found.optimizer.gradient_norm, expected.optimizer.gradient_norm, rtol=1e-6, atol=1e-9
    )
    if engines.path(worlds.ENGINE, VARIANTS[own]) == "reference":
        assert torch.equal(found.online.flat, expected.online.flat)


@pytest.mark.parametrize("own", VARIANTS)
def test_a_lane_that_goes_to_nan_poisons_nobody_and_freezes_at_the_references_update(own: str) -> None:
    sound, sick = (spiked(own, spike, torch.float64) for spike in (0.0, math.nan))
    assert torch.equal(sick.online.flat[[0, 2]], sound.online.flat[[0, 2]])
    assert torch.equal(sick.target_params[[0, 2]], sound.target_params[[0, 2]])
    frozen_at = sick.optimizer.frozen_at
    assert frozen_at.tolist() == on_the_reference(own, math.nan).optimizer.frozen_at.tolist()
    assert frozen_at[1] > 0
    assert sick.online.flat[1].isfinite().all()
