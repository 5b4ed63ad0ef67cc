"""Pieces in the words of a study file: their numbers, their labels, and what a wrong kind or number was meant to be."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ablations.dqn import fields, settings
from ablations.dqn.variants import NAMED, PIECES, SLOTS, Change, Kinds, Named, Piece, Variant, changed
from ablations.errors import Findings, hint, nearest, shown

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
NAME_RULE = "a name is 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit"

RENAMED = {"epsilon_schedule": "exploration.schedule", "adam_eps": "optimizer.eps"}
"""Numbers of pieces that others know by another name."""

UNKNOWN_KIND, UNKNOWN_NUMBER = "unknown kind", "no such setting or number of a slot"
"""How sentences begin that a piece's file which can't be read may be to blame for."""


def numbers(piece: Any) -> dict[str, Any]:
    """{number: annotated type} of a piece or of a class of pieces."""
    return fields.types(piece if isinstance(piece, type) else type(piece))


def checked_changes(
    changes: Mapping[str, Change], base: Variant, found: Findings, key: str
) -> dict[str, Change]:
    """The changes with their numbers checked against the pieces that stand there: those of ``base``."""
    checked: dict[str, Change] = {}
    for slot, change in changes.items():
        if isinstance(change, Mapping):
            piece = getattr(base, slot)
            checked[slot] = fields.check_table(
                type(piece),
                change,
                found,
                f"{key}.{slot}",
                lambda name, slot=slot, piece=piece: wrong_number(slot, piece, name),  # type: ignore[misc]
            )
        else:
            checked[slot] = change
    return checked


def _merged(under: Mapping[str, Change], over: Mapping[str, Change]) -> dict[str, Change]:
    """The changes of ``under`` with those of ``over`` on top: a piece replaces, numbers change what stands there."""
    both = dict(under)
    for slot, change in over.items():
        below = under.get(slot)
        if not isinstance(change, Mapping) or below is None:
            both[slot] = change
        elif isinstance(below, Mapping):
            both[slot] = {**below, **change}
        else:
            both[slot] = replace(below, **change)
    return both


def read_variants(
    tables: Mapping[str, Mapping[str, Any]], names: Collection[str], base: Variant, found: Findings
) -> dict[str, Named | None]:
    """{name: variant} of all ``[variant.NAME]`` sections; None for one that holds a mistake.

    ``tables`` are the sections that could be read, ``names`` those of all; ``base`` are the study's own pieces.
    """
    bases = {}
    for name in names:
        if not NAME.fullmatch(name):
            found.add(f"variant.{name}", f"{NAME_RULE}, got {shown(name)}")
        elif name in NAMED:
            found.add(f"variant.{name}", f"'{name}' is the name of a shipped variant; choose another name")
        elif name in tables:
            bases[name] = tables[name].get("base", "dqn")
    for name, of in bases.items():
        if not isinstance(of, str) or (of not in NAMED and of not in names):
            valid = [*NAMED, *(other for other in names if other != name)]
            near = hint(of, valid) if isinstance(of, str) else ""
            found.add(f"variant.{name}.base", f"unknown variant {shown(of)}{near}")
    _report_circles(bases, found)
    built: dict[str, Named | None] = {}
    return {
        name: None if name in NAMED else _build(name, tables, bases, base, built, found) for name in names
    }


def _report_circles(bases: Mapping[str, Any], found: Findings) -> None:
    for start in bases:
        path = [start]
        while isinstance(of := bases.get(path[-1]), str) and of not in path:
            path.append(of)
        if of == start and start == min(path, key=list(bases).index):
            found.add(
                f"variant.{start}.base", f"the bases go round in a circle: {' -> '.join([*path, start])}"
            )


def _build(
    name: str,
    tables: Mapping[str, Mapping[str, Any]],
    bases: Mapping[str, Any],
    base: Variant,
    built: dict[str, Named | None],
    found: Findings,
) -> Named | None:
    """Put the variant into ``built``, with the changes of its whole line of bases, the nearest last."""
    if name in NAMED:
        return NAMED[name]
    if name not in built:
        built[name] = None  # while its bases are built: one that comes back here goes round in a circle
        of = bases.get(name)
        under = _build(of, tables, bases, base, built, found) if isinstance(of, str) else None
        if under is not None and lacking(under.changes, base) is None:
            changes = {slot: change for slot, change in tables[name].items() if slot in SLOTS}
            before = len(found.problems)
            changes = checked_changes(changes, changed(base, under.changes), found, f"variant.{name}")
            if len(found.problems) == before:
                built[name] = Named(_merged(under.changes, changes), tables[name].get("label", name))
    return built[name]


def lacking(changes: Mapping[str, Change], base: Variant) -> str | None:
    """Why these changes can't be made to ``base``: a piece there lacks a number. None if they can."""
    for slot, change in changes.items():
        piece = getattr(base, slot)
        for name in change if isinstance(change, Mapping) else ():
            if name not in numbers(piece):
                return f"the {slot} {wrong_number(slot, piece, name)}"
    return None


def wrong_kind(slot: str, kind: Any, kinds: Kinds) -> str:
    """The sentence for a kind that a slot lacks."""
    text = f"{UNKNOWN_KIND} {shown(kind)} for {slot}"
    for other in SLOTS:
        if isinstance(kind, str) and other != slot and kind in kinds[other]:
            return f"{text}; '{kind}' is a kind of {other}"
    return text + hint(kind if isinstance(kind, str) else "", list(kinds[slot]))


def wrong_number(slot: str, piece: Any, name: str) -> str:
    """The sentence for a number that a piece, or a class of pieces, lacks."""
    text, own = f"'{piece.kind}' has no such number", numbers(piece)
    if name not in own:
        for kind, other in PIECES[slot].items():
            if name in numbers(other):
                return f"{text}; '{name}' is a number of '{kind}'"
    return text + hint(name, list(own))


def wrong_swept_key(key: str, kinds: Kinds) -> str | None:
    """Why a swept key is no setting and no number of a slot; None if it is one."""
    known = _dotted_numbers(kinds)
    if key in settings.NAMES or key in known:
        return None
    if key in SLOTS:
        example = next((dotted for dotted in known if dotted.startswith(f"{key}.")), "target.period")
        return f"a sweep varies numbers, such as '{example}'; to vary pieces use [factors]"
    near = _owner(key, kinds) or nearest(key, [*settings.NAMES, *known])
    return UNKNOWN_NUMBER + (f"; did you mean '{near}'?" if near else "")


def home(name: str, value: Any, kinds: Kinds) -> tuple[str, str] | None:
    """(what a name is, how it is set under [slots]) for a slot or a number of one; None if it is neither."""
    if name in SLOTS:
        return f"'{name}' is a slot", f"{name} = {shown(value)}"
    slot, _, number = (_owner(name, kinds) or "").partition(".")
    given = f"{slot} = {{ {number} = {shown(value)} }}"
    return (f"'{name}' is a number of the {slot}", given) if number else None


def _owner(name: str, kinds: Kinds) -> str | None:
    """``slot.number`` of the first slot that has a number of this name."""
    dotted = _dotted_numbers(kinds)
    return RENAMED.get(name) or next((each for each in dotted if each.endswith(f".{name}")), None)


def _dotted_numbers(kinds: Kinds) -> list[str]:
    """``slot.number`` of every piece, in the order of the slots."""
    dotted = [f"{slot}.{name}" for slot in SLOTS for piece in kinds[slot].values() for name in numbers(piece)]
    return list(dict.fromkeys(dotted))


def piece_label(piece: Piece) -> str:
    """``hard``, or ``hard.period=10`` where a number is not its default."""
    default = type(piece)()
    return str(piece.kind) + _suffix(
        {
            name: getattr(piece, name)
            for name in numbers(piece)
            if getattr(piece, name) != getattr(default, name)
        }
    )


def change_label(change: Change) -> str:
    """A piece's label, or the numbers that are changed of the piece that stands there."""
    return _suffix(change)[1:] if isinstance(change, Mapping) else piece_label(change)


def _suffix(given: Mapping[str, Any]) -> str:
    return "." + ",".join(f"{name}={value_label(value)}" for name, value in given.items()) if given else ""


def value_label(value: Any) -> str:
    """A value inside a label: as TOML spells it, lists as ``64x64``, the empty list as ``none``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "x".join(value_label(v) for v in value) or "none"
    return str(value)
