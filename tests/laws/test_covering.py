"""The arrays hold what they are to hold, and the rows picked from them too."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import pytest

from ablations.dqn.variants import DQN, SLOTS, objections
from tests import configured

from .covering import CHOICES, SHOWING, each_piece
from .worlds import SMALL, covering

SETTINGS = configured.configured(**SMALL)[1]


@pytest.mark.parametrize(("strength", "most"), [(2, 45), (3, 250)])
def test_some_thirty_variants_hold_every_pair_of_pieces_and_some_more_every_triple(
    strength: int, most: int
) -> None:
    rows = covering(strength).values()
    assert len(rows) < most
    held = {chosen for row in rows for chosen in combinations(row, strength)}
    for slots in combinations(SLOTS, strength):
        for pieces in product(*(CHOICES[slot] for slot in slots)):
            chosen = tuple(zip(slots, pieces, strict=True))
            assert chosen in held or any(objections(replace(DQN, **dict(chosen)), SETTINGS)), chosen


def test_a_few_rows_hold_each_piece_that_the_pairs_and_the_named_variants_hold() -> None:
    rows = {**covering(2), **SHOWING}
    few = each_piece(rows)
    assert len(few) < 20
    assert {piece for name in few for piece in rows[name]} == {
        piece for row in rows.values() for piece in row
    }
