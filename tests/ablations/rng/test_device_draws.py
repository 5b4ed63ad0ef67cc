"""Random numbers on the device: the published algorithm, one sequence per lane whatever stands beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.engines.cuda import draws as draws_of_device
from ablations.engines.cuda.draws import DeviceDraws
from ablations.rng.philox import keys, philox, uniforms
from ablations.rng.streams import Role
from tests.oracles import philox as oracle

WORD = st.integers(0, 2**32 - 1)


def words(numbers: Any) -> Any:
    return tuple(torch.tensor(number) for number in numbers)


@pytest.mark.parametrize(("counter", "key", "expected"), oracle.KNOWN_ANSWERS)
def test_it_gives_the_authors_known_answers(counter, key, expected):
    assert tuple(map(int, philox(words(counter), words(key)))) == expected
    assert oracle.philox(counter, key) == expected


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[WORD] * 4), st.tuples(*[WORD] * 2))
def test_it_equals_plain_integers_whatever_the_counter_and_the_key(counter, key):
    assert tuple(map(int, philox(words(counter), words(key)))) == oracle.philox(counter, key)


@pytest.mark.parametrize("width", [1, 3, 4, 9])
def test_word_i_of_a_call_is_found_at_its_counter_also_past_two_to_the_32_calls(width):
    call = 5 * 2**32 + 7
    (key,) = keys(11, [3], Role.REPLAY, "cpu")
    found = uniforms(key, torch.tensor(call), width)
    expected = [oracle.philox((i // 4, 7, 5, 0), key.tolist())[i % 4] / 2**32 for i in range(width)]
    assert found.dtype == torch.float64
    assert found.tolist() == expected


@pytest.mark.parametrize("lanes", [1, 3, 64])
def test_a_lanes_draws_are_the_same_alone_and_among_others_and_however_many_are_drawn_ahead(
    lanes, monkeypatch
):
    seeds = [int(seed) for seed in np.random.default_rng(lanes).permutation(64)[:lanes]]
    alone = {seed: DeviceDraws(0, [seed], Role.REPLAY, 6, "cpu") for seed in seeds[:4]}
    expected = [{seed: draws.next().clone() for seed, draws in alone.items()} for _ in range(20)]
    for ahead in (1, 6 * lanes * 7, 2**22):
        monkeypatch.setattr(draws_of_device, "AHEAD", ahead)
        together = DeviceDraws(0, seeds, Role.REPLAY, 6, "cpu")
        for row in expected:
            found = together.next()
            for seed, numbers in row.items():
                assert torch.equal(found[seeds.index(seed)], numbers[0])


def test_entropy_seed_and_role_each_give_other_numbers():
    first = [
        DeviceDraws(entropy, [seed], role, 8, "cpu").next()
        for entropy in (0, 1)
        for seed in (0, 1)
        for role in (Role.REPLAY, Role.EXPLORATION)
    ]
    assert len({tuple(numbers[0].tolist()) for numbers in first}) == 8


def test_draws_are_uniform_in_each_place_and_over_the_calls():
    """16,384 draws into 16 bins: chi squared with 15 degrees of freedom is below 45 but once in ten thousand."""
    draws = DeviceDraws(0, range(16), Role.REPLAY, 4, "cpu")
    numbers = torch.stack([draws.next() for _ in range(256)])  # (T, L, W)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for part in (numbers[..., 0], numbers[:, 3], numbers[::2]):
        counts = torch.histc(part.flatten(), 16, 0, 1)
        mean = part.numel() / 16
        assert ((counts - mean) ** 2 / mean).sum() < 45
