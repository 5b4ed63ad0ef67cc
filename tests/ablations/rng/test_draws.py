"""Draws of many lanes: each lane's numbers are its seed's stream, whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest

from ablations.rng.draws import Draws
from ablations.rng.streams import Role, stream


@pytest.mark.parametrize("block", [1, 3, 256])
def test_draws_are_the_streams_numbers_in_order_whatever_the_block(block: int) -> None:
    draws = Draws(5, [7, 2], Role.REPLAY, width=3, block=block)
    found = np.stack([draws.next().numpy().copy() for _ in range(10)])  # (10, L, W)
    for lane, seed in enumerate([7, 2]):
        expected = stream(5, seed, Role.REPLAY).random(30).reshape(10, 3)
        np.testing.assert_array_equal(found[:, lane], expected)


def test_draws_go_on_across_the_border_of_a_block() -> None:
    draws = Draws(0, [1], Role.EXPLORATION, width=2)
    found = [draws.next().tolist()[0] for _ in range(600)]
    assert found == stream(0, 1, Role.EXPLORATION).random((600, 2)).tolist()
