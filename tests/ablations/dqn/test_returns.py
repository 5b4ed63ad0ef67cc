"""Windows of n steps on rewards that are powers of ten, so that each digit of a return says what is in it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from ablations.dqn.replay.ring import Ring
from ablations.dqn.returns import NStep, OneStep
from ablations.dqn.types import Batch, Transition

from .coded import FEATURES, space

GAMMA = 0.5
TERMINATED, TRUNCATED, CUT = "terminated", "truncated", "a time limit that cuts the bootstrap"


def ring_of(*ends: str | None, capacity: int = 8) -> Ring:
    """A ring of one lane: row t pays 10^t, leads to state t + 1 and ends its episode as given."""
    ring = Ring(space(lanes=1), capacity, batch_size=1)
    for t, end in enumerate(ends):
        ring.add(
            Transition(
                obs=torch.full((1, FEATURES), float(t), dtype=torch.float64),
                action=torch.tensor([t % 2]),
                reward=torch.tensor([10.0**t], dtype=torch.float64),
                discount=torch.tensor([0.0 if end in (TERMINATED, CUT) else GAMMA], dtype=torch.float64),
                next_obs=torch.full((1, FEATURES), t + 1.0, dtype=torch.float64),
                ended=torch.tensor([float(end is not None)], dtype=torch.float64),
            )
        )
    return ring


def windows(n: int, ring: Ring, index: Sequence[int]) -> Batch:
    """What the windows that begin at these slots make."""
    at = torch.tensor([index])
    return NStep(n).batch(ring, at, torch.ones(at.shape, dtype=torch.float64))


def told(n: int, ring: Ring, *index: int) -> list[tuple[float, float, float]]:
    """(return, discount of what is bootstrapped, the state it is bootstrapped from) of each window."""
    batch = windows(n, ring, index)
    return list(
        zip(
            batch.reward[0].tolist(),
            batch.discount[0].tolist(),
            batch.next_obs[0, :, 0].tolist(),
            strict=True,
        )
    )


def test_a_window_sums_discounted_rewards_and_bootstraps_behind_its_last_row() -> None:
    ring = ring_of(None, None, None, None)
    assert told(3, ring, 0) == [(1 + 0.5 * 10 + 0.25 * 100, 0.5**3, 3.0)]
    batch = windows(3, ring, [1])
    first = (batch.obs[0, 0, 0].item(), batch.action[0, 0].item(), batch.index[0, 0].item())
    assert first == (1.0, 1, 1)  # of its first row


def test_a_window_ends_at_a_termination_and_bootstraps_nothing() -> None:
    ring = ring_of(None, TERMINATED, None, None)
    assert told(3, ring, 0, 1) == [(1 + 0.5 * 10, 0.0, 2.0), (10.0, 0.0, 2.0)]


def test_a_window_ends_at_a_time_limit_and_bootstraps_at_its_last_state() -> None:
    ring = ring_of(None, TRUNCATED, None, None)
    assert told(3, ring, 0, 1) == [(1 + 0.5 * 10, 0.5**2, 2.0), (10.0, 0.5, 2.0)]


def test_a_time_limit_that_counts_as_an_end_cuts_the_bootstrap_of_a_window() -> None:
    assert told(3, ring_of(None, CUT, None), 0) == [(1 + 0.5 * 10, 0.0, 2.0)]


def test_a_window_ends_at_the_newest_row_with_its_own_power_of_gamma() -> None:
    ring = ring_of(None, None, None, None)
    assert told(3, ring, 2, 3) == [(100 + 0.5 * 1000, 0.5**2, 4.0), (1000.0, 0.5, 4.0)]


def test_a_window_goes_on_across_the_wrap_and_ends_before_the_oldest_row() -> None:
    ring = ring_of(*[None] * 6, capacity=4)  # slots hold rows 4 5 2 3
    assert told(3, ring, 3) == [(10**3 + 0.5 * 10**4 + 0.25 * 10**5, 0.5**3, 6.0)]
    assert told(3, ring, 1) == [(10.0**5, 0.5, 6.0)]


def test_a_window_longer_than_the_ring_reads_no_row_twice() -> None:
    ring = ring_of(None, None, capacity=2)
    assert told(5, ring, 0, 1) == [(1 + 0.5 * 10, 0.25, 2.0), (10.0, 0.5, 2.0)]


@pytest.mark.parametrize("end", [None, TERMINATED, TRUNCATED])
def test_a_window_of_one_row_is_the_row(end: str | None) -> None:
    ring = ring_of(None, end, None)
    at, weight = torch.tensor([[0, 1, 2]]), torch.tensor([[0.25, 0.5, 1.0]], dtype=torch.float64)
    one, other = (piece.batch(ring, at, weight) for piece in (OneStep(), NStep(1)))
    for name in Batch.__slots__:
        assert torch.equal(getattr(one, name), getattr(other, name)), name
