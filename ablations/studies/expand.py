"""From variants, factors and a sweep to the rows of a study.

A row is a variant at one point of the sweep. Order: cells of the factorial first, then the variants as
listed; within each, the points of the sweep with the last key fastest. A swept number that a variant's piece
lacks does not apply to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

from ablations.dqn import fields, settings
from ablations.dqn.settings import Settings
from ablations.dqn.variants import PIECES, SLOTS, Named, Variant, behavior
from ablations.errors import Findings, hint, nearest, shown
from ablations.studies.pieces import dqn_piece, numbers, piece_label, read_piece, value_label

MOST_ROWS = 10_000
LONGEST_LABEL = 200  # a label is the name of a folder


@dataclass(frozen=True)
class Row:
    """A variant at one point of the sweep; its label names it in folders, columns and figures."""

    label: str
    variant: str
    title: str
    slots: Variant
    settings: Settings
    swept: Mapping[str, Any]


class Alias(NamedTuple):
    """A cell of a factorial that trains exactly as another row, which is run in its place."""

    label: str
    of: str


Sweep = Mapping[str, Sequence[Any]]
"""{setting or "slot.number": the values as the file gives them}, in file order."""


def swept_keys(variant: Variant, sweep: Iterable[str]) -> list[str]:
    """The keys of the sweep that apply to a variant: all settings, and the numbers that its pieces have."""
    return [key for key in sweep if _applies(key, variant)]


def expand(variants: Mapping[str, Named], sweep: Sweep, base: Settings) -> list[Row]:
    """The rows of these variants, in order."""
    return [row for name, named in variants.items() for row in _rows_of(name, named, sweep, base)]


def without_aliases(rows: Sequence[Row]) -> tuple[list[Row], list[Alias]]:
    """Of rows that behave alike the first stays; the others become its aliases."""
    first: dict[Any, str] = {}
    kept, aliases = [], []
    for row in rows:
        of = first.setdefault((behavior(row.slots), row.settings), row.label)
        if of == row.label:
            kept.append(row)
        else:
            aliases.append(Alias(row.label, of))
    return kept, aliases


def equal_rows(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Pairs of labels with equal slots and settings."""
    first: dict[Any, str] = {}
    for row in rows:
        of = first.setdefault((row.slots, row.settings), row.label)
        if of != row.label:
            yield of, row.label


# ---- reading ----


def read_sweep(table: Any, example: str, found: Findings) -> dict[str, list[Any]]:
    """The sweep with dotted keys. Settings' values are checked here, those of slots in ``check_applied``.

    ``example`` is a variant of the study, to name a row by.
    """
    if not isinstance(table, dict):
        found.add("sweep", f"expected a section, got {shown(table)}")
        return {}
    sweep: dict[str, list[Any]] = {}
    for key, values in _flattened(table, found):
        mistake = _wrong_key(key)
        if mistake:
            found.add(f"sweep.{key}", mistake)
        elif not isinstance(values, list):
            found.add(f"sweep.{key}", f"expected a list of values, got {shown(values)}")
        elif not values:
            found.add(f"sweep.{key}", "the list of values is empty")
        elif key in sweep:
            found.add(f"sweep.{key}", "given twice")
        elif key in settings.NAMES:
            _check_values(key, values, fields.types(Settings)[key], example, found)
            sweep[key] = values
        else:
            sweep[key] = values
    return sweep


def check_applied(sweep: Sweep, variants: Mapping[str, Named], found: Findings) -> None:
    """Every swept slot number must belong to some variant's piece and have that piece's type and range."""
    for key in sweep:
        slot, _, number = key.partition(".")
        if not number:
            continue
        having = {name: type(getattr(named.variant, slot)) for name, named in variants.items()}
        having = {name: piece for name, piece in having.items() if number in numbers(piece)}
        if not having:
            found.add(
                f"sweep.{key}", f"applies to no variant of this study: none has a {slot} with '{number}'"
            )
        examples = {piece: name for name, piece in reversed(having.items())}
        for piece, example in examples.items():
            _check_values(key, sweep[key], numbers(piece)[number], example, found)


def read_factors(table: Any, found: Findings) -> dict[str, Named]:
    """{label: variant} for every cell of a full factorial, first slot slowest."""
    if not isinstance(table, dict) or not table:
        found.add("factors", f"expected lists of pieces by slot, got {shown(table)}")
        return {}
    before = len(found.problems)
    for slot in table:
        if slot not in SLOTS:
            found.add(f"factors.{slot}", f"unknown slot{hint(slot, SLOTS)}")
    levels = [
        _read_levels(slot, table[slot], found) if slot in table else [dqn_piece(slot)] for slot in SLOTS
    ]
    if len(found.problems) > before:
        return {}
    if prod(map(len, levels)) > MOST_ROWS:
        found.add("factors", f"more than {MOST_ROWS} cells")
        return {}
    return {label: Named(Variant(*cell), label) for cell in product(*levels) for label in [_cell_label(cell)]}


def count(variants: Iterable[Variant], sweep: Sweep) -> int:
    """How many rows ``expand`` would give, without making them."""
    return sum(prod(len(sweep[key]) for key in swept_keys(variant, sweep)) for variant in variants)


# ---- parts ----


def _rows_of(name: str, named: Named, sweep: Sweep, base: Settings) -> Iterator[Row]:
    keys = swept_keys(named.variant, sweep)
    for point in product(*(sweep[key] for key in keys)):
        swept = dict(zip(keys, point, strict=True))
        label = "@".join([name, *(f"{key}={value_label(value)}" for key, value in swept.items())])
        variant, row_settings = named.variant, base
        for key, value in swept.items():
            slot, _, number = key.partition(".")
            if number:
                piece = getattr(variant, slot)
                checked, _ = fields.check(numbers(piece)[number], value)
                variant = replace(variant, **{slot: replace(piece, **{number: checked})})
            else:
                checked, _ = fields.check(fields.types(Settings)[key], value)
                row_settings = replace(row_settings, **{key: checked})
        yield Row(label, name, named.title, variant, row_settings, swept)


def _applies(key: str, variant: Variant) -> bool:
    slot, _, number = key.partition(".")
    return not number or number in numbers(getattr(variant, slot))


def _flattened(table: Mapping[str, Any], found: Findings) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if not isinstance(value, dict):
            yield key, value
        elif not value:
            found.add(f"sweep.{key}", "the section is empty")
        else:
            yield from ((f"{key}.{number}", values) for number, values in value.items())


def _wrong_key(key: str) -> str:
    """Why a swept key is no setting and no number of a slot, or an empty text."""
    known = {
        f"{slot}.{number}" for slot in SLOTS for piece in PIECES[slot].values() for number in numbers(piece)
    }
    if key in settings.NAMES or key in known:
        return ""
    if key in SLOTS:
        example = next((dotted for dotted in sorted(known) if dotted.startswith(f"{key}.")), "target.period")
        return f"a sweep varies numbers, such as '{example}'; to vary pieces use [factors]"
    owners = sorted(dotted for dotted in known if dotted.partition(".")[2] == key)
    near = owners[0] if owners else nearest(key, [*settings.NAMES, *sorted(known)])
    return "no such setting or number of a slot" + (f"; did you mean '{near}'?" if near else "")


def _check_values(key: str, values: Sequence[Any], annotation: Any, example: str, found: Findings) -> None:
    seen: dict[Any, str] = {}  # value -> its row, as the value was first spelled
    for value in values:
        checked, mistake = fields.check(annotation, value)
        row = f"{example}@{key}={value_label(value)}"
        if mistake:
            found.add(f"sweep.{key}", mistake)
        elif checked in seen:
            found.add(
                f"sweep.{key}",
                f"the value {shown(value)} stands there twice: the rows '{seen[checked]}' and '{row}' would be equal",
            )
        else:
            seen[checked] = row


def _read_levels(slot: str, values: Any, found: Findings) -> list[Any]:
    if not isinstance(values, list) or not values:
        found.add(f"factors.{slot}", f"expected a list of pieces, got {shown(values)}")
        return []
    levels: list[Any] = []
    for value in values:
        piece = read_piece(slot, value, found, f"factors.{slot}")
        if piece is not None and piece in levels:
            found.add(f"factors.{slot}", f"'{piece_label(piece)}' stands there twice")
        elif piece is not None:
            levels.append(piece)
    return levels


def _cell_label(cell: Iterable[Any]) -> str:
    return "+".join(piece_label(piece) for piece in cell)
