"""manifest.json: a run's commit record, whose digests anyone can recompute."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from .outside import manifest_of, runs_in
from .signing import series_digest
from .test_episodes import table_of


def test_the_manifest_has_the_fields_of_the_contract(results: Path) -> None:
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        assert manifest["status"] == "ok"
        assert isinstance(manifest["schema_version"], int)
        assert manifest["diverged_at"] is None
        assert set(manifest["unfinished"]) == {"length", "return"}
        assert manifest["attempts"]
        assert {"torch", "numpy", "gymnasium"} <= set(manifest["versions"])
        assert {"commit", "dirty"} <= set(manifest["git"])
        assert {"torch", "threads"} <= set(manifest["platform"])
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


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_the_series_digest_is_of_name_dtype_and_little_endian_bytes(
    study: str, request: pytest.FixtureRequest
) -> None:
    results = request.getfixturevalue(study) / "results" / "tiny"
    for run in runs_in(results):
        assert manifest_of(results, run)["series_sha256"] == series_digest(table_of(results, run))


def test_the_manifest_was_written_last(results: Path) -> None:
    for run in runs_in(results):
        place = results / run["path"]
        manifest = (place / "manifest.json").stat().st_mtime_ns
        assert all(path.stat().st_mtime_ns <= manifest for path in place.iterdir())
