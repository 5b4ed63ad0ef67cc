"""A variant is a value: one piece for each of the four slots. This file is the registry; it imports no torch.

To add a trick, write its piece (a frozen dataclass in the slot's file) and add one line to ``NAMED``: it then appears
in the studies that run all variants, in figures and tables, and in the law tests.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from ablations.dqn.bootstrap import Bootstrap, Double, InverseDouble, Max
from ablations.dqn.head import BiasFree, Dueling, Head, Linear
from ablations.dqn.replay import Replay
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.target import Hard, NoTarget, Soft, Target

SLOTS = ("replay", "target", "bootstrap", "head")


@dataclass(frozen=True)
class Variant:
    """A piece for every slot. The defaults are the baseline."""

    replay: Replay = Uniform()
    target: Target = Hard()
    bootstrap: Bootstrap = Max()
    head: Head = Linear()


class Named(NamedTuple):
    """A variant of the registry and what people call it."""

    variant: Variant
    title: str


DQN = Variant()

NAMED: dict[str, Named] = {
    "dqn": Named(DQN, "DQN"),
    # each replaces exactly one slot of the baseline
    "no-replay": Named(replace(DQN, replay=Latest()), "No replay"),
    "consecutive": Named(replace(DQN, replay=Consecutive()), "Consecutive batch"),
    "no-target": Named(replace(DQN, target=NoTarget()), "No target network"),
    "soft-target": Named(replace(DQN, target=Soft()), "Soft target"),
    "double": Named(replace(DQN, bootstrap=Double()), "Double"),
    "inverse-double": Named(replace(DQN, bootstrap=InverseDouble()), "Inverse double"),
    "dueling": Named(replace(DQN, head=Dueling()), "Dueling"),
    "dueling-deep": Named(replace(DQN, head=Dueling(hidden=(64,))), "Dueling, deep streams"),
    "per": Named(replace(DQN, replay=Prioritized()), "Prioritised replay"),
    "per-flat": Named(replace(DQN, replay=Prioritized(alpha=0.0)), "Prioritised, alpha 0"),
    # combinations
    "naive": Named(replace(DQN, replay=Latest(), target=NoTarget()), "Naive (no replay, no target)"),
    "combined": Named(Variant(Prioritized(), Hard(), Double(), Dueling()), "Double + Dueling + PER"),
}

UNNAMED: dict[str, tuple[type, ...]] = {"head": (BiasFree,)}
"""Pieces by slot that no named variant uses, but a study may."""


def _known(slot: str) -> dict[str, type]:
    named = [type(getattr(named.variant, slot)) for named in NAMED.values()]
    return {piece.kind: piece for piece in (*named, *UNNAMED.get(slot, ()))}  # type: ignore[attr-defined]


PIECES: dict[str, dict[str, type]] = {slot: _known(slot) for slot in SLOTS}
"""Every piece by slot and kind: a piece is known as soon as a named variant uses it, or ``UNNAMED`` lists it."""


def plain(variant: Variant) -> dict[str, dict[str, Any]]:
    """The variant as JSON: {slot: {"kind": ..., number: ...}}."""
    return {slot: {"kind": piece.kind, **_plain_numbers(piece)} for slot, piece in pieces(variant).items()}


def from_plain(slots: dict[str, dict[str, Any]]) -> Variant:
    """The inverse of ``plain``, for data that has been validated before."""
    return Variant(**{slot: _piece(slot, numbers) for slot, numbers in slots.items()})


def pieces(variant: Variant) -> dict[str, Any]:
    """{slot: piece}, in the order of ``SLOTS``."""
    return {slot: getattr(variant, slot) for slot in SLOTS}


def changed_slots(variant: Variant, base: Variant = DQN) -> tuple[str, ...]:
    """The slots in which two variants differ."""
    return tuple(slot for slot in SLOTS if getattr(variant, slot) != getattr(base, slot))


def behavior(variant: Variant) -> Variant:
    """The variant that trains alike: a target that is always theta makes every bootstrap the same."""
    if isinstance(variant.target, NoTarget) or variant.target in (Hard(1), Soft(1.0)):
        return replace(variant, target=NoTarget(), bootstrap=Max())
    return variant


def _plain_numbers(piece: Any) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(piece).items()}


def _piece(slot: str, numbers: dict[str, Any]) -> Any:
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in numbers.items() if k != "kind"}
    return PIECES[slot][numbers["kind"]](**values)
