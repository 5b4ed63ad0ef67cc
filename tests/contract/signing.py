"""A run forged from outside: its series or its config changed, and every digest made to match again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .outside import digest_of, read_json


def series_digest(table: pa.Table) -> str:
    """The digest of the numeric columns in the schema's order: name, dtype, little-endian bytes."""
    digest = hashlib.sha256()
    for field in table.schema:
        if pa.types.is_string(field.type):
            continue
        values = table.column(field.name).to_numpy()
        digest.update(field.name.encode())
        digest.update(str(values.dtype).encode())
        digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def sign(file: Path, document: dict[str, Any]) -> None:
    """Write a manifest or a study.json whose digest of itself, where it carries one, is of what it now says."""
    own = next((name for name in ("manifest_sha256", "study_sha256") if name in document), None)
    unsigned = {name: value for name, value in document.items() if name != own}
    text = json.dumps(unsigned, indent=1) + "\n"
    if own is not None:
        digest = hashlib.sha256(text.encode()).hexdigest()
        text = json.dumps(unsigned | {own: digest}, indent=1) + "\n"
    file.write_text(text, encoding="utf-8")


def forge_series(place: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    series = place / "episodes.parquet"
    table = change(pq.read_table(series))
    pq.write_table(table, series, compression="zstd")
    manifest = read_json(place / "manifest.json")
    data = series.read_bytes()
    manifest["files"][series.name] |= {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "rows": table.num_rows,
    }
    manifest["series_sha256"] = series_digest(table)
    sign(place / "manifest.json", manifest)


def forge_config(place: Path, changes: dict[str, Any]) -> None:
    """Another config, with the key that belongs to it; the folder keeps its name."""
    manifest = read_json(place / "manifest.json")
    manifest["config"] |= changes
    manifest["key"] = digest_of(manifest["config"])
    sign(place / "manifest.json", manifest)
