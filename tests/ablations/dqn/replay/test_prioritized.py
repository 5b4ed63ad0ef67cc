"""Proportional prioritised replay: hand-worked numbers, frequencies, and the list-based oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ablations.dqn.replay.prioritized import Prioritized, PrioritizedRing
from ablations.rng.streams import Role, stream
from tests.oracles.list_per import ListPER

from ..coded import drawn, draws, fill, ids, space


def told(replay: Prioritized, deltas: list[list[float]], batch_size: int = 4) -> PrioritizedRing:
    """A memory whose slots 0 ... n-1 have the given TD errors, by lane."""
    lanes, n = len(deltas), len(deltas[0])
    memory = replay.init(space(lanes, capacity=n, batch_size=batch_size))
    fill(replay, memory, 0, n - 1, lanes)
    index = torch.arange(n).repeat(lanes, 1)
    replay.feedback(memory, index, torch.tensor(deltas, dtype=torch.float64))
    return memory


def leaves(memory: PrioritizedRing) -> list[list[float]]:
    """p ** alpha by lane and slot."""
    n = memory.capacity
    rows: list[list[float]] = memory.tree.values(torch.arange(n).repeat(len(memory.tree.nodes), 1)).tolist()
    return rows


def test_priority_is_the_size_of_the_error_plus_eps_to_the_power_of_alpha() -> None:
    memory = told(Prioritized(alpha=0.5, eps=0.25), [[-2.0, 0.0, 3.75], [0.75, 8.75, -15.75]])
    np.testing.assert_allclose(leaves(memory), [[1.5, 0.5, 2.0], [1.0, 3.0, 4.0]], rtol=1e-15)


def test_a_new_transition_gets_the_largest_priority_so_far_in_its_lane() -> None:
    replay = Prioritized(alpha=0.5, eps=0.25)
    memory = replay.init(space(capacity=3, batch_size=2))
    fill(replay, memory, 0, 0)
    assert leaves(memory) == [[1, 0, 0], [1, 0, 0]]  # 1 when there is none
    index = torch.tensor([[0], [0]])
    replay.feedback(memory, index, draws([-8.75], [0.5]))  # p: 9 and 0.75
    fill(replay, memory, 1, 1)
    np.testing.assert_allclose(leaves(memory), [[3, 3, 0], [0.75**0.5, 1, 0]])


def test_the_largest_priority_is_kept_after_it_shrinks_and_after_its_transition_is_gone() -> None:
    replay = Prioritized(alpha=1.0, eps=0.5)
    memory = told(replay, [[3.5, 0.5]])
    index = torch.tensor([[0]])
    replay.feedback(memory, index, draws([0.0]))  # the sample that had p = 4 has 0.5 now
    assert leaves(memory) == [[0.5, 1.0]]
    fill(replay, memory, 2, 4, lanes=1)  # both old transitions are forgotten
    assert leaves(memory) == [[4.0, 4.0]]


def test_a_transition_drawn_twice_is_told_its_error_once() -> None:
    replay = Prioritized(alpha=1.0, eps=0.5)
    memory = told(replay, [[0.5, 1.5, 2.5]])
    index = torch.tensor([[1, 2, 1]])
    replay.feedback(memory, index, draws([4.5, 0.5, 4.5]))
    assert leaves(memory) == [[1.0, 5.0, 1.0]]
    assert memory.tree.total.item() == 7.0


def test_importance_weights_are_n_times_p_to_minus_beta_over_the_batch_maximum() -> None:
    replay = Prioritized(alpha=1.0, eps=0.5, beta_start=0.5, beta_end=1.0, stratified=False)
    memory = told(replay, [[0.5, 3.5, 10.5]])  # p = 1, 4, 11 of 16
    u = draws([0.0, 0.1, 0.5])  # mass 0, 1.6, 8
    batch = drawn(replay, memory, u, progress=0.0)  # beta 1/2
    assert batch.index.tolist() == [[0, 1, 2]]
    raw = [(3 * p / 16) ** -0.5 for p in (1, 4, 11)]
    np.testing.assert_allclose(batch.weight[0], [w / raw[0] for w in raw], rtol=1e-14)
    batch = drawn(replay, memory, u, progress=1.0)  # beta 1: 1, 1/4, 1/11
    np.testing.assert_allclose(batch.weight[0], [1, 1 / 4, 1 / 11], rtol=1e-14)
    batch = drawn(replay, memory, draws([0.1, 0.5, 0.6]), progress=1.0)  # the batch holds no slot 0
    np.testing.assert_allclose(batch.weight[0], [1, 4 / 11, 4 / 11], rtol=1e-14)


@pytest.mark.parametrize(("progress", "beta"), [(0.0, 0.4), (0.5, 0.7), (1.0, 1.0)])
def test_beta_goes_linearly_from_its_start_to_its_end_over_the_run(progress: float, beta: float) -> None:
    replay = Prioritized(alpha=1.0, eps=0.5, stratified=False)
    memory = told(replay, [[0.5, 3.5]])  # p = 1, 4
    batch = drawn(replay, memory, draws([0.0, 0.9]), progress)
    np.testing.assert_allclose(batch.weight[0], [1, 4**-beta], rtol=1e-14)


def test_stratified_draws_fall_into_equal_parts_of_the_total_one_each() -> None:
    replay = Prioritized(alpha=1.0, eps=0.5)
    memory = told(replay, [[0.5, 1.5, 4.5]], batch_size=4)  # p = 1, 2, 5: parts 0-2, 2-4, 4-6, 6-8
    batch = drawn(replay, memory, draws([0.0, 0.0, 0.0, 0.0]), 0.0)  # mass 0, 2, 4, 6
    assert ids(batch) == [[0, 1, 2, 2]]
    batch = drawn(replay, memory, draws([0.6, 0.4, 0.9, 0.9]), 0.0)  # mass 1.2, 2.8, 5.8, 7.8
    assert ids(batch) == [[1, 1, 2, 2]]
    batch = drawn(replay, memory, draws([0.4, 0.6, 0.0, 0.9]), 0.0)  # mass 0.8, 3.2, 4, 7.8
    assert ids(batch) == [[0, 2, 2, 2]]


def test_unstratified_draws_fall_anywhere() -> None:
    replay = Prioritized(alpha=1.0, eps=0.5, stratified=False)
    memory = told(replay, [[0.5, 1.5, 4.5]], batch_size=4)
    batch = drawn(replay, memory, draws([0.9, 0.1, 0.2, 0.3]), 0.0)  # mass 7.2, 0.8, 1.6, 2.4
    assert ids(batch) == [[2, 0, 1, 1]]


def frequencies(replay: Prioritized, batch_size: int, batches: int) -> tuple[Any, Any]:
    """Counts of the drawn slots, and what theory says."""
    deltas = [0.1, 5.0, 0.7, 2.0, 0.0, 1.0, 3.0]
    memory = told(replay, [deltas], batch_size)
    generator = stream(0, 1, Role.REPLAY)
    counts = np.zeros(len(deltas))
    for _ in range(batches):
        u = torch.from_numpy(generator.random((1, batch_size)))
        counts += np.bincount(drawn(replay, memory, u, 0.5).index[0], minlength=len(deltas))
    scaled = (np.abs(deltas) + replay.eps) ** replay.alpha
    return counts, scaled / scaled.sum() * counts.sum()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("stratified", [True, False])
def test_sampled_frequencies_are_those_of_the_priorities(alpha: float, stratified: bool) -> None:
    counts, expected = frequencies(Prioritized(alpha=alpha, eps=0.01, stratified=stratified), 16, 1000)
    assert stats.chisquare(counts, expected).pvalue > 0.01


def test_stratification_spreads_a_batch_more_evenly_than_free_draws() -> None:
    """Each slot's count in one batch is within 2 of its expectation."""
    replay = Prioritized(alpha=0.6, eps=0.01)
    for batches in range(1, 6):
        counts, expected = frequencies(replay, 64, batches)
        assert (np.abs(counts - expected) <= 2 * batches).all()


def test_alpha_zero_gives_every_transition_the_same_leaf_and_weights_of_exactly_one() -> None:
    replay = Prioritized(alpha=0.0)
    memory = told(replay, [[0.1, 30.0, -7.0, 0.0, 2.0]], batch_size=8)
    assert leaves(memory) == [[1.0] * 5]
    u = torch.from_numpy(stream(0, 0, Role.REPLAY).random((1, 8)))
    for progress in (0.0, 0.3, 1.0):
        assert (drawn(replay, memory, u, progress).weight == 1).all()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_it_equals_the_list_along_random_operations(data: st.DataObject) -> None:
    capacity = data.draw(st.integers(1, 9))
    alpha = data.draw(st.sampled_from([0.0, 0.4, 0.6, 1.0]))
    replay = Prioritized(alpha=alpha, eps=0.01, stratified=data.draw(st.booleans()))
    memory = replay.init(space(lanes=2, capacity=capacity, batch_size=3))
    oracle = [ListPER(capacity, alpha, 0.01) for _ in range(2)]
    added = 0
    for _ in range(data.draw(st.integers(1, 25))):
        if added == 0 or data.draw(st.booleans()):
            fill(replay, memory, added, added)
            slots = [each.add() for each in oracle]
            assert slots == [added % capacity] * 2
            added += 1
            continue
        u = data.draw(st.lists(st.lists(st.floats(0, 0.999), min_size=3, max_size=3), min_size=2, max_size=2))
        progress = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
        batch = drawn(replay, memory, torch.tensor(u, dtype=torch.float64), progress)
        errors = data.draw(st.lists(st.floats(-9, 9), min_size=2 * capacity, max_size=2 * capacity))
        delta = torch.tensor(errors, dtype=torch.float64).view(2, capacity).gather(1, batch.index)
        for lane, each in enumerate(oracle):
            found = batch.index[lane].tolist()
            expected = each.sample(u[lane], replay.stratified)
            ends = np.cumsum(each.scaled())
            masses = each.masses(u[lane], replay.stratified)
            for one, other, mass in zip(found, expected, masses, strict=True):
                # two ways of summing may differ where a draw falls on the border of two slots
                assert one == other or np.abs(ends - mass).min() < 1e-9 * ends[-1]
            beta = 0.4 + 0.6 * progress
            np.testing.assert_allclose(batch.weight[lane], each.weights(found, beta), rtol=1e-9)
            each.update(found, delta[lane].tolist())
        replay.feedback(memory, batch.index, delta)
        for lane, each in enumerate(oracle):
            np.testing.assert_allclose(
                leaves(memory)[lane][: len(each)], each.scaled(), rtol=1e-12, atol=1e-300
            )
            assert memory.largest[lane].item() == pytest.approx(each.largest, rel=1e-12)
