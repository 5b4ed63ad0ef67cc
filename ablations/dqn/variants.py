"""A variant is a value: one piece for each slot. This file is the registry; it imports no torch.

To add a trick, write its piece (a frozen dataclass in the slot's file) and add one line to ``NAMED``: it then appears
in the studies that run all variants, in figures and tables, and in the law tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ablations.dqn.bootstrap import Double, InverseDouble, Max, Munchausen, SoftQ
from ablations.dqn.exploration import EpsilonGreedy, Softmax
from ablations.dqn.head import BiasFree, Dueling, Linear
from ablations.dqn.loss import HlGauss, Huber, Squared
from ablations.dqn.maintenance import NoMaintenance, Reset
from ablations.dqn.optimizer import SGD, Adam, RMSprop
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.returns import NStep, OneStep
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.trunk import MinAtarCnn, Mlp, NatureCnn

if TYPE_CHECKING:
    from ablations.dqn.settings import Settings

Piece = Any
"""A frozen dataclass: ``kind`` of the class, numbers as fields with defaults, ``facts()``, its slot's functions.

One that keeps something says so by ``init(space) -> {name: tensor (L, ...)}``: its functions get that as ``state`` and
write in place, and checkpoints hold it.
"""


@dataclass(frozen=True)
class Variant:
    """A piece for every slot; the fields are the one list of slots, the defaults the neutral pieces."""

    trunk: Piece = Mlp()
    head: Piece = Linear()
    exploration: Piece = EpsilonGreedy()
    replay: Piece = Uniform()
    returns: Piece = OneStep()
    target: Piece = Hard()
    bootstrap: Piece = Max()
    loss: Piece = Squared()
    optimizer: Piece = Adam()
    maintenance: Piece = NoMaintenance()

    def __iter__(self) -> Iterator[tuple[str, Piece]]:
        """(slot, piece), in order."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))


DQN = Variant()
SLOTS = tuple(slot for slot, _ in DQN)

Change = Piece | Mapping[str, Any]
"""What is put into a slot: a piece, or numbers to change of the piece that stands there."""


class Named(NamedTuple):
    """What a variant changes of the pieces that it is put on, and what people call it."""

    changes: Mapping[str, Change]
    title: str

    @property
    def variant(self) -> Variant:
        """The variant on neutral pieces."""
        return changed(DQN, self.changes)


NAMED: dict[str, Named] = {
    "dqn": Named({}, "DQN"),
    # each replaces exactly one slot of the baseline
    "no-replay": Named({"replay": Latest()}, "No replay"),
    "consecutive": Named({"replay": Consecutive()}, "Consecutive batch"),
    "no-target": Named({"target": NoTarget()}, "No target network"),
    "soft-target": Named({"target": Soft()}, "Soft target"),
    "double": Named({"bootstrap": Double()}, "Double"),
    "inverse-double": Named({"bootstrap": InverseDouble()}, "Inverse double"),
    "dueling": Named({"head": Dueling()}, "Dueling"),
    "dueling-deep": Named({"head": Dueling(hidden=(64,))}, "Dueling, deep streams"),
    "per": Named({"replay": Prioritized()}, "Prioritised replay"),
    "layer-norm": Named({"trunk": {"layer_norm": True}}, "Layer norm"),
    "softmax-exploration": Named({"exploration": Softmax()}, "Softmax exploration"),
    "n-step": Named({"returns": NStep()}, "3-step returns"),
    "munchausen": Named({"bootstrap": Munchausen()}, "Munchausen"),
    "soft-q": Named({"bootstrap": SoftQ()}, "Soft Q"),
    "huber": Named({"loss": Huber()}, "Huber loss"),
    "hl-gauss": Named({"loss": HlGauss()}, "HL-Gauss"),
    "adam-reset": Named({"optimizer": {"reset_at_sync": True}}, "Adam reset at sync"),
    "rmsprop": Named({"optimizer": RMSprop()}, "RMSprop"),
    "rmsprop-centered": Named({"optimizer": RMSprop(centered=True)}, "RMSprop, centered"),
    "reset": Named({"maintenance": Reset()}, "Last layer reset"),
    "per-flat": Named({"replay": Prioritized(alpha=0.0)}, "Prioritised, alpha 0"),
    # combinations
    "naive": Named({"replay": Latest(), "target": NoTarget()}, "Naive (no replay, no target)"),
    "combined": Named(
        {"head": Dueling(), "replay": Prioritized(), "bootstrap": Double()}, "Double + Dueling + PER"
    ),
}

UNNAMED: dict[str, tuple[type, ...]] = {
    "trunk": (MinAtarCnn, NatureCnn),
    "head": (BiasFree,),
    "optimizer": (SGD,),
}
"""Pieces by slot that no named variant uses, but a study may."""


def _known(slot: str) -> dict[str, type]:
    named = [named.changes[slot] for named in NAMED.values() if slot in named.changes]
    pieces = [getattr(DQN, slot), *(change for change in named if not isinstance(change, Mapping))]
    return {piece.kind: piece for piece in (*map(type, pieces), *UNNAMED.get(slot, ()))}  # type: ignore[attr-defined]


Kinds = Mapping[str, Mapping[str, type]]
"""Pieces by slot and kind."""

PIECES: Kinds = {slot: _known(slot) for slot in SLOTS}
"""Every piece that ships: one is known as soon as a named variant uses it, or ``UNNAMED`` lists it."""


def changed(variant: Variant, changes: Mapping[str, Change]) -> Variant:
    """The variant with these pieces, or these numbers of its own pieces, in place."""
    return replace(
        variant,
        **{
            slot: replace(getattr(variant, slot), **change) if isinstance(change, Mapping) else change
            for slot, change in changes.items()
        },
    )


def in_bounds(variant: Variant, value_bounds: tuple[float, float] | None) -> Variant:
    """The variant where returns are known to lie within these bounds, which some pieces take numbers from."""
    if value_bounds is None:
        return variant
    bounded = {slot: piece.in_bounds(value_bounds) for slot, piece in variant if hasattr(piece, "in_bounds")}
    return replace(variant, **bounded)


def acting(variant: Variant) -> Variant:
    """The variant as it trains: pieces that equal another one are it, and pieces that do not matter are neutral."""
    variant = replace(variant, **{slot: piece.facts().equals or piece for slot, piece in variant})
    idle = {slot for _, piece in variant for slot in piece.facts().makes_irrelevant}
    return replace(
        variant,
        **{slot: getattr(DQN, slot) for slot in idle if getattr(variant, slot).facts().only_chooses},
    )


def objections(variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
    """(the number or setting to mend, sentence) for what pieces have against each other, or against the settings."""
    for slot, piece in variant:
        for key, sentence in getattr(piece, "objections", lambda *_: ())(variant, settings):
            yield key if hasattr(settings, key) else f"{slot}.{key}", sentence


def ignored_settings(variant: Variant) -> frozenset[str]:
    """Settings that have no effect beside these pieces."""
    return frozenset(name for _, piece in variant for name in piece.facts().ignores)


# ---- as JSON --------------------------------------------------------------------------------------------------------


def plain_piece(piece: Piece) -> dict[str, Any]:
    """{"kind": ..., number: ...}, all numbers."""
    return {
        "kind": piece.kind,
        **{field.name: plain_value(getattr(piece, field.name)) for field in fields(piece)},
    }


def plain(variant: Variant) -> dict[str, dict[str, Any]]:
    """{slot: piece}, every slot with all its numbers."""
    return {slot: plain_piece(piece) for slot, piece in variant}


def plain_changes(variant: Variant) -> dict[str, dict[str, Any]]:
    """What of ``plain`` a run's configuration states: no neutral piece, and no number that holds its default.

    A slot, a piece or a number that is added later therefore changes no stored key.
    """
    return {
        slot: {
            "kind": piece.kind,
            **{
                field.name: plain_value(getattr(piece, field.name))
                for field in fields(piece)
                if getattr(piece, field.name) != field.default
            },
        }
        for slot, piece in variant
        if piece != getattr(DQN, slot)
    }


def from_plain(slots: Mapping[str, Mapping[str, Any]], kinds: Kinds = PIECES) -> Variant:
    """The variant of ``plain`` or ``plain_changes``, for data that has been validated before."""
    return replace(DQN, **{slot: piece_from_plain(kinds[slot], piece) for slot, piece in slots.items()})


def piece_from_plain(kinds: Mapping[str, type], piece: Mapping[str, Any]) -> Piece:
    """The piece of ``plain_piece``, of a slot that has these kinds."""
    numbers = {k: tuple(v) if isinstance(v, list) else v for k, v in piece.items() if k != "kind"}
    return kinds[piece["kind"]](**numbers)


def described(slot: str, piece: Piece) -> dict[str, Any]:
    """A piece with its facts, as study.json has it."""
    facts = piece.facts()
    equals = {} if facts.equals is None else {"equals": described(slot, facts.equals)}
    return {**plain_piece(piece), "facts": {**facts.plain(), **equals}}


def plain_value(value: Any) -> Any:
    """A number as JSON has it."""
    return [plain_value(each) for each in value] if isinstance(value, tuple) else value
