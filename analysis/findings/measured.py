"""A valid run as the arrays that metrics read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.loading import Run
from analysis.metrics import Floats, RunData


def measured(run: Run, environment: Mapping[str, Any]) -> RunData:
    """The run's arrays, with the facts of its environment that metrics need."""
    bounds, random = environment.get("value_bounds"), environment.get("random_policy")
    return RunData(
        ends=run.ends,
        returns=run.returns,
        steps=run.steps,
        threshold=environment.get("reward_threshold"),
        random=random["mean_return"] if random else None,
        bounds=(float(bounds[0]), float(bounds[1])) if bounds else None,
        diverged_at=run.diverged_at,
        probes=_numbers(run.probes),
        evaluations=_numbers(run.evaluations),
        exact=_numbers(run.exact),
    )


def _numbers(table: pa.Table | None) -> dict[str, Floats]:
    """The numeric columns of a table as float64, by name; nothing where there is no table or no row in it."""
    if table is None or not table.num_rows:
        return {}
    return {
        part.name: table.column(part.name).to_numpy().astype(np.float64)
        for part in table.schema
        if not pa.types.is_string(part.type)
    }
