"""Runs: committed, inspected and read, in a folder of their own or in a pack.

A run's folder holds parquet tables and ``manifest.json``, which is written last and is the commit record. A run is
valid when its manifest parses and its schema is known, its digests match (its files' and its own), its status is
``ok`` or ``diverged``, and its tables hold what schema, path and configuration say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ablations.store import archives
from ablations.store.contents import CHECKED, path_problem, schema_problem, values_problem
from ablations.store.digests import series_sha256
from ablations.store.files import (
    Damaged,
    check_document,
    json_object,
    npz_bytes,
    parquet_bytes,
    parquet_table,
    read_json,
    sha256,
    with_digest,
    write_atomic,
)
from ablations.store.keys import key_of
from ablations.store.schema import ATTEMPTS, MANIFEST, SCHEMA_VERSION, VALID, WEIGHTS, Array
from ablations.store.shapes import ATTEMPT_SHAPE, RESULT_SHAPE, misfit

MANIFEST_DIGEST = "manifest_sha256"


@dataclass(frozen=True)
class RunStatus:
    """Status of a run's folder: one of a manifest, ``missing`` or ``damaged`` (then ``reason`` says why)."""

    state: str
    reason: str | None = None
    manifest: Mapping[str, Any] | None = None

    @property
    def is_valid(self) -> bool:
        """True where the run's result counts."""
        return self.state in VALID


# ---- writing ----


def write_run(
    folder: Path,
    path: str,
    manifest: Mapping[str, Any],
    tables: Mapping[str, pa.Table],
    weights: Mapping[str, Array] | None = None,
) -> None:
    """Commit a run: the old manifest goes first, the tables come next, the new manifest last.

    ``manifest`` lacks ``schema_version``, ``files``, ``series_sha256`` and its own digest, which are filled in here.
    ``weights``, if any, become ``weights.npz``. Raises ``Unwritten``; then there is no manifest.
    """
    run_dir = folder / path
    (run_dir / MANIFEST).unlink(missing_ok=True)
    contents = {f"{name}.parquet": (parquet_bytes(table), table.num_rows) for name, table in tables.items()}
    if weights is not None:
        contents[WEIGHTS] = (npz_bytes(weights), len(weights))
    files = {
        name: {"sha256": sha256(data), "bytes": len(data), "rows": rows}
        for name, (data, rows) in contents.items()
    }
    full = {"schema_version": SCHEMA_VERSION, **manifest, "files": files}
    if "episodes" in tables:
        full["series_sha256"] = series_sha256(tables["episodes"])
    commit(run_dir, {name: data for name, (data, _) in contents.items()}, manifest_bytes(full))


def commit(run_dir: Path, contents: Mapping[str, bytes], manifest: bytes) -> None:
    """Commit a run whose files are at hand as bytes: the old manifest goes first, the new one comes last."""
    (run_dir / MANIFEST).unlink(missing_ok=True)
    for name, data in contents.items():
        write_atomic(run_dir / name, data)
    write_atomic(run_dir / MANIFEST, manifest)


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The text of a manifest, which ends in the sha256 of the text that it would be without that entry."""
    return with_digest(manifest, MANIFEST_DIGEST)


# ---- inspecting ----


def inspect(run_dir: Path, key: str | None = None, tables: dict[str, pa.Table] | None = None) -> RunStatus:
    """The status of a run, in its folder or in a pack. With ``key``, the manifest must belong to it.

    ``tables`` takes up the tables that were found sound, whole, by name: for those who would read them next.
    """
    link = next((place for place in (run_dir, *list(run_dir.parents)[:3]) if place.is_symlink()), None)
    if link is not None:
        return RunStatus("damaged", f"{link.name} is a link")
    packed, manifest = _packed(run_dir), None
    try:
        manifest, data = _manifest(run_dir, packed)
        check_document(manifest, data, SCHEMA_VERSION, MANIFEST_DIGEST)
    except FileNotFoundError:
        leftovers = run_dir.is_dir() and any(run_dir.iterdir())
        return RunStatus("damaged", "files without a manifest") if leftovers else RunStatus("missing")
    except Damaged as problem:
        return RunStatus("damaged", str(problem), manifest)
    reason = _manifest_problem(manifest, key) or path_problem(run_dir, manifest)
    for name in manifest["files"] if reason is None else ():
        reason = reason or _entry_problem(name) or _file_problem(run_dir, packed, name, manifest, tables)
    if reason is not None:
        return RunStatus("damaged", reason, manifest)
    return RunStatus(manifest["status"], None, manifest)


def _manifest_problem(manifest: Mapping[str, Any], key: str | None) -> str | None:
    """Why a manifest can't be trusted."""
    status, config, files = manifest.get("status"), manifest.get("config"), manifest.get("files")
    if status not in VALID + ATTEMPTS:
        return f"unknown status {status!r}"
    if not isinstance(config, dict) or not isinstance(files, dict):
        return "the manifest lacks its configuration or its list of files"
    try:
        stated = key_of(config)
    except ValueError as problem:
        return f"the manifest's configuration is no plain JSON ({problem})"
    if stated != manifest.get("key") or (key is not None and stated != key):
        return f"the manifest's configuration has the key {stated}, not {key or manifest.get('key')}"
    if status in VALID and "episodes.parquet" not in files:
        return "the manifest lists no episodes.parquet"
    found = misfit(manifest, RESULT_SHAPE if status in VALID else ATTEMPT_SHAPE)
    return found and f"the manifest is not of its schema: {found}"


def _entry_problem(name: str) -> str | None:
    """Why a manifest may not list such a file."""
    if re.fullmatch(r"[a-z_]+\.(parquet|npz)", name):
        return None
    return f"the manifest lists a strange file {name!r}"


def _file_problem(
    run_dir: Path,
    packed: archives.PackedRun | None,
    name: str,
    manifest: Mapping[str, Any],
    tables: dict[str, pa.Table] | None,
) -> str | None:
    """Why a file of a run can't be trusted; a table that can goes into ``tables``."""
    facts = manifest["files"][name]
    try:
        data = _bytes(run_dir, packed, name)
    except Damaged as problem:
        return str(problem)
    if len(data) != facts.get("bytes") or sha256(data) != facts.get("sha256"):
        return f"{name} does not match its digest"
    if not name.endswith(".parquet"):
        return None
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        reason = schema_problem(name.removesuffix(".parquet"), file.schema_arrow)
        columns = [column for column in CHECKED if column in file.schema_arrow.names]
        if reason is not None:
            return reason
        table = parquet_table(file, columns if tables is None else None)
        reason = _table_problem(name, table, manifest)
    except (pa.ArrowException, OSError, ValueError) as problem:
        return f"{name} can't be read ({problem})"
    if reason is None and tables is not None:
        tables[name.removesuffix(".parquet")] = table
    return reason


def _table_problem(name: str, table: pa.Table, manifest: Mapping[str, Any]) -> str | None:
    """Why a table's values are not those of the manifest's run."""
    if table.num_rows != manifest["files"][name].get("rows"):
        return f"{name} has another number of rows than the manifest says"
    config = manifest["config"]
    return values_problem(
        name.removesuffix(".parquet"), table, config["env_id"], manifest["label"], config["seed"]
    )


# ---- reading ----


def read_table(run_dir: Path, name: str = "episodes") -> pa.Table:
    """A stored table of a valid run. Raises Damaged, or pyarrow's errors."""
    return parquet_table(pq.ParquetFile(pa.BufferReader(read_file(run_dir, f"{name}.parquet"))))


def read_file(run_dir: Path, name: str) -> bytes:
    """The bytes of a file of a valid run. Raises Damaged."""
    return _bytes(run_dir, _packed(run_dir), name)


def peek(run_dir: Path) -> tuple[dict[str, Any] | None, bool]:
    """A run's manifest as stored, and True where the files that it lists have their sizes; reads no table."""
    packed = _packed(run_dir)
    try:
        manifest = _manifest(run_dir, packed)[0]
        sizes = {name: facts["bytes"] for name, facts in manifest["files"].items()}
    except (OSError, Damaged, KeyError, TypeError, AttributeError):
        return None, False
    return manifest, all(
        (_size(run_dir / name) if packed is None else packed.sizes.get(name)) == size
        for name, size in sizes.items()
    )


def stored_runs(folder: Path) -> list[str]:
    """The paths of all runs of which something is stored below a study's folder, packed ones included."""
    folders = (path.relative_to(folder).as_posix() for path in folder.glob("runs/*/*/*") if path.is_dir())
    return sorted({*folders, *archives.runs_in(folder)})


# ---- in a folder of its own or in a pack ----


def _packed(run_dir: Path) -> archives.PackedRun | None:
    """The run in its pack, if it has no manifest in a folder of its own, which comes first."""
    return None if os.path.lexists(run_dir / MANIFEST) else archives.find(run_dir)


def _manifest(run_dir: Path, packed: archives.PackedRun | None) -> tuple[dict[str, Any], bytes]:
    """The stored manifest, and its bytes. Raises FileNotFoundError or Damaged."""
    if packed is None:
        return read_json(run_dir / MANIFEST)
    data = packed.read(MANIFEST)
    return json_object(data, MANIFEST), data


def _bytes(run_dir: Path, packed: archives.PackedRun | None, name: str) -> bytes:
    """A file of the run. Raises Damaged."""
    if packed is not None:
        return packed.read(name)
    path = run_dir / name
    if path.is_symlink() or not path.is_file():
        raise Damaged(f"{name} is missing or not a plain file")
    return path.read_bytes()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
