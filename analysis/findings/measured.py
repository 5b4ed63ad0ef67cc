"""A valid run as the arrays that metrics read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.loading import Row, Run
from analysis.metrics import Floats, RunData

OF_RETURNS = ("predicted_q", "q_error_max", "q_error_mean", "overestimation")
"""Columns that hold Q against a return."""


def measured(row: Row, run: Run, environment: Mapping[str, Any]) -> RunData:
    """The arrays of a run of the row, with the facts of its environment that metrics need.

    Where Q is no return, bounds are not known and what compares the two is NaN.
    """
    bounds, random = environment.get("value_bounds"), environment.get("random_policy")
    unknown: Sequence[str] = ()
    if row.no_return:
        bounds, unknown = None, OF_RETURNS
    return RunData(
        ends=run.ends,
        returns=run.returns,
        steps=run.steps,
        threshold=environment.get("reward_threshold"),
        random=random["mean_return"] if random else None,
        bounds=(float(bounds[0]), float(bounds[1])) if bounds else None,
        diverged_at=run.diverged_at,
        probes=_numbers(run.probes),
        evaluations=_numbers(run.evaluations, unknown),
        exact=_numbers(run.exact, unknown),
    )


def _numbers(table: pa.Table | None, unknown: Sequence[str] = ()) -> dict[str, Floats]:
    """The numeric columns of a table as float64, by name, NaN if ``unknown``; nothing where there is no row."""
    if table is None or not table.num_rows:
        return {}
    return {
        part.name: np.full(table.num_rows, np.nan)
        if part.name in unknown
        else table.column(part.name).to_numpy().astype(np.float64)
        for part in table.schema
        if not pa.types.is_string(part.type)
    }
