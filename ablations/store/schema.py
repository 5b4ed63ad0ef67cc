"""What is stored: versions, statuses, names of files, and the columns of every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import pyarrow as pa

SCHEMA_VERSION = 3
"""Of manifests."""
STUDY_VERSION = 3
"""Of study.json."""
DECISIONS_VERSION = 1
"""Of decisions.json."""
RELEASE = "0.2"
"""Of this package: what a user installs to read these versions."""
READ_BY = {1: "0.1", 2: "0.1"}
"""Earlier versions of manifests and study.json, and the release that reads them."""
ALGORITHM_VERSION = 1
"""Raised whenever the same configuration would give other numbers than before; it is part of every key."""

VALID = ("ok", "diverged")
ATTEMPTS = ("failed", "died", "timeout")
MANIFEST = "manifest.json"
WEIGHTS = "weights.npz"
STUDY, DECISIONS = "study.json", "decisions.json"

Array = npt.NDArray[Any]


def _schema(**columns: pa.DataType) -> pa.Schema:
    """A table's columns, behind those that say whose row it is."""
    identity = {"env_id": pa.string(), "variant": pa.string(), "seed": pa.int64()}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in (identity | columns).items()])


EPISODES = _schema(
    episode=pa.int32(),
    global_step=pa.int64(),  # environment steps at its end
    episodic_return=pa.float64(),
    episodic_length=pa.int32(),
    terminated=pa.bool_(),
    truncated=pa.bool_(),
    epsilon=pa.float32(),
)
"""One row per finished training episode."""

PROBES = _schema(
    global_step=pa.int64(),
    updates=pa.int64(),
    epsilon=pa.float32(),
    # over the probe states and all actions
    q_mean=pa.float64(),
    q_min=pa.float64(),
    q_max=pa.float64(),
    action_gap=pa.float64(),  # best minus second best Q
    churn=pa.float64(),  # share of states whose greedy action this step's updates changed
    dormant_share=pa.float64(),
    effective_rank=pa.float64(),
    target_lag=pa.float64(),  # |theta - theta-| / |theta|
    terminal_share=pa.float64(),  # of the buffer's transitions
    batch_q_abs_max=pa.float64(),  # running maximum since the previous row
    # of the last update before the row
    loss=pa.float64(),
    abs_td_error=pa.float64(),
    gradient_norm=pa.float64(),
    per_health=pa.float64(),  # (sum w)^2 / (k sum w^2)
)
"""What the networks look like from inside; NaN where a number does not exist (before the first update, say)."""

EVALUATIONS = _schema(
    global_step=pa.int64(),
    episode=pa.int32(),
    start_seed=pa.int64(),
    episodic_return=pa.float64(),
    episodic_length=pa.int32(),
    terminated=pa.bool_(),
    truncated=pa.bool_(),
    predicted_q=pa.float64(),  # max_a Q(s_0, a)
    discounted_return=pa.float64(),
    tail_discount=pa.float64(),  # gamma^T of an episode cut after T steps, 0 after termination
)
"""One row per greedy evaluation episode."""

EXACT = _schema(
    global_step=pa.int64(),
    updates=pa.int64(),
    states=pa.int32(),  # that are not terminal: what the numbers below are taken over
    q_error_max=pa.float64(),  # max |Q - Q*| over states and actions
    q_error_mean=pa.float64(),
    overestimation=pa.float64(),  # mean over states of max_a Q - V*
    regret=pa.float64(),  # V* - V of the greedy policy, at the start
)
"""Learned against exact values, for environments that know their own model."""


TABLES = {"episodes": EPISODES, "probes": PROBES, "evaluations": EVALUATIONS, "exact": EXACT}


def tabulate(
    schema: pa.Schema, env_id: str, variant: str, seed: int, columns: Mapping[str, Sequence[Any]]
) -> pa.Table:
    """A run's rows in a stored schema. No columns at all make an empty table."""
    count = len(next(iter(columns.values()), ()))
    identity = {"env_id": [env_id] * count, "variant": [variant] * count, "seed": [seed] * count}
    return pa.table(identity | dict(columns), schema=schema) if count else schema.empty_table()
