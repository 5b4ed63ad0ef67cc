"""What every piece of the registry says of itself."""

from __future__ import annotations

import json

import pytest

from ablations.dqn.settings import NAMES
from ablations.dqn.variants import DQN, PIECES, SLOTS


@pytest.mark.parametrize("slot", SLOTS)
def test_the_neutral_piece_is_the_first_of_its_slot_and_the_order_of_all_is_clear(slot: str) -> None:
    kinds = PIECES[slot]
    assert next(iter(kinds.values())) is type(getattr(DQN, slot))
    orders = [piece().facts().order for piece in kinds.values()]
    assert len(set(orders)) == len(orders)
    assert any(piece().facts().off for piece in kinds.values())


@pytest.mark.parametrize("slot", SLOTS)
def test_facts_are_plain_and_name_slots_settings_and_pieces_that_there_are(slot: str) -> None:
    for kind in PIECES[slot].values():
        facts = kind().facts()
        assert set(facts.makes_irrelevant) <= set(SLOTS) - {slot}
        assert set(facts.ignores) <= set(NAMES)
        assert type(facts.equals) in {type(None), *PIECES[slot].values()}
        assert json.loads(json.dumps(facts.plain(), allow_nan=False)) == facts.plain()
