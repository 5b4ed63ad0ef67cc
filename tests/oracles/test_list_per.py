"""List-based prioritised replay on priorities that sum to round numbers."""

import pytest

from tests.oracles.list_per import ListPER


def replay_with(priorities, alpha=1.0, capacity=8):
    """Priorities set through TD errors, with eps 0 so that p = |delta|."""
    per = ListPER(capacity, alpha, eps=0.0)
    slots = [per.add() for _ in priorities]
    per.update(slots, priorities)
    return per


def test_the_first_transition_has_priority_one():
    per = ListPER(4, alpha=0.6, eps=1e-6)
    per.add()
    assert per.priorities == [1.0]


def test_a_new_transition_gets_the_largest_priority_so_far():
    per = replay_with([0.5, 3.0])
    assert per.priorities[per.add()] == 3.0


def test_the_largest_priority_is_kept_when_its_transition_gets_a_smaller_one_or_is_gone():
    per = replay_with([0.5, 3.0], capacity=2)
    per.update([1], [0.25])
    assert per.priorities == [0.5, 0.25]
    assert per.add() == 0  # the oldest one's slot
    assert per.priorities == [3.0, 0.25]


def test_the_largest_priority_is_never_below_one():
    per = replay_with([0.5, 0.25])
    per.add()
    assert per.priorities == [0.5, 0.25, 1.0]


def test_priority_is_the_size_of_the_error_plus_eps():
    per = ListPER(4, alpha=1.0, eps=0.125)
    slots = [per.add(), per.add()]
    per.update(slots, [-2.0, 0.0])
    assert per.priorities == [2.125, 0.125]
    assert per.largest == 2.125


def test_a_slot_drawn_twice_gets_one_priority():
    per = replay_with([1.0, 1.0])
    per.update([1, 1], [0.5, 0.5])
    assert per.priorities == [1.0, 0.5]


def test_probabilities_are_shares_of_the_powers_of_priorities():
    # the square roots of 1, 4, 9, 16 are 1, 2, 3, 4 of 10
    per = replay_with([1.0, 4.0, 9.0, 16.0], alpha=0.5)
    assert per.probabilities() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_with_alpha_zero_all_are_equally_likely_and_all_weights_are_one():
    per = replay_with([1.0, 4.0, 9.0, 16.0], alpha=0.0)
    assert per.probabilities() == [0.25] * 4
    assert per.weights([0, 3, 1], beta=0.7) == [1.0, 1.0, 1.0]


def test_weights_are_normalised_by_the_largest_of_the_batch():
    # P = .1 .2 .3 .4, N P = .4 .8 1.2 1.6: to the power -1 2.5, 1.25, .8333, .625
    per = replay_with([1.0, 2.0, 3.0, 4.0])
    assert per.weights([1, 3], beta=1.0) == pytest.approx([1.0, 0.5])
    assert per.weights([0, 3, 3], beta=1.0) == pytest.approx([1.0, 0.25, 0.25])
    assert per.weights([0, 3], beta=0.5) == pytest.approx([1.0, 0.5])
    assert per.weights([0, 3], beta=0.0) == [1.0, 1.0]


def test_stratified_draws_fall_one_into_each_equal_part():
    # total 10, four parts of 2.5
    per = replay_with([1.0, 2.0, 3.0, 4.0])
    assert per.masses([0.0, 0.5, 0.0, 0.8], stratified=True) == pytest.approx([0.0, 3.75, 5.0, 9.5])
    # running sums 1, 3, 6, 10
    assert per.sample([0.0, 0.5, 0.0, 0.8], stratified=True) == [0, 2, 2, 3]


def test_unstratified_draws_fall_anywhere():
    per = replay_with([1.0, 2.0, 3.0, 4.0])
    assert per.masses([0.95, 0.05], stratified=False) == pytest.approx([9.5, 0.5])
    assert per.sample([0.95, 0.05, 0.1, 0.25, 0.3, 0.6], stratified=False) == [3, 0, 1, 1, 2, 3]


def test_a_mass_on_a_boundary_belongs_to_the_slot_above_it():
    per = replay_with([1.0, 1.0, 2.0])
    assert per.sample([0.0, 0.25, 0.5], stratified=False) == [0, 1, 2]


def test_the_newest_transition_can_be_drawn():
    per = replay_with([1.0, 1.0, 1.0, 1.0])
    assert per.sample([0.999999], stratified=False) == [3]


def test_a_priority_of_zero_is_never_drawn_even_at_the_very_end():
    per = replay_with([0.0, 1.0, 0.0])
    assert per.sample([0.0, 0.5, 1.0 - 2**-53], stratified=False) == [1, 1, 1]


def test_an_even_grid_of_uniforms_draws_in_proportion():
    per = replay_with([1.0, 2.0, 3.0, 4.0])
    slots = per.sample([0.5] * 1000, stratified=True)
    assert [slots.count(slot) for slot in range(4)] == [100, 200, 300, 400]
