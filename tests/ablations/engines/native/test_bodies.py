"""Compiled bodies of pieces' functions against the pieces' own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ablations import engines
from ablations.dqn.bootstrap import Double, InverseDouble, Max, Munchausen
from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.head import Linear
from ablations.dqn.network import Network
from ablations.dqn.replay.ring import Ring
from ablations.dqn.returns import NStep
from ablations.dqn.trunk import Mlp
from ablations.dqn.types import Batch, Clock, Transition
from ablations.engines import reference

from ...dqn.coded import space
from .networks import dtypes, needs_library, quick, rows_of

pytestmark = needs_library
native = engines.of("native")
NOW = Clock(0, 0, 1000)


@quick
@given(st.integers(1, 5), st.integers(1, 20), dtypes, st.integers(0, 999), st.sampled_from([0.0, 0.5, 1.0]))
def test_actions_are_the_references_among_ties_infinities_and_nan(
    lanes: int, actions: int, dtype: torch.dtype, seed: int, epsilon: float
) -> None:
    rng = torch.Generator().manual_seed(seed)
    kinds = torch.tensor([-1.0, 0.0, -0.0, 1.0, float("inf"), float("-inf"), float("nan")], dtype=dtype)
    values = kinds[torch.randint(len(kinds) - seed % 2, (lanes, actions), generator=rng)]
    u = torch.rand(lanes, 2, generator=rng, dtype=torch.float64)
    exploration = EpsilonGreedy(epsilon, schedule="constant")
    found, expected = (
        each.body(exploration, exploration.act)(values, u, NOW) for each in (native, reference)
    )
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_draws_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="float32"):
        native.body(EpsilonGreedy(), EpsilonGreedy().act)(torch.zeros(2, 3), torch.zeros(2, 2), NOW)


class Contrary(EpsilonGreedy):
    """A way of exploring of a user's own, which inherits the name of a compiled body."""

    def act(self, values: Tensor, u: Tensor, clock: Clock) -> Tensor:
        return super().act(-values, u, clock)


def test_a_way_of_exploring_that_is_not_compiled_is_the_users_own() -> None:
    values, never = torch.tensor([[1.0, 3.0, 2.0]]), torch.full((1, 2), 0.999, dtype=torch.float64)
    usual, contrary = (kind(0.0, schedule="constant") for kind in (EpsilonGreedy, Contrary))
    assert native.body(usual, usual.act)(values, never, NOW).tolist() == [1]
    assert native.body(contrary, contrary.act)(values, never, NOW).tolist() == [0]


class Rows(Ring):
    """A memory of a user's own, whose rows may lie anywhere."""

    def rows(self, index: Tensor) -> Transition:
        return super().rows(index)


@quick
@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 20), dtypes, st.integers(0, 99))
def test_windows_are_the_pieces_and_up_to_four_steps_bit_for_bit(
    n: int, capacity: int, added: int, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    lanes, batch = 3, 1 + seed % 40
    kept = space(lanes)._replace(zeros=partial(torch.zeros, dtype=dtype))
    rings = [kind(kept, capacity, batch) for kind in (Ring, Rows)]
    for _ in range(added):
        obs, next_obs = torch.randn(2, lanes, 3, generator=rng).to(dtype)
        reward, discount = torch.randn(2, lanes, generator=rng).to(dtype)
        ended = (torch.rand(lanes, generator=rng) < 0.3).to(dtype)
        action = torch.randint(9, (lanes,), generator=rng)
        for ring in rings:
            ring.add(Transition(obs, action, reward, discount, next_obs, ended))
    index = torch.randint(int(rings[0].size), (lanes, batch), generator=rng)
    piece = NStep(n)
    expected = piece.batch(rings[0], index, rings[0].ones)
    # of more than four numbers torch makes sums in an order of its own
    rounding = 0.0 if n <= 4 else 1e-5 if dtype == torch.float32 else 1e-13
    for ring in rings:
        found = native.body(piece, piece.batch)(ring, index, rings[0].ones)
        for name in Batch.__slots__:
            pair = getattr(found, name), getattr(expected, name)
            torch.testing.assert_close(*pair, rtol=rounding, atol=rounding, msg=name)


@pytest.mark.parametrize("wrong", [-1, 4])
def test_a_window_out_of_range_is_an_error(wrong: int) -> None:
    ring = Ring(space(lanes=2), 4, 1)
    with pytest.raises(IndexError, match=r"0 \.\.\. 3"):
        native.body(NStep(), NStep().batch)(ring, torch.tensor([[0], [wrong]]), ring.ones)


@quick
@given(
    st.sampled_from([Max(), Double(), InverseDouble()]), st.integers(1, 9), dtypes, st.integers(0, 99)
)  # fmt: skip
def test_greedy_targets_are_the_pieces_bit_for_bit(
    piece: Max | Double | InverseDouble, actions: int, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    given = rows_of(Network((3,), actions, Mlp(()), Linear()), dtype, 2, 20, rng)
    values = torch.randn(2, 2, 20, actions, generator=rng, dtype=torch.float64).mul_(4).to(dtype)
    if seed % 3 == 0:  # a piece of somebody's own may give one discount for all
        given = replace(given, discount=given.discount[:, :1])
    if seed % 2:  # ties, and values that are no numbers
        values = values.round()
        values[torch.rand(values.shape, generator=rng) < 0.1] = torch.nan
    found, expected = (
        y(given, lambda _: values[0], lambda _: values[1]) for y in (native.body(piece, piece), piece)
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@quick
@given(st.integers(1, 9), st.integers(1, 40), st.floats(0.01, 10), dtypes, st.integers(0, 99))
def test_munchausen_targets_are_the_pieces(
    actions: int, batch: int, tau: float, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    network = Network((3,), actions, Mlp(()), Linear())
    given = rows_of(network, dtype, 2, batch, rng)
    values = 10 * torch.randn(2, 2 * batch, actions, generator=rng, dtype=torch.float64).to(dtype)
    piece = Munchausen(tau=tau)
    found, expected = (
        y(given, lambda _: values, lambda _: values) for y in (native.body(piece, piece), piece)
    )
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=10 * tolerance)


def test_munchausen_targets_of_values_that_are_no_numbers_are_none() -> None:
    batch = rows_of(
        Network((3,), 2, Mlp(()), Linear()), torch.float32, 1, 3, torch.Generator().manual_seed(0)
    )
    values = torch.zeros(1, 6, 2)
    values[0, 0, 1] = values[0, 4, 0] = torch.nan
    y = native.body(Munchausen(), Munchausen())(batch, None, lambda _: values)
    assert y.isnan().tolist() == [[True, True, False]]


def test_munchausen_refuses_an_action_out_of_range_and_numbers_of_another_type() -> None:
    batch = rows_of(
        Network((3,), 2, Mlp(()), Linear()), torch.float32, 1, 3, torch.Generator().manual_seed(0)
    )
    target = native.body(Munchausen(), Munchausen())
    with pytest.raises(TypeError, match="float64"):
        target(batch, None, lambda _: torch.zeros(1, 6, 2, dtype=torch.float64))
    with pytest.raises(IndexError, match=r"0 \.\.\. 1"):
        target(replace(batch, action=batch.action + 2), None, lambda _: torch.zeros(1, 6, 2))
