"""The ring and the unweighted replay pieces, on id-coded transitions."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.ring import Ring
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.variants import Piece
from ablations.rng.streams import Role, stream

from ..coded import coded, drawn, draws, fill, ids, space

ALMOST_ONE = 1 - 2**-53  # the largest double below 1


def test_a_row_comes_back_as_it_was_written_in_every_field_and_lane() -> None:
    ring = Ring(space(lanes=3), capacity=5, batch_size=1)
    for i in range(4):
        ring.add(coded(i, lanes=3))
    assert ids(ring.rows(torch.tensor([[2, 0], [1, 1], [3, 2]]))) == [[2, 0], [1, 1], [3, 2]]


def test_the_ring_overwrites_the_oldest_transition_first() -> None:
    ring = Ring(space(), capacity=4, batch_size=1)
    slots = [ring.add(coded(i)) for i in range(11)]
    assert slots == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    assert (ring.position, ring.size) == (3, 4)
    assert ids(ring.rows(torch.arange(4).repeat(2, 1))) == [[8, 9, 10, 7]] * 2


def test_the_ring_of_one_slot_holds_the_newest_transition() -> None:
    ring = Ring(space(), capacity=1, batch_size=1)
    for i in range(3):
        ring.add(coded(i))
        assert ids(ring.rows(torch.tensor([[0], [0]]))) == [[i], [i]]


def test_a_gathered_batch_does_not_change_when_the_ring_moves_on() -> None:
    ring = Ring(space(), capacity=2, batch_size=1)
    ring.add(coded(0))
    batch = ring.rows(torch.tensor([[0], [0]]))
    ring.add(coded(1))
    ring.add(coded(2))
    assert ids(batch) == [[0], [0]]


@pytest.mark.parametrize("replay", [Uniform(), Prioritized(), Prioritized(alpha=0.0, stratified=False)])
@pytest.mark.parametrize("added", [1, 2, 3, 5, 6, 9, 10, 13])
def test_the_last_n_transitions_can_all_be_drawn_and_no_older_one(replay: Piece, added: int) -> None:
    memory = replay.init(space(capacity=5, batch_size=50))
    fill(replay, memory, 0, added - 1)
    u = ((torch.arange(50, dtype=torch.float64) + 0.5) / 50).repeat(2, 1)
    expected = set(range(max(0, added - 5), added))
    assert [set(row) for row in ids(drawn(replay, memory, u, 0.5))] == [expected, expected]


@pytest.mark.parametrize("replay", [Uniform(), Prioritized(stratified=False)])
@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_the_largest_draw_gives_the_last_slot_and_zero_the_first(replay: Piece, size: int) -> None:
    memory = replay.init(space(capacity=5, batch_size=2))
    fill(replay, memory, 0, size - 1)
    batch = drawn(replay, memory, draws([0.0, ALMOST_ONE], [ALMOST_ONE, 0.0]), 0.0)
    assert ids(batch) == [[0, size - 1], [size - 1, 0]]


def test_uniform_takes_the_floor_of_u_times_the_number_stored() -> None:
    replay = Uniform()
    memory = replay.init(space(capacity=8, batch_size=4))
    fill(replay, memory, 0, 4)  # 5 of 8 slots are filled
    batch = drawn(replay, memory, draws([0.0, 0.19, 0.2, 0.99], [0.39, 0.4, 0.61, 0.8]), 0.0)
    assert batch.index.tolist() == [[0, 0, 1, 4], [1, 2, 3, 4]]
    assert ids(batch) == batch.index.tolist()


def test_uniform_draws_every_stored_transition_equally_often() -> None:
    replay = Uniform()
    memory = replay.init(space(lanes=1, capacity=37, batch_size=10_000))
    fill(replay, memory, 0, 60, lanes=1)
    u = torch.from_numpy(stream(0, 0, Role.REPLAY).random((1, 10_000)))
    counts = torch.bincount(drawn(replay, memory, u, 0.0).index[0], minlength=37).numpy()
    assert len(counts) == 37
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("u", [0.0, 0.5, ALMOST_ONE])
def test_latest_gives_the_newest_transition_alone_whatever_is_drawn(u: float) -> None:
    replay = Latest()
    memory = replay.init(space(capacity=5, batch_size=4))
    for i in range(8):
        fill(replay, memory, i, i)
        batch = drawn(replay, memory, draws([u] * 4, [u] * 4), 0.0)
        assert ids(batch) == [[i], [i]]
        assert batch.weight.shape == (2, 1)


@pytest.mark.parametrize("capacity", [4, 5, 8])
def test_consecutive_gives_the_last_transitions_oldest_first_also_across_the_wrap(capacity: int) -> None:
    replay = Consecutive()
    memory = replay.init(space(capacity=capacity, batch_size=4))
    fill(replay, memory, 0, 2)
    for newest in range(3, 3 * capacity):
        fill(replay, memory, newest, newest)
        batch = drawn(replay, memory, torch.rand(2, 4, dtype=torch.float64), 0.0)
        assert ids(batch) == [list(range(newest - 3, newest + 1))] * 2


@pytest.mark.parametrize("lookahead", [1, 3])
def test_latest_gives_the_newest_whole_window_where_returns_look_ahead(lookahead: int) -> None:
    replay = Latest()
    memory = replay.init(space(lookahead=lookahead))
    for i in range(9):
        fill(replay, memory, i, i)
        assert ids(drawn(replay, memory, draws([0.5] * 4, [ALMOST_ONE] * 4))) == [[max(0, i - lookahead)]] * 2


@pytest.mark.parametrize("capacity", [4, 6, 9])
def test_consecutive_gives_the_last_whole_windows_where_returns_look_ahead(capacity: int) -> None:
    replay = Consecutive()
    memory = replay.init(space(capacity=capacity, batch_size=4, lookahead=2))
    fill(replay, memory, 0, 4)
    for newest in range(5, 3 * capacity):
        fill(replay, memory, newest, newest)
        batch = drawn(replay, memory, torch.rand(2, 4, dtype=torch.float64))
        assert ids(batch) == [list(range(newest - 5, newest - 1))] * 2


@pytest.mark.parametrize("replay", [Latest(), Consecutive(), Uniform()])
def test_unweighted_pieces_weigh_every_sample_with_one_and_ignore_errors(
    replay: Piece,
) -> None:
    memory = replay.init(space())
    fill(replay, memory, 0, 6)
    u = draws([0.1, 0.4, 0.6, 0.9], [0.9, 0.2, 0.3, 0.0])
    first = drawn(replay, memory, u, 0.0)
    assert (first.weight == 1).all()
    assert first.weight.shape == first.reward.shape
    replay.feedback(memory, first.index, torch.full_like(first.reward, 100.0))
    again = drawn(replay, memory, u, 1.0)
    assert torch.equal(again.index, first.index)
    assert (again.weight == 1).all()
