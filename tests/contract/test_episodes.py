"""episodes.parquet: one row per finished episode, to the letter of the contract, and what the rows say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .outside import SMALL, begin, episodes_bytes, manifest_of, rows_in, runs_in, write_study

SCHEMA = [
    ("env_id", pa.string()),
    ("variant", pa.string()),
    ("seed", pa.int64()),
    ("episode", pa.int32()),
    ("global_step", pa.int64()),
    ("episodic_return", pa.float64()),
    ("episodic_length", pa.int32()),
    ("terminated", pa.bool_()),
    ("truncated", pa.bool_()),
    ("epsilon", pa.float32()),
]


def table_of(results: Path, run: dict[str, Any]) -> pa.Table:
    return pq.read_table(results / run["path"] / "episodes.parquet")


def column(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy()


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_the_series_has_exactly_the_schema_in_zstd_without_index_and_pandas(
    study: str, request: pytest.FixtureRequest
) -> None:
    results = request.getfixturevalue(study) / "results" / "tiny"
    for run in runs_in(results):
        file = pq.ParquetFile(results / run["path"] / "episodes.parquet")
        assert [(field.name, field.type) for field in file.schema_arrow] == SCHEMA
        assert b"pandas" not in (file.schema_arrow.metadata or {})
        assert b"pandas" not in (file.metadata.metadata or {})
        for group in range(file.metadata.num_row_groups):
            chunks = [file.metadata.row_group(group).column(i) for i in range(len(SCHEMA))]
            assert {chunk.compression for chunk in chunks} == {"ZSTD"}


def test_the_series_names_its_run(results: Path) -> None:
    for run in runs_in(results):
        table = table_of(results, run)
        assert table.num_rows > 0
        assert set(table.column("env_id").to_pylist()) == {run["env_id"]}
        assert set(table.column("variant").to_pylist()) == {run["label"]}
        assert set(table.column("seed").to_pylist()) == {run["seed"]}
        assert (np.diff(column(table, "episode")) == 1).all()
        assert sum(field.null_count for field in table.columns) == 0


def test_episodes_and_the_unfinished_one_fill_the_budget(results: Path) -> None:
    for run in runs_in(results):
        table, manifest = table_of(results, run), manifest_of(results, run)
        lengths = column(table, "episodic_length")
        unfinished = manifest["unfinished"]
        assert lengths.sum() + unfinished["length"] == manifest["steps"] == SMALL["total_timesteps"]
        assert (column(table, "global_step") == np.cumsum(lengths)).all()
        # CartPole pays 1 for each step.
        assert (column(table, "episodic_return") == lengths).all()
        assert unfinished["return"] == unfinished["length"]
        assert (column(table, "terminated") | column(table, "truncated")).all()
        assert (column(table, "terminated") | (lengths == 500)).all()


def test_epsilon_follows_the_linear_schedule_to_its_floor(results: Path) -> None:
    horizon = 0.2 * SMALL["total_timesteps"]
    for run in runs_in(results):
        table = table_of(results, run)
        step, epsilon = column(table, "global_step"), column(table, "epsilon")
        slope = 0.95 / horizon
        line = np.maximum(0.05, 1.0 - slope * step)
        # One step of the schedule either way: whether the first step counts as 0 or 1 is left open.
        assert (np.abs(epsilon - line) <= 1.01 * slope).all()
        assert (epsilon[step > horizon + 1] == np.float32(0.05)).all()
        assert (np.diff(epsilon) <= 0).all()


def test_seeds_differ_and_variants_share_the_first_draws_of_a_seed(results: Path) -> None:
    series = {(run["label"], run["seed"]): table_of(results, run) for run in runs_in(results)}
    returns = [tuple(column(series["dqn", seed], "episodic_return")) for seed in (0, 1, 2)]
    assert len(set(returns)) == 3
    for seed in (0, 1, 2):
        # Before learning starts, rows of one seed act alike: same weights, same resets, same exploration.
        early = [
            [row for row in series[label, seed].to_pylist() if row["global_step"] < SMALL["learning_starts"]]
            for label in ("dqn", "per", "slow-soft")
        ]
        assert len(early[0]) > 0
        for rows in early:
            assert [row | {"variant": ""} for row in rows] == [row | {"variant": ""} for row in early[0]]


def test_the_variant_column_is_the_rows_label_also_at_a_point_of_a_sweep(
    swept: Path, factorial: Path
) -> None:
    for results in (swept / "results" / "tiny", factorial / "results" / "tiny"):
        assert {run["label"] for run in runs_in(results)} == set(rows_in(results))
        for run in runs_in(results):
            assert set(table_of(results, run).column("variant").to_pylist()) == {run["label"]}


def test_equal_runs_have_equal_bytes(finished: Path, tmp_path: Path) -> None:
    write_study(tmp_path, {"variants": ["per", "dqn"], "seeds": [2]})
    again, stored = episodes_bytes(begin(tmp_path)), episodes_bytes(finished / "results" / "tiny")
    assert len(again) == 2
    assert again == {run: stored[run] for run in again}


def test_a_budget_without_a_finished_episode_leaves_an_empty_table_with_the_schema(tmp_path: Path) -> None:
    write_study(tmp_path, {"seeds": [0]}, {"total_timesteps": 2, "learning_starts": 32})
    results = begin(tmp_path)
    (run,) = runs_in(results)
    manifest = manifest_of(results, run)
    assert manifest["steps"] == 2
    assert manifest["unfinished"] == {"length": 2, "return": 2.0}
    assert manifest["files"]["episodes.parquet"]["rows"] == 0
    table = table_of(results, run)
    assert [(field.name, field.type) for field in table.schema] == SCHEMA
    assert table.num_rows == 0
