"""The numbers behind figures, for the page's script to show where a reader points."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.loading import Row
from analysis.tables.spelling import row_name

POINTS = 100
"""At most so many places along the axis are told; the CSV has them all."""
DIGITS = 4


@dataclass(frozen=True)
class Numbers:
    """The columns of a figure's CSV."""

    axis: str
    """What the horizontal axis is, for people."""
    x: str
    """The column of its places."""
    point: str
    """The column of the number itself; the ends of its interval are ``low`` and ``high``."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """What people call the quantities by column ``quantity``; '' where there is no such column."""


def values(path: Path, numbers: Numbers, rows: Sequence[Row]) -> dict[str, Any]:
    """The numbers of a CSV: the axis, its places, the rows' names, and per quantity and row three series or None.

    Rows are in the study's order, as panels name them (``Page.watch``). The last place is always there.
    """
    with open(path, encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for record in records:
        found.setdefault((record.get("quantity", ""), record["variant"]), []).append(record)
    longest = max(found.values(), key=len, default=[])
    stride = -(-len(longest) // POINTS) or 1
    first = (len(longest) - 1) % stride if longest else 0
    columns = (numbers.point, "low", "high")
    return {
        "axis": numbers.axis,
        "at": [_number(one[numbers.x]) for one in longest[first::stride]],
        "rows": [row_name(row) for row in rows],
        "titles": dict(numbers.titles),
        "values": {
            quantity: [
                [[_number(one[name]) for one in series[first::stride]] for name in columns]
                if (series := found.get((quantity, row.label)))
                else None
                for row in rows
            ]
            for quantity in dict.fromkeys(quantity for quantity, _ in found)
        },
    }


def _number(text: str) -> float | int | None:
    """A number in few digits; None where it isn't defined."""
    if not text:
        return None
    short = float(f"{float(text):.{DIGITS}g}")
    return int(short) if short.is_integer() else short
