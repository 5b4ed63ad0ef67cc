"""What the right half's tests and claims say of pieces is what the registry says: analysis itself never reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

import pytest

from ablations.dqn.facts import Facts
from ablations.dqn.variants import NAMED, PIECES, SLOTS, described
from analysis.findings.claims import read_claims
from tests.analysis import pieces as made_up


def made_up_pieces() -> Iterator[tuple[str, made_up.Piece]]:
    yield from made_up.NEUTRAL.items()
    for slot, kinds in made_up.KNOWN.items():
        yield from ((slot, piece) for piece in kinds.values())
    for _, changes in made_up.NAMED.values():
        yield from changes.items()


def assert_true_of(piece: Mapping[str, Any], registered: Mapping[str, Any]) -> None:
    """Numbers may be left out, as may facts; those that are told are the registry's, a default where it has none."""
    told, known = dict(piece), dict(registered)
    facts, known_facts = told.pop("facts"), asdict(Facts()) | known.pop("facts")
    assert told.items() <= known.items()
    if equals := facts.pop("equals", None):
        assert_true_of(equals, known_facts["equals"])
    assert {name: known_facts[name] for name in facts} == facts


@pytest.mark.parametrize(
    ("slot", "piece"),
    [(slot, piece) for slot, piece in made_up_pieces() if piece["kind"] in PIECES[slot]],
    ids=lambda part: part if isinstance(part, str) else part["kind"],
)
def test_a_made_up_piece_has_the_numbers_and_the_facts_of_the_registry(
    slot: str, piece: made_up.Piece
) -> None:
    numbers = {name: tuple(v) if isinstance(v, list) else v for name, v in piece.items() if name != "kind"}
    registered = described(slot, PIECES[slot][piece["kind"]](**numbers))
    assert_true_of(made_up.described(slot, piece), registered)


def test_made_up_slots_and_variants_are_the_registrys() -> None:
    assert list(made_up.NEUTRAL) == list(SLOTS)
    for name, (title, changes) in made_up.NAMED.items():
        assert (title, set(changes)) == (NAMED[name].title, set(NAMED[name].changes))


def test_claims_name_slots_kinds_and_numbers_that_there_are() -> None:
    for claim in read_claims():
        for step in claim.steps:
            for slots in (step.where, step.rows, step.against):
                assert all(set(kinds) <= set(PIECES[slot]) for slot, kinds in slots.items()), claim.name
            if step.more:
                slot, _, number = step.more.partition(".")
                numbers = {field.name for piece in PIECES[slot].values() for field in fields(piece)}
                assert number in numbers, claim.name
