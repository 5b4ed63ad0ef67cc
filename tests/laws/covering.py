"""Variants that hold every pair, or every triple, of pieces of different slots: a full product's cost is saved.

Every kind of the registry takes part, under numbers that show within a short training, and some kinds under several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, product

from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.head import Dueling
from ablations.dqn.loss import HlGauss
from ablations.dqn.maintenance import Reset
from ablations.dqn.optimizer import Adam, RMSprop
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.settings import Settings
from ablations.dqn.target import Hard, Soft
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import NAMED, PIECES, SLOTS, Piece, Variant, objections, plain_piece

UNDER: dict[type, tuple[Piece, ...]] = {
    Mlp: (Mlp((16,)), Mlp(()), Mlp((8, 16)), Mlp((8, 16), layer_norm=True)),
    Dueling: (Dueling(), Dueling((8,))),
    EpsilonGreedy: (
        EpsilonGreedy(),
        EpsilonGreedy(schedule="exponential"),
        EpsilonGreedy(0.3, schedule="constant"),
    ),
    Prioritized: (Prioritized(), Prioritized(alpha=0.0)),
    Hard: (Hard(7), Hard(1)),
    Soft: (Soft(0.05), Soft(1.0)),
    HlGauss: (HlGauss(atoms=11, v_min=-10.0, v_max=60.0),),
    Adam: (Adam(), Adam(max_grad_norm=0.5), Adam(reset_at_sync=True)),
    RMSprop: (RMSprop(), RMSprop(centered=True)),
    Reset: (Reset(every=15, layers=2),),
}
"""Pieces by class; a class that is not here takes part under its defaults."""


def takes_vectors(piece: Piece) -> bool:
    """Whether a piece can train on the worlds of the laws, which show vectors: not so of convolutions."""
    return not hasattr(piece, "refusal") or piece.refusal((4,)) is None


CHOICES: dict[str, tuple[Piece, ...]] = {
    slot: tuple(
        piece for kind in kinds.values() for piece in UNDER.get(kind, (kind(),)) if takes_vectors(piece)
    )
    for slot, kinds in PIECES.items()
}
SHOWING: dict[str, Variant] = {
    name: replace(
        named.variant,
        **{
            slot: UNDER[type(piece)][0] for slot, piece in named.variant if isinstance(piece, HlGauss | Reset)
        },
    )
    for name, named in NAMED.items()
}
"""The named variants, with numbers that show within a short training where their own do not, or need an environment."""
Place = tuple[str, int]
"""A slot, and which of its pieces."""


@cache
def covering(strength: int, settings: Settings) -> tuple[Variant, ...]:
    """Variants without objections that together hold every possible combination of so many pieces.

    Greedily: each takes a combination that is missing, then slot by slot the piece that covers most of what else is.
    """
    missing = {c: None for slots in combinations(SLOTS, strength) for c in product(*map(_places, slots))}
    rows: list[Variant] = []
    while missing:
        seed = next(iter(missing))
        chosen = list(seed)
        if any(objections(_variant(chosen), settings)):
            missing.pop(seed)
            continue
        for slot in (slot for slot in SLOTS if slot not in dict(seed)):
            places = (p for p in _places(slot) if not any(objections(_variant([*chosen, p]), settings)))
            chosen.append(max(places, key=lambda place: _gain(place, chosen, strength, missing)))
        rows.append(_variant(chosen))
        for done in _within(chosen, strength):
            missing.pop(done, None)
    return tuple(rows)


def each_piece(rows: Mapping[str, Variant]) -> list[str]:
    """Names of the rows that hold a piece which none before them holds: together they hold each piece of all."""
    held: set[tuple[str, Piece]] = set()
    names = []
    for name, variant in rows.items():
        if not held.issuperset(variant):
            names.append(name)
        held.update(variant)
    return names


def name_of(variant: Variant) -> str:
    """A short name for test ids: the pieces where there is a choice, with their numbers."""
    parts = []
    for slot, piece in variant:
        if len(CHOICES[slot]) > 1:
            changed = plain_piece(piece)
            default = plain_piece(type(piece)())
            numbers = [str(value) for name, value in changed.items() if value != default[name]]
            parts.append("-".join((piece.kind, *numbers)))
    return "+".join(parts).replace(" ", "")


def _places(slot: str) -> list[Place]:
    return [(slot, number) for number in range(len(CHOICES[slot]))]


def _variant(places: Sequence[Place]) -> Variant:
    first = {slot: pieces[0] for slot, pieces in CHOICES.items()}
    return Variant(**{**first, **{slot: CHOICES[slot][number] for slot, number in places}})


def _within(places: Sequence[Place], strength: int) -> Iterator[tuple[Place, ...]]:
    return combinations(sorted(places, key=lambda place: SLOTS.index(place[0])), strength)


def _gain(
    place: Place, chosen: Sequence[Place], strength: int, missing: dict[tuple[Place, ...], None]
) -> int:
    """How many missing combinations a piece completes among those that are chosen."""
    return sum(
        tuple(sorted((*others, place), key=lambda each: SLOTS.index(each[0]))) in missing
        for others in combinations(chosen, strength - 1)
    )
