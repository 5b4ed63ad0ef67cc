"""Networks, batches and short trainings on which the compiled code is held against the reference."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import Tensor

from ablations import engines
from ablations.dqn.head import BiasFree, Dueling, Linear
from ablations.dqn.network import Network, Trainable
from ablations.dqn.trunk import Mlp
from ablations.dqn.types import Batch, Update
from ablations.dqn.variants import DQN, Piece, Variant
from ablations.engines.native import library
from tests.configured import configured

needs_library = pytest.mark.skipif(
    bool(library.missing()), reason=f"no compiled library: {library.missing()}"
)

HEADS: tuple[Piece, ...] = (Linear(), BiasFree(), Dueling(), Dueling((5,)), Dueling((16, 9)))
NORMALIZED = ((16,), (64,), (5,), (17,), (4,), (64, 64), (17, 5, 4), (4, 64, 17))
"""Widths that are whole vectors, ragged or narrow, alone and one after the other."""

widths = st.integers(1, 40) | st.sampled_from([16, 32, 48, 64])
networks = st.builds(
    Network,
    observation=st.tuples(st.integers(1, 20)),
    actions=st.integers(1, 19),
    trunk=st.builds(Mlp, st.lists(widths, max_size=3).map(tuple), st.booleans()),
    head=st.sampled_from(HEADS),
)
dtypes = st.sampled_from([torch.float32, torch.float64])
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def seen(numbers: Tensor, shows: torch.dtype | None) -> Tensor:
    """As an environment of this type shows them: bytes from 0 to 255, truth values, or the numbers themselves."""
    if shows is None:
        return numbers
    return numbers > 0 if shows == torch.bool else (numbers * 64 + 128).clamp(0, 255).to(shows)


def rows_of(
    network: Network,
    dtype: torch.dtype,
    lanes: int,
    batch: int,
    rng: torch.Generator,
    shows: torch.dtype | None = None,
) -> Batch:
    """A random batch as a ring gives it: views into wider rows."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype)

    d, shape = prod(network.observation), network.observation
    rows = normal(lanes, batch, 2 * d + 3)
    return Batch(
        obs=seen(rows[..., :d].unflatten(-1, shape), shows),
        next_obs=seen(rows[..., d : 2 * d].unflatten(-1, shape), shows),
        action=torch.randint(network.actions, (lanes, batch), generator=rng),
        reward=rows[..., 2 * d],
        discount=rows[..., 2 * d + 1],
        weight=normal(lanes, batch).abs(),
        index=torch.zeros(lanes, batch, dtype=torch.int64),
    )


class Trained(NamedTuple):
    """What a few updates leave."""

    flat: Tensor  # (L, P)
    moments: Tensor  # (L, 2 P)
    updates: list[Update]
    norms: Tensor  # (updates, L)
    frozen_at: Tensor  # (L,)


def trained(
    engine: str,
    network: Network,
    dtype: torch.dtype,
    seed: int,
    steps: int,
    variant: Variant = DQN,
    shows: torch.dtype | None = None,
    **numbers: Any,
) -> Trained:
    """After updates on random batches of changing size, by the variant's loss and optimizer."""
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(seed)
    lanes = 1 + seed % 4
    online = Trainable(network, network.initial(0, range(lanes), dtype))
    optimizer = engines.of(engine).optimizer(online, *configured(variant, **numbers))
    updates, norms = [], []
    for step in range(steps):
        batch = rows_of(network, dtype, lanes, 1 + (seed + 13 * step) % 70, rng, shows)
        updates.append(optimizer.descend(batch, batch.reward))
        norms.append(optimizer.gradient_norm.clone())
    moments = torch.cat([optimizer.moments.first, optimizer.moments.second], -1)
    return Trained(online.flat, moments, updates, torch.stack(norms), optimizer.frozen_at)


def assert_close(found: Trained, expected: Trained, rtol: float, atol: float) -> None:
    """Every number of one as of the other."""
    for name in ("flat", "moments", "norms"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=rtol, atol=atol)
    assert torch.equal(found.frozen_at, expected.frozen_at)
    for one, other in zip(found.updates, expected.updates, strict=True):
        for name in ("q", "delta", "priority", "loss", "largest_q"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=rtol, atol=atol)


def assert_equal(one: Trained, other: Trained) -> None:
    """The same bits."""
    for name in ("flat", "moments", "norms", "frozen_at"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    for a, b in zip(one.updates, other.updates, strict=True):
        for name in ("q", "delta", "priority", "loss", "largest_q"):
            assert torch.equal(getattr(a, name), getattr(b, name)), name
