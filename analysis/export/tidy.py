"""One tidy table: a row per finished episode of every valid run, as CSV or parquet.

The columns are those of ``episodes.parquet``, then the run's ``status``, the row's ``base_variant`` (the label without
swept values), and ``sweep.<key>`` for each swept key, empty for rows to which the key does not apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ablations import store
from analysis.export.exported import Exported, csv_bytes
from analysis.loading import Results
from analysis.tables.spelling import value_text


def as_csv(results: Results) -> Exported:
    """``episodes.csv``: numbers in the fewest digits that read back as the same number, true and false."""
    table = tidy(results)
    columns = [texts(table.column(name)) for name in table.column_names]
    return Exported({"episodes.csv": csv_bytes(table.column_names, columns)}, _notes(results))


def as_parquet(results: Results) -> Exported:
    """``episodes.parquet``: the same table, typed."""
    return Exported({"episodes.parquet": store.parquet_bytes(tidy(results))}, _notes(results))


def tidy(results: Results) -> pa.Table:
    """The table, runs in the order of study.json."""
    rows = {row["label"]: row for row in results.study["rows"]}
    swept = {label: dict(row.get("swept", {})) for label, row in rows.items()}
    keys = list(dict.fromkeys(key for values in swept.values() for key in values))
    types = {key: _type([values[key] for values in swept.values() if key in values]) for key in keys}
    schema = store.EPISODES
    for name, kind in (("status", pa.string()), ("base_variant", pa.string())):
        schema = schema.append(pa.field(name, kind, nullable=False))
    for key in keys:
        schema = schema.append(pa.field(f"sweep.{key}", types[key]))
    tables = [schema.empty_table()]
    for run in results.runs:
        if run.episodes is None:
            continue
        of_run = [run.state, rows[run.label]["variant"]] if run.label in rows else [run.state, run.label]
        of_run += [_value(swept.get(run.label, {}), key, types[key]) for key in keys]
        count = run.episodes.num_rows
        repeated = [
            pa.array([value] * count, type=kind)
            for value, kind in zip(of_run, schema.types[len(store.EPISODES) :], strict=True)
        ]
        tables.append(pa.Table.from_arrays([*run.episodes.columns, *repeated], schema=schema))
    return pa.concat_tables(tables).combine_chunks()


def texts(column: pa.ChunkedArray) -> list[str]:
    """A column as CSV has it: nulls empty, true and false, numbers in their shortest digits."""
    if pa.types.is_boolean(column.type):
        return ["true" if value else "false" for value in column.to_pylist()]
    if pa.types.is_float32(column.type):
        return [str(value) for value in column.to_numpy().astype(np.float32)]
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _type(values: list[Any]) -> pa.DataType:
    """The type that holds all values of a swept key: lists, texts and mixtures become text."""
    if all(isinstance(value, bool) for value in values):
        return pa.bool_()
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return pa.int64()
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return pa.float64()
    return pa.string()


def _value(swept: Mapping[str, Any], key: str, kind: pa.DataType) -> Any:
    if key not in swept:
        return None
    return value_text(swept[key]) if pa.types.is_string(kind) else swept[key]


def _notes(results: Results) -> list[str]:
    diverged = sum(run.state == "diverged" for run in results.runs)
    return [f"{diverged} runs diverged and are part of it: see the column status"] if diverged else []
