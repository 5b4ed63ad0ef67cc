"""Contents of a run's tables: do they hold what their schema, the run's path and its configuration say?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ablations.store.keys import run_path
from ablations.store.schema import TABLES

CHECKED = ("env_id", "variant", "seed", "global_step", "episodic_return")
"""Columns whose values are checked, in whichever table has them."""


def path_problem(run_dir: Path, manifest: Mapping[str, Any]) -> str | None:
    """Why a manifest is none of a run in this folder; one that lies in no study may lie anywhere."""
    config = manifest["config"]
    path = run_path(config["env_id"], manifest["label"], config["seed"], manifest["key"])
    if run_dir.parts[-4:-3] != ("runs",) or run_dir.parts[-3:] == tuple(path.split("/")[1:]):
        return None
    return f"the manifest belongs to {path}"


def schema_problem(name: str, schema: pa.Schema) -> str | None:
    """Why these are not the columns of the table of that name; tables of other names may have any."""
    expected = TABLES.get(name)
    if expected is None or schema.equals(expected):
        return None
    missing = [field.name for field in expected if field.name not in schema.names]
    other = [field.name for field in schema if field.name not in expected.names]
    types = [
        field.name for field in expected if field.name in schema.names and schema.field(field.name) != field
    ]
    words = [f"{what} {', '.join(names)}" for what, names in (("lacks", missing), ("has", other)) if names]
    words += [f"has another type of {', '.join(types)}"] if types else []
    return f"{name}.parquet {' and '.join(words) or 'has its columns in another order'}"


def values_problem(name: str, table: pa.Table, env_id: str, label: str, seed: int) -> str | None:
    """Why the table of that name can't be this run's; it needs those of the ``CHECKED`` columns that it has."""
    for column, value in (("env_id", env_id), ("variant", label), ("seed", seed)):
        if column in table.column_names and not pc.all(pc.equal(table[column], value)).as_py() and len(table):
            return f"{name}.parquet has another {column} than the run"
    if "global_step" in table.column_names:
        steps = np.diff(table["global_step"].to_numpy(), prepend=0)
        if (steps < 0).any() or (name == "episodes" and (steps < 1).any()):
            return f"{name}.parquet has steps that do not ascend"
    if "episodic_return" in table.column_names and not np.isfinite(table["episodic_return"].to_numpy()).all():
        return f"{name}.parquet has returns that are not finite"
    return None
