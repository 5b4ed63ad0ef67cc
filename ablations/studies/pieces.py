"""Reads pieces and variants of a user's own from a study file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ablations.dqn import fields, settings
from ablations.dqn.variants import DQN, NAMED, PIECES, SLOTS, Named
from ablations.errors import Findings, hint, shown

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
NAME_RULE = "a name is 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit"
_VARIANT_KEYS = ("base", *SLOTS, "label")


def numbers(piece: Any) -> dict[str, Any]:
    """{number: annotated type} of a piece or of a class of pieces."""
    return fields.types(piece if isinstance(piece, type) else type(piece))


def read_piece(slot: str, value: Any, found: Findings, key: str) -> Any | None:
    """A piece from ``"soft"`` or ``{ kind = "soft", tau = 0.001 }``; None if it is not one."""
    kinds = PIECES[slot]
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        found.add(key, f'expected a kind such as "{next(iter(kinds))}" or a table, got {shown(value)}')
        return None
    kind = table.get("kind")
    if kind is None:
        found.add(key, f"the table lacks kind{hint('', list(kinds))}")
        return None
    if not isinstance(kind, str) or kind not in kinds:
        found.add(key, f"unknown kind {shown(kind)} for {slot}{_kind_hint(slot, kind)}")
        return None
    given = {name: number for name, number in table.items() if name != "kind"}
    before = len(found.problems)
    values = {}
    for name, number in given.items():
        if name not in numbers(kinds[kind]):
            found.add(f"{key}.{name}", f"'{kind}' has no such number{_number_hint(slot, kind, name)}")
            continue
        values[name], mistake = fields.check(numbers(kinds[kind])[name], number)
        if mistake:
            found.add(f"{key}.{name}", mistake)
    return kinds[kind](**values) if len(found.problems) == before else None


def read_variants(tables: Any, found: Findings) -> dict[str, Named | None]:
    """{name: variant} of all ``[variant.NAME]`` sections; None for one that holds a mistake."""
    if not isinstance(tables, dict):
        found.add("variant", f"expected sections such as [variant.my-own], got {shown(tables)}")
        return {}
    own: dict[str, Any] = {}
    for name, table in tables.items():
        key = f"variant.{name}"
        if not NAME.fullmatch(name):
            found.add(key, f"{NAME_RULE}, got {shown(name)}")
        elif name in NAMED:
            found.add(key, f"'{name}' is the name of a shipped variant; choose another name")
        elif not isinstance(table, dict):
            found.add(key, f"expected a section, got {shown(table)}")
        else:
            own[name] = table
    changes = {name: _read_changes(table, found, f"variant.{name}") for name, table in own.items()}
    bases = {name: _read_base(name, table, list(tables), found) for name, table in own.items()}
    _report_circles(bases, found)
    return {name: _built(name, own, changes, bases) if name in own else None for name in tables}


def _read_changes(table: Mapping[str, Any], found: Findings, key: str) -> dict[str, Any] | None:
    """{slot: piece} that a section sets; None if it holds a mistake."""
    before = len(found.problems)
    for name in table:
        if name in settings.NAMES or name == "settings":
            found.add(
                f"{key}.{name}",
                "a variant carries no settings: settings are shared by all variants; "
                "set it under [settings] or vary it under [sweep]",
            )
        elif name not in _VARIANT_KEYS:
            found.add(f"{key}.{name}", f"unknown key{hint(name, _VARIANT_KEYS)}")
    label = table.get("label", "a label")
    if not isinstance(label, str) or not label.strip() or not label.isprintable() or len(label) > 80:
        found.add(f"{key}.label", f"expected 1 to 80 printable characters, got {shown(label)}")
    changes = {slot: read_piece(slot, table[slot], found, f"{key}.{slot}") for slot in SLOTS if slot in table}
    return changes if len(found.problems) == before else None


def _read_base(name: str, table: Mapping[str, Any], own: list[str], found: Findings) -> str | None:
    base = table.get("base", "dqn")
    if isinstance(base, str) and (base in NAMED or base in own):
        return base
    valid = [*NAMED, *(other for other in own if other != name)]
    near = hint(base, valid) if isinstance(base, str) else ""
    found.add(f"variant.{name}.base", f"unknown variant {shown(base)}{near}")
    return None


def _report_circles(bases: Mapping[str, str | None], found: Findings) -> None:
    for start in bases:
        path = [start]
        while (base := bases.get(path[-1])) is not None and base not in path:
            path.append(base)
        if base == start and start == min(path, key=list(bases).index):
            found.add(
                f"variant.{start}.base", f"the bases go round in a circle: {' -> '.join([*path, start])}"
            )


def _built(
    name: str, own: Mapping[str, Any], changes: Mapping[str, Any], bases: Mapping[str, str | None]
) -> Named | None:
    """The variant with the changes of its whole line of bases, the nearest last."""
    line: list[str] = []
    base: str | None = name
    while base is not None and base not in NAMED:
        if base in line or changes.get(base) is None:
            return None
        line.append(base)
        base = bases.get(base)
    if base is None:
        return None
    variant = NAMED[base].variant
    for step in reversed(line):
        variant = replace(variant, **changes[step])
    return Named(variant, own[name].get("label", name))


def _kind_hint(slot: str, kind: Any) -> str:
    if not isinstance(kind, str):
        return hint("", list(PIECES[slot]))
    for other in SLOTS:
        if other != slot and kind in PIECES[other]:
            return f"; '{kind}' is a kind of {other}"
    return hint(kind, list(PIECES[slot]))


def _number_hint(slot: str, kind: str, name: str) -> str:
    for other, piece in PIECES[slot].items():
        if other != kind and name in numbers(piece):
            return f"; '{name}' is a number of '{other}'"
    return hint(name, list(numbers(PIECES[slot][kind])))


def piece_label(piece: Any) -> str:
    """``hard``, or ``hard.period=10`` where a number is not its default."""
    default = type(piece)()
    changed = [
        f"{name}={value_label(fields.plain(getattr(piece, name)))}"
        for name in numbers(piece)
        if getattr(piece, name) != getattr(default, name)
    ]
    return str(piece.kind) + ("." + ",".join(changed) if changed else "")


def value_label(value: Any) -> str:
    """A value inside a label: as TOML spells it, lists as ``64x64``, the empty list as ``none``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "x".join(value_label(v) for v in value) or "none"
    return str(value)


def dqn_piece(slot: str) -> Any:
    """The baseline's piece of a slot."""
    return getattr(DQN, slot)
