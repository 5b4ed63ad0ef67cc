"""The pieces of a row as study.json has them, and as they act. All that analysis knows of a piece are its facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Piece = Mapping[str, Any]
"""{"kind": ..., number: value}."""
Slots = Mapping[str, Piece]
"""{slot: piece}, in the study's order of slots."""
Facts = Mapping[str, Any]
"""What a piece says of itself: selects, evaluates, lag, order, off, ...; what is absent is not so."""
BOOTSTRAP, TARGET = "bootstrap", "target"


class Pieces(NamedTuple):
    """A piece for every slot, and the facts of each."""

    slots: Slots
    facts: Mapping[str, Facts]


def without_facts(piece: Piece) -> Piece:
    """The piece alone: what two equal pieces share."""
    return {name: value for name, value in piece.items() if name != "facts"}


def replaced_slots(slots: Slots, base: Slots) -> list[str]:
    """The slots in which a variant differs from the baseline."""
    return [slot for slot, piece in slots.items() if piece != base.get(slot)]


def facts_of(piece: Piece) -> Facts:
    """A piece's facts; none where it was written without."""
    facts: Facts = piece.get("facts", {})
    return facts


def read_pieces(study: Mapping[str, Any], slots: Slots) -> Pieces:
    """Stored pieces in the study's order of slots; ``neutral`` is added to the facts of a slot's neutral piece."""
    plain = {slot: without_facts(slots[slot]) for slot in study["slots"]}
    neutral = {slot: without_facts(study["neutral"][slot]) for slot in plain}
    facts = {
        slot: {**facts_of(slots[slot]), **({"neutral": True} if piece == neutral[slot] else {})}
        for slot, piece in plain.items()
    }
    return Pieces(plain, facts)


def acting(study: Mapping[str, Any], pieces: Pieces) -> Pieces:
    """The pieces as they act: those that train exactly like another one are it, and those that don't matter neutral.

    A bootstrap that only chooses the networks does not matter without a target network: the online one does both.
    """
    slots, facts = dict(pieces.slots), dict(pieces.facts)
    for slot, own in pieces.facts.items():
        if own.get("equals"):
            slots[slot] = without_facts(own["equals"])
            facts[slot] = facts_of(own["equals"]) or _known_facts(study, slot, slots[slot], own)
    for slot in [slot for own in facts.values() for slot in own.get("makes_irrelevant", ())]:
        if facts[slot].get("only_chooses"):
            neutral = study["neutral"][slot]
            slots[slot] = without_facts(neutral)
            facts[slot] = {**facts_of(neutral), "selects": "online", "evaluates": "online"}
    return Pieces(slots, facts)


def _known_facts(study: Mapping[str, Any], slot: str, piece: Piece, alike: Facts) -> Facts:
    """The facts of a piece as some row of the study has them, otherwise of what trains exactly like it."""
    stored = (row["slots"][slot] for row in study["rows"])
    found = next((one for one in stored if without_facts(one) == piece), None)
    return facts_of(found) if found else {name: fact for name, fact in alike.items() if name != "equals"}
