"""Gradient steps over lanes: the rules on one number, per-lane clipping, freezing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ablations.dqn.head import Linear
from ablations.dqn.network import Network, Trainable
from ablations.dqn.optimizer import Adam, RMSprop
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import Piece, Variant
from ablations.engines.descent import ReferenceOptimizer
from tests.configured import configured

NETWORK = Network((1,), 1, Mlp(()), Linear())  # q = w x + b: two numbers per lane


def optimizer_of(online: Trainable, rule: str, rate: float = 0.5, **numbers: float) -> ReferenceOptimizer:
    """What trains these parameters by a rule."""
    return ReferenceOptimizer(online, *configured(optimizer=rule, learning_rate=rate, **numbers))


def made(lanes: int, rule: str, clip: float = 0.0, rate: float = 0.5) -> tuple[Trainable, ReferenceOptimizer]:
    """Lanes that all start at w = b = 1."""
    flat = torch.zeros(lanes, NETWORK.size, dtype=torch.float64)
    flat[:, :2] = 1.0
    online = Trainable(NETWORK, flat)
    return online, optimizer_of(online, rule, rate, max_grad_norm=clip)


def made_by(rule: Piece) -> tuple[Trainable, ReferenceOptimizer]:
    """One lane that starts at w = b = 1 and is trained by a rule at a learning rate of 0.5."""
    online, _ = made(1, "sgd")
    return online, ReferenceOptimizer(online, *configured(Variant(optimizer=rule), learning_rate=0.5))


def linear_loss(online: Trainable, *slopes: tuple[float, float]) -> Tensor:
    """A loss (L,) whose gradient by (w, b) is the given slopes."""
    by = torch.tensor(slopes, dtype=torch.float64)
    return (
        online.params["advantage.weight"][:, 0, 0] * by[:, 0]
        + online.params["advantage.bias"][:, 0] * by[:, 1]
    )


def step(optimizer: ReferenceOptimizer, loss: Tensor) -> None:
    """Down the gradient of the sum of losses (L,)."""
    optimizer.step(loss[:, None], torch.ones_like(loss)[:, None], loss.detach())


def test_the_gradient_lies_where_its_parameter_lies_and_the_padding_gets_none() -> None:
    online, _ = made(2, "sgd")
    online.differentiate(
        linear_loss(online, (3.0, 4.0), (5.0, 6.0)), torch.ones(2, dtype=torch.float64), online.params
    )
    assert online.grad[:, :2].tolist() == [[3, 4], [5, 6]]
    assert online.grad[:, 2:].count_nonzero() == 0


def test_sgd_subtracts_the_learning_rate_times_the_gradient() -> None:
    online, optimizer = made(2, "sgd")
    step(optimizer, linear_loss(online, (3.0, 4.0), (-1.0, 0.0)))
    assert online.flat[:, :2].tolist() == [[-0.5, -1.0], [1.5, 1.0]]


def test_adams_first_step_is_the_learning_rate_against_the_sign_and_the_second_follows_its_means() -> None:
    online, optimizer = made(1, "adam", rate=0.1)
    step(optimizer, linear_loss(online, (3.0, -4.0)))
    assert online.flat[0, :2].tolist() == pytest.approx([0.9, 1.1])
    step(optimizer, linear_loss(online, (1.0, -4.0)))
    m = (0.9 * 0.1 * 3 + 0.1 * 1) / (1 - 0.9**2)
    v = (0.999 * 0.001 * 9 + 0.001 * 1) / (1 - 0.999**2)
    assert online.flat[0, 0].item() == pytest.approx(0.9 - 0.1 * m / math.sqrt(v), abs=1e-8)
    assert online.flat[0, 1].item() == pytest.approx(1.2)


def test_rmsprop_divides_by_the_root_of_the_mean_square() -> None:
    online, optimizer = made(1, "rmsprop", rate=0.02)
    step(optimizer, linear_loss(online, (3.0, 0.0)))
    assert online.flat[0, :2].tolist() == pytest.approx([1 - 0.02 * 3 / math.sqrt(0.01 * 9), 1.0])


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("decay", [0.99, 0.5])
def test_rmsprop_is_torchs_centered_or_not(decay: float, centered: bool) -> None:
    online, optimizer = made_by(RMSprop(eps=1e-3, decay=decay, centered=centered))
    theirs = torch.ones(2, dtype=torch.float64, requires_grad=True)
    torchs = torch.optim.RMSprop([theirs], lr=0.5, alpha=decay, eps=1e-3, centered=centered)
    for slopes in ((3.0, -4.0), (1.0, 0.0), (-2.0, 0.125)):
        step(optimizer, linear_loss(online, slopes))
        theirs.grad = torch.tensor(slopes, dtype=torch.float64)
        torchs.step()
        assert online.flat[0, :2].tolist() == pytest.approx(theirs.tolist(), rel=1e-12)


def test_a_gradient_that_stays_the_same_leaves_centered_rmsprop_a_step_of_one_over_eps() -> None:
    """v - m^2 is then a difference of equal numbers, which rounding may take below 0."""
    online, optimizer = made_by(RMSprop(eps=1.0, decay=0.0, centered=True))
    for _ in range(3):
        before = online.flat[0, :2].clone()
        step(optimizer, linear_loss(online, (0.1, 1 / 3)))
        assert (before - online.flat[0, :2]).tolist() == pytest.approx([0.05, 0.5 / 3])


def test_adams_moments_and_count_begin_anew_at_a_sync_if_it_says_so() -> None:
    for piece, anew in ((Adam(reset_at_sync=True), True), (Adam(), False)):
        online, optimizer = made_by(piece)
        step(optimizer, linear_loss(online, (3.0, -4.0)))
        optimizer.synced()
        moments = optimizer.moments
        kept = [int(each.count_nonzero()) for each in (moments.first, moments.second, moments.count)]
        assert kept == ([0, 0, 0] if anew else [2, 2, 1])
        before = online.flat[0, :2].clone()
        step(optimizer, linear_loss(online, (0.25, 0.25)))
        first_again = (before - online.flat[0, :2]).tolist() == pytest.approx(
            [0.5, 0.5]
        )  # lr against the sign
        assert first_again == anew


def test_adam_eps_shrinks_the_step_of_small_gradients() -> None:
    flat = torch.zeros(1, NETWORK.size, dtype=torch.float64)
    online = Trainable(NETWORK, flat)
    optimizer = optimizer_of(online, "adam", rate=0.1, adam_eps=1.0)
    step(optimizer, linear_loss(online, (1.0, 0.0)))
    assert online.flat[0, 0].item() == pytest.approx(-0.1 * 1 / (1 + 1))


def test_clipping_scales_each_lane_by_its_own_norm() -> None:
    online, optimizer = made(3, "sgd", clip=1.0, rate=1.0)
    step(optimizer, linear_loss(online, (3.0, 4.0), (0.3, 0.4), (0.0, 0.0)))
    scale = 1.0 / (5.0 + 1e-6)
    assert online.flat[0, :2].tolist() == pytest.approx([1 - 3 * scale, 1 - 4 * scale], rel=1e-12)
    assert online.flat[1, :2].tolist() == [1 - 0.3, 1 - 0.4]  # within the norm: untouched
    assert online.flat[2, :2].tolist() == [1, 1]


def test_no_clipping_at_a_norm_of_zero() -> None:
    online, optimizer = made(1, "sgd", clip=0.0, rate=1.0)
    step(optimizer, linear_loss(online, (300.0, 400.0)))
    assert online.flat[0, :2].tolist() == [-299, -399]


@pytest.mark.parametrize("rule", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_a_lane_whose_loss_is_not_finite_freezes_and_the_others_keep_their_bits(
    rule: str, clip: float, poison: float
) -> None:
    slopes = [(1.0, -2.0), (0.5, 0.25), (-3.0, 0.125)]
    healthy, sound = made(3, rule, clip)
    online, optimizer = made(3, rule, clip)
    for update in range(5):
        step(sound, linear_loss(healthy, *slopes))
        loss = linear_loss(online, *slopes)
        if update == 2:
            loss = loss + torch.tensor([0.0, poison, 0.0], dtype=torch.float64)
            before = online.flat[1].clone()
        step(optimizer, loss)
        assert torch.equal(online.flat[[0, 2]], healthy.flat[[0, 2]])
    assert torch.equal(online.flat[1], before)
    assert optimizer.frozen_at.tolist() == [0, 3, 0]


@pytest.mark.parametrize(("slope", "poison"), [(1.0, math.inf), (0.0, math.nan)])
def test_a_lane_whose_gradient_is_not_finite_freezes_too(slope: float, poison: float) -> None:
    """The square root is 0 at 0 and its slope infinite there; times 0 that is not a number."""
    online, optimizer = made(2, "adam")
    weight, bias = online.params["advantage.weight"], online.params["advantage.bias"]
    shifted = (weight - 1)[:, 0, 0] * slope  # 0 in every lane
    loss = torch.stack([bias[0, 0], shifted[1].sqrt() + bias[1, 0]])
    assert loss.isfinite().all()
    step(optimizer, loss)
    torch.testing.assert_close(online.grad[1, 0].item(), poison, equal_nan=True)
    assert optimizer.frozen_at.tolist() == [0, 1]
    assert online.flat[1, :2].tolist() == [1, 1]
    assert online.flat[0, 1] < 1


def test_two_lanes_may_freeze_at_different_updates() -> None:
    online, optimizer = made(3, "sgd")
    for bad in (0, 2):
        offset = torch.zeros(3, dtype=torch.float64)
        offset[bad] = math.nan
        step(optimizer, linear_loss(online, (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)) + offset)
    assert optimizer.frozen_at.tolist() == [1, 0, 2]
    assert online.flat[:, 0].tolist() == [1.0, 0.0, 0.5]


def test_a_gradient_whose_norm_overflows_freezes_its_lane_instead_of_stalling_it_unseen() -> None:
    flat = torch.ones(2, NETWORK.size)
    online = Trainable(NETWORK, flat)
    optimizer = optimizer_of(online, "sgd", max_grad_norm=0.5)
    weight, bias = online.params["advantage.weight"], online.params["advantage.bias"]
    step(optimizer, weight[:, 0, 0] * torch.tensor([1e25, 1.0]) + 0 * bias[:, 0])
    assert optimizer.frozen_at.tolist() == [1, 0]
    assert online.flat[:, 0].tolist() == pytest.approx([1.0, 0.75])
