"""How theta- follows theta, on a few numbers."""

from __future__ import annotations

import pytest
import torch

from ablations.dqn.target import Hard, NoTarget, Soft


def test_hard_copies_when_the_update_count_is_a_multiple_of_the_period() -> None:
    target, target_params = Hard(3), torch.zeros(2, 1)
    seen = []
    for update in range(1, 8):
        online = torch.tensor([[float(update)], [10.0 * update]])
        target_params = target.follow(target_params, online, update)
        seen.append(target_params[:, 0].tolist())
    assert seen == [[0, 0], [0, 0], [3, 30], [3, 30], [3, 30], [6, 60], [6, 60]]


def test_hard_keeps_a_copy_that_does_not_move_with_the_online_network() -> None:
    online = torch.tensor([[1.0]])
    target_params = Hard(1).follow(torch.tensor([[0.0]]), online, 1)
    online += 5
    assert target_params.tolist() == [[1.0]]


def test_soft_blends_by_tau_after_each_update() -> None:
    target, target_params = Soft(0.25), torch.tensor([[0.0, 8.0]])
    target_params = target.follow(target_params, torch.tensor([[4.0, 0.0]]), 1)
    assert target_params.tolist() == [[1.0, 6.0]]  # 1/4 online + 3/4 minus
    target_params = target.follow(target_params, torch.tensor([[4.0, 0.0]]), 2)
    assert target_params.tolist() == [[1.75, 4.5]]


def test_no_target_is_the_online_network_itself() -> None:
    online = torch.tensor([[1.0, 2.0]])
    assert NoTarget().follow(torch.zeros(1, 2), online, 1) is online


@pytest.mark.parametrize("target", [Hard(1), Soft(1.0), NoTarget()])
def test_hard_one_soft_one_and_none_give_the_online_bits(target: Hard | Soft | NoTarget) -> None:
    generator = torch.Generator().manual_seed(0)
    target_params = torch.randn(3, 64, generator=generator)
    for update in (1, 2, 3):
        online = torch.randn(3, 64, generator=generator) * 10.0**update
        target_params = target.follow(target_params, online, update)
        assert torch.equal(target_params, online)


@pytest.mark.parametrize("period", [10, 50, 200])
def test_soft_of_matched_tau_has_the_mean_lag_of_hard(period: int) -> None:
    """theta = update count; hard lags by (C - 1) / 2 on average, soft by (1 - tau) / tau = (C - 1) / 2."""
    soft, hard = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    lags: dict[str, list[float]] = {"hard": [], "soft": []}
    for update in range(1, 40 * period + 1):
        online = torch.full((1, 1), float(update), dtype=torch.float64)
        hard = Hard(period).follow(hard, online, update)
        soft = Soft(2 / (period + 1)).follow(soft, online, update)
        if update > 20 * period:
            lags["hard"].append(update - hard.item())
            lags["soft"].append(update - soft.item())
    mean = {name: sum(each) / len(each) for name, each in lags.items()}
    assert mean["hard"] == pytest.approx((period - 1) / 2)
    assert mean["soft"] == pytest.approx(mean["hard"], rel=1e-6)
