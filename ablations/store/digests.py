"""Digests of stored tables: of what they hold, whatever file it lies in."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa


def series_sha256(table: pa.Table) -> str:
    """The digest of a table's numbers alone: for each numeric column its name, dtype and little-endian bytes."""
    digest = hashlib.sha256()
    for field in table.schema:
        if pa.types.is_string(field.type):
            continue
        values = table.column(field.name).to_numpy()
        little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        digest.update(field.name.encode("ascii"))
        digest.update(little.dtype.name.encode("ascii"))
        digest.update(little.tobytes())
    return digest.hexdigest()
