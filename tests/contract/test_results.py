"""The results folder: what CONTRACT 2 promises of it, recomputed from its words alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .outside import SMALL, manifest_of, read_json, runs_in

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

SETTINGS: dict[str, Any] = {
    "total_timesteps": 50_000,
    "learning_rate": 1e-3,
    "buffer_size": 10_000,
    "batch_size": 64,
    "gamma": 0.99,
    "learning_starts": 1000,
    "train_frequency": 1,
    "gradient_steps": 1,
    "bootstrap_truncated": True,
    "start_e": 1.0,
    "end_e": 0.05,
    "epsilon_schedule": "linear",
    "exploration_fraction": 0.2,
    "epsilon_decay": 0.995,
    "hidden": [64, 64],
    "loss": "squared",
    "optimizer": "adam",
    "adam_eps": 1e-8,
    "max_grad_norm": 0,
}


def table_of(results: Path, run: dict[str, Any]) -> pa.Table:
    return pq.read_table(results / run["path"] / "episodes.parquet")


def column(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy()


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


# ---------------------------------------------------------------- folders and keys


def folder_of_env(env_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", env_id)


def folder_of_row(label: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", label)
    return plain if plain == label else f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def test_every_listed_run_lies_where_the_contract_says(results: Path) -> None:
    for run in runs_in(results):
        place = f"runs/{folder_of_env(run['env_id'])}/{folder_of_row(run['label'])}"
        expected = f"{place}/seed-{run['seed']:04d}-{run['key']}"
        assert run["path"] == expected
        assert {"episodes.parquet", "manifest.json"} <= {path.name for path in (results / expected).iterdir()}


def test_the_folder_holds_nothing_but_what_the_contract_lists(results: Path) -> None:
    assert {"study.json", "runs"} <= {path.name for path in results.iterdir()}
    assert {path.name for path in results.iterdir()} <= {
        "study.json",
        "runs",
        "figures",
        "tables",
        "report.html",
        ".grid",
    }
    files = {path.name for path in (results / "runs").rglob("*") if path.is_file()}
    assert files <= {
        "episodes.parquet",
        "probes.parquet",
        "evaluations.parquet",
        "weights.npz",
        "manifest.json",
    }


def test_the_key_is_the_digest_of_the_manifests_config(results: Path) -> None:
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        text = json.dumps(
            manifest["config"], sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        )
        key = hashlib.sha256(text.encode()).hexdigest()[:12]
        assert key == manifest["key"] == run["key"]


def test_the_config_holds_what_decides_the_bits_and_nothing_else(results: Path) -> None:
    for run in runs_in(results):
        config = manifest_of(results, run)["config"]
        words = set(strings(config))
        assert run["env_id"] in words
        assert config["seed"] == run["seed"]
        assert config["entropy"] == 0
        assert set(config["slots"]) == {"replay", "target", "bootstrap", "head"}
        # Additions are free: more settings may stand beside the contract's.
        assert config["settings"] == config["settings"] | SETTINGS | SMALL
        foreign = {
            "schema_version",
            "label",
            "labels",
            "jobs",
            "lanes",
            "path",
            "paths",
            "host",
            "checkpoint_minutes",
        }
        assert not words & foreign
        assert run["label"] not in words
    assert len({run["key"] for run in runs_in(results)}) == len(runs_in(results))


# ---------------------------------------------------------------- episodes.parquet


def test_the_series_has_exactly_the_schema_in_zstd_without_pandas(results: Path) -> None:
    for run in runs_in(results):
        file = pq.ParquetFile(results / run["path"] / "episodes.parquet")
        assert [(field.name, field.type) for field in file.schema_arrow] == SCHEMA
        assert b"pandas" not in (file.schema_arrow.metadata or {})
        assert b"pandas" not in (file.metadata.metadata or {})
        for group in range(file.metadata.num_row_groups):
            chunks = [file.metadata.row_group(group).column(i) for i in range(file.metadata.num_columns)]
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


# ---------------------------------------------------------------- manifest.json


def test_the_manifest_has_the_fields_of_the_contract(results: Path) -> None:
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        assert manifest["status"] == "ok"
        assert isinstance(manifest["schema_version"], int)
        assert manifest["diverged_at"] is None
        assert set(manifest["unfinished"]) == {"length", "return"}
        assert manifest["attempts"]
        assert {"torch", "numpy", "gymnasium"} <= set(manifest["versions"])
        assert {"git", "platform"} <= set(manifest)
        assert manifest["lanes"] >= 1
        assert manifest["wall_seconds"] > 0
        assert manifest["cpu_seconds"] > 0


def test_the_manifest_lists_each_file_with_its_digest_bytes_and_rows(results: Path) -> None:
    for run in runs_in(results):
        place = results / run["path"]
        files = manifest_of(results, run)["files"]
        assert set(files) == {path.name for path in place.iterdir()} - {"manifest.json"}
        for name, entry in files.items():
            data = (place / name).read_bytes()
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
            assert entry["bytes"] == len(data)
        assert files["episodes.parquet"]["rows"] == table_of(results, run).num_rows


def test_the_series_digest_is_of_name_dtype_and_little_endian_bytes(results: Path) -> None:
    for run in runs_in(results):
        digest = hashlib.sha256()
        table = table_of(results, run)
        for field in table.schema:
            if pa.types.is_string(field.type):
                continue
            values = column(table, field.name)
            digest.update(field.name.encode())
            digest.update(str(values.dtype).encode())
            digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
        assert manifest_of(results, run)["series_sha256"] == digest.hexdigest()


def test_no_file_of_the_results_holds_an_absolute_path(results: Path) -> None:
    absolute = re.compile(r"(?:^|[\s\"'(=:])/[\w.-]+/")
    for path in [results / "study.json", *(results / "runs").rglob("manifest.json")]:
        found = [text for text in strings(read_json(path)) if absolute.search(text)]
        assert found == []


def test_the_manifest_was_written_last(results: Path) -> None:
    for run in runs_in(results):
        place = results / run["path"]
        manifest = (place / "manifest.json").stat().st_mtime_ns
        assert all(path.stat().st_mtime_ns <= manifest for path in place.iterdir())


# ---------------------------------------------------------------- study.json


def test_study_json_resolves_rows_in_the_studys_order(results: Path) -> None:
    study = read_json(results / "study.json")
    assert isinstance(study["schema_version"], int)
    assert study["name"] == "tiny"
    assert [row["label"] for row in study["rows"]] == ["dqn", "per", "slow-soft"]
    for row in study["rows"]:
        assert set(row["slots"]) == {"replay", "target", "bootstrap", "head"}
        assert row["settings"] == row["settings"] | SETTINGS | SMALL
        assert row["swept"] == {}
    slots = {row["label"]: row["slots"] for row in study["rows"]}
    assert slots["dqn"]["replay"] == {"kind": "uniform"}
    assert slots["dqn"]["target"] == {"kind": "hard", "period": 100}
    assert slots["dqn"]["bootstrap"] == {"kind": "max"}
    assert slots["dqn"]["head"] == {"kind": "linear"}
    assert slots["per"] == slots["dqn"] | {
        "replay": {
            "kind": "prioritized",
            "alpha": 0.6,
            "beta_start": 0.4,
            "beta_end": 1.0,
            "eps": 1e-6,
            "stratified": True,
        }
    }
    assert slots["slow-soft"] == slots["dqn"] | {"target": {"kind": "soft", "tau": 0.001}}


def test_study_json_lists_every_run_once(results: Path) -> None:
    runs = runs_in(results)
    assert {(run["label"], run["env_id"], run["seed"]) for run in runs} == {
        (label, "CartPole-v1", seed) for label in ("dqn", "per", "slow-soft") for seed in (0, 1, 2)
    }
    assert len(runs) == 9
    for run in runs:
        assert {"label", "env_id", "seed", "key", "path"} <= set(run)
        manifest = manifest_of(results, run)
        row = next(row for row in read_json(results / "study.json")["rows"] if row["label"] == run["label"])
        assert manifest["config"]["slots"] == row["slots"]


def test_study_json_holds_the_facts_of_each_environment(results: Path) -> None:
    (environment,) = read_json(results / "study.json")["environments"]
    assert environment["env_id"] == "CartPole-v1"
    assert environment["reward_threshold"] == 475.0
    assert "value_bounds" in environment
    policy = environment["random_policy"]
    assert policy["episodes"] >= 100
    # The random policy's mean on CartPole is 22; a hundred episodes put it well inside these.
    assert 17 < policy["mean_return"] < 28


def test_study_json_stores_the_engine_it_resolved(results: Path) -> None:
    assert read_json(results / "study.json")["engine"] in {"reference", "native"}


# ---------------------------------------------------------------- sweeps and factorials


def test_a_swept_rows_label_is_its_variant_and_each_key_in_file_order(swept: Path) -> None:
    study = read_json(swept / "results" / "tiny" / "study.json")
    assert {row["label"]: row["swept"] for row in study["rows"]} == {
        "dqn@hidden=8@target.period=5": {"hidden": [8], "target.period": 5},
        "dqn@hidden=8@target.period=50": {"hidden": [8], "target.period": 50},
        "dqn@hidden=8x8@target.period=5": {"hidden": [8, 8], "target.period": 5},
        "dqn@hidden=8x8@target.period=50": {"hidden": [8, 8], "target.period": 50},
        "soft-target@hidden=8": {"hidden": [8]},
        "soft-target@hidden=8x8": {"hidden": [8, 8]},
    }


def test_a_swept_value_reaches_the_slots_the_settings_and_the_variant_column(swept: Path) -> None:
    results = swept / "results" / "tiny"
    for row in read_json(results / "study.json")["rows"]:
        assert row["settings"]["hidden"] == row["swept"]["hidden"]
        if "target.period" in row["swept"]:
            assert row["slots"]["target"] == {"kind": "hard", "period": row["swept"]["target.period"]}
    for run in runs_in(results):
        assert set(table_of(results, run).column("variant").to_pylist()) == {run["label"]}
        config = manifest_of(results, run)["config"]
        row = next(row for row in read_json(results / "study.json")["rows"] if row["label"] == run["label"])
        assert config["slots"] == row["slots"]
        assert config["settings"] == row["settings"]


def test_a_factorial_runs_each_distinct_cell_once_and_lists_the_aliases(factorial: Path) -> None:
    results = factorial / "results" / "tiny"
    study = read_json(results / "study.json")
    assert [row["label"] for row in study["rows"]] == [
        "uniform+none+max+linear",
        "uniform+hard+max+linear",
        "uniform+hard+double+linear",
    ]
    assert study["aliases"] == [{"label": "uniform+none+double+linear", "of": "uniform+none+max+linear"}]
    assert {run["label"] for run in runs_in(results)} == {row["label"] for row in study["rows"]}


@pytest.mark.parametrize("folder", ["finished", "swept", "factorial"])
def test_no_temporary_file_is_left_behind(folder: str, request: pytest.FixtureRequest) -> None:
    results: Path = request.getfixturevalue(folder) / "results"
    assert [path for path in results.rglob("*") if path.is_file() and "tmp" in path.name] == []
