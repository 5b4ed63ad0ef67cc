"""The result of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Exported:
    """Files by their name below the export's folder, and sentences that a reader of them must know."""

    files: Mapping[str, bytes]
    notes: list[str] = field(default_factory=list)


def csv_bytes(names: Sequence[str], columns: Sequence[Sequence[str]]) -> bytes:
    """Columns of text as CSV (RFC 4180, but with bare line feeds): fields are quoted where they must be."""
    lines = [",".join(map(_field, names))]
    lines += [",".join(map(_field, line)) for line in zip(*columns, strict=True)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
