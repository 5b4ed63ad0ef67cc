"""From variants, factors and a sweep to the rows of a study.

A row is a variant at one point of the sweep. Order: cells of the factorial first, then the variants as
listed; within each, the points of the sweep with the last key fastest. A number that a variant's piece lacks and a
setting that its pieces ignore do not apply to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

from ablations.dqn import fields
from ablations.dqn.settings import Settings
from ablations.dqn.variants import Change, Variant, acting, changed, ignored_settings
from ablations.errors import Findings, shown
from ablations.studies.pieces import checked_changes, numbers, piece_label, value_label
from ablations.studies.study import Alias, Row

MOST_ROWS = 10_000
LONGEST_LABEL = 200  # a label is the name of a folder


class Candidate(NamedTuple):
    """A variant that a study asks for: by its name, as one of all, or as a cell of a factorial."""

    name: str
    title: str
    changes: Mapping[str, Change]  # of the study's own pieces
    cell: Mapping[str, str]  # {slot: level}
    by_name: bool


Sweep = Mapping[str, Sequence[Any]]
"""{setting or "slot.number": values as the file gives them}, in file order."""


def cells(levels: Mapping[str, Sequence[Change]], base: Variant, found: Findings) -> list[Candidate]:
    """Every cell of a full factorial of pieces, the first factor slowest; a cell is named by its levels."""
    if prod(map(len, levels.values())) > MOST_ROWS:
        found.add("factors", f"more than {MOST_ROWS} cells")
        return []
    factors = [_levels(slot, changes, base, found) for slot, changes in levels.items()]
    crossed = (dict(zip(levels, cell, strict=True)) for cell in product(*factors)) if factors else ()
    return [
        Candidate(name, name, {slot: change for slot, (_, change) in cell.items()}, texts, False)
        for cell in crossed
        for texts in [{slot: text for slot, (text, _) in cell.items()}]
        for name in ["+".join(texts.values())]
    ]


def applied_keys(variant: Variant, sweep: Iterable[str]) -> list[str]:
    """The keys of the sweep that apply to a variant: what its pieces have, or do not ignore."""
    return [key for key in sweep if _owner(key, variant) is not None]


def count(variants: Iterable[Variant], sweep: Sweep) -> int:
    """How many rows ``expand`` would give, without making them."""
    return sum(prod(len(sweep[key]) for key in applied_keys(variant, sweep)) for variant in variants)


def check_sweep(sweep: Sweep, variants: Mapping[str, Variant], found: Findings, complete: bool) -> None:
    """Every swept key must apply to some variant and every value have its type and range.

    ``complete``: these are all variants of the study, so that a key that applies to none of them is a mistake.
    """
    for key, values in sweep.items():
        slot, _, number = key.partition(".")
        owners = {
            owner: name
            for name, variant in reversed(list(variants.items()))
            if (owner := _owner(key, variant)) is not None
        }
        if not owners and complete:
            why = f"none has a {slot} with '{number}'" if number else "the pieces of each ignore it"
            found.add(f"sweep.{key}", f"applies to no variant of this study: {why}")
        if not owners and not number:
            owners = {Settings: "dqn"}
        for owner, name in owners.items():
            _check_values(key, values, fields.types(owner)[number or key], name, found)


def expand(candidates: Iterable[Candidate], sweep: Sweep, base: Variant, settings: Settings) -> list[Row]:
    """The rows of these variants, in order."""
    return [row for candidate in candidates for row in _rows_of(candidate, sweep, base, settings)]


def without_aliases(rows: Iterable[Row]) -> tuple[list[Row], list[Alias]]:
    """Of rows that train alike the first stays; the others become its aliases."""
    first: dict[Any, str] = {}
    kept, aliases = [], []
    for row in rows:
        of = first.setdefault((acting(row.slots), row.settings), row.label)
        if of == row.label:
            kept.append(row)
        else:
            aliases.append(Alias(row.label, of, row.cell))
    return kept, aliases


def equal_rows(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Pairs of labels with equal slots and settings."""
    first: dict[Any, str] = {}
    for row in rows:
        of = first.setdefault((row.slots, row.settings), row.label)
        if of != row.label:
            yield of, row.label


def against(rows: Iterable[Row], baseline: Mapping[str, Row], own: Mapping[str, Any]) -> list[Row]:
    """The rows with the baseline's row that each is compared with.

    ``baseline`` is {label of what runs: the baseline at a point of the sweep}, ``own`` the study's own value of every
    key that is swept for it. A row is compared with the point that agrees in all keys that both have; where several do,
    with the one that has the study's own values of the other keys; where none fits, or it is the baseline's itself,
    with none.
    """
    found: dict[tuple[str, ...], dict[tuple[Any, ...], str | None]] = {}
    compared = []
    for row in rows:
        common = tuple(key for key in own if key in row.swept)
        if common not in found:
            found[common] = _points(common, baseline, own)
        point = found[common].get(tuple(row.swept[key] for key in common))
        compared.append(replace(row, against=None if row.label in baseline else point))
    return compared


def _points(
    keys: Sequence[str], baseline: Mapping[str, Row], own: Mapping[str, Any]
) -> dict[tuple[Any, ...], str | None]:
    """{values of these keys: the label of the baseline's row that stands for them, if one does}."""
    labels: dict[tuple[Any, ...], list[str]] = {}
    usual: dict[tuple[Any, ...], str] = {}
    for label, row in baseline.items():
        values = tuple(row.swept[key] for key in keys)
        labels.setdefault(values, []).append(label)
        if all(row.swept[key] == value for key, value in own.items() if key not in keys):
            usual[values] = label
    return {values: each[0] if len(each) == 1 else usual.get(values) for values, each in labels.items()}


# ---- parts ----


def _levels(slot: str, changes: Sequence[Change], base: Variant, found: Findings) -> list[tuple[str, Change]]:
    """(label, change) of each level of a factor."""
    levels: dict[Any, tuple[str, Change]] = {}
    for change in changes:
        before = len(found.problems)
        checked = checked_changes({slot: change}, base, found, "factors")
        if len(found.problems) > before:
            continue
        piece = getattr(changed(base, checked), slot)
        label = piece_label(piece)
        if piece in levels:
            found.add(f"factors.{slot}", f"'{label}' stands there twice")
        levels[piece] = label, checked[slot]
    return list(levels.values())


def _rows_of(candidate: Candidate, sweep: Sweep, base: Variant, settings: Settings) -> Iterator[Row]:
    name, title, changes, cell, _ = candidate
    variant = changed(base, changes)
    keys = applied_keys(variant, sweep)
    for point in product(*(sweep[key] for key in keys)):
        swept = {key: _checked(key, variant, value) for key, value in zip(keys, point, strict=True)}
        label = "@".join([name, *(f"{k}={value_label(v)}" for k, v in zip(keys, point, strict=True))])
        of_settings = {key: value for key, value in swept.items() if "." not in key}
        row = Row(label, name, title, changes, cell, swept, variant, replace(settings, **of_settings))
        yield replace(row, slots=row.on(base))


def _owner(key: str, variant: Variant) -> type | None:
    """The record that a swept key is a field of: the settings, or the variant's piece; None if it does not apply."""
    slot, _, number = key.partition(".")
    if not number:
        return None if key in ignored_settings(variant) else Settings
    piece = getattr(variant, slot)
    return type(piece) if number in numbers(piece) else None


def _checked(key: str, variant: Variant, value: Any) -> Any:
    owner = _owner(key, variant)
    assert owner is not None
    return fields.check(fields.types(owner)[key.rpartition(".")[2]], value)[0]


def _check_values(key: str, values: Sequence[Any], annotation: Any, example: str, found: Findings) -> None:
    """Type and range of each value, and none twice; ``example`` is a variant of the study, to name rows by."""
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
