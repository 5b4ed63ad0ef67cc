"""Packing: the valid runs of a study, moved into a few parquet files, and back. ``archives`` reads them.

A pack is written under a temporary name, read back and held against the digests of what went into it, synced, and given
its name in one step; only then do the runs' own files go, their manifests first. Killed at any moment, each run is
valid in its folder, in a pack, or in both; the next call goes on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ablations.store import archives, runs
from ablations.store.digests import rows_sha256, series_sha256
from ablations.store.files import Damaged, parquet_bytes, sha256, sync_folder, write_atomic
from ablations.store.schema import MANIFEST

MOST_RUNS = 1_000  # of a pack
MOST_ROWS = 5_000_000  # of a pack, about 200 MB before compression
RUNS_PER_GROUP = 50
"""Runs of a row group: what is read for one run, and what one flipped bit can cost."""

PLACES = pa.list_(
    pa.struct(
        [("name", pa.string()), ("first", pa.int64()), ("rows", pa.int64()), ("sha256", pa.string())],
    )
)
RUNS_SCHEMA = pa.schema([("path", pa.string()), ("manifest", pa.binary()), ("files", PLACES)])


class Refused(Exception):
    """What was written does not read back as what it was made from; nothing was moved."""


@dataclass
class Moved:
    """What a call did."""

    runs: int = 0
    packs: list[str] = field(default_factory=list)
    files_before: int = 0
    files_after: int = 0
    left: dict[str, str] = field(default_factory=dict)  # path -> why it stays as it is
    renewed: list[str] = field(default_factory=list)  # paths whose files have other bytes than before


class _Run(NamedTuple):
    """A valid run in its own folder, with all that it holds."""

    path: str
    manifest: bytes
    tables: dict[str, pa.Table]  # by file name
    others: dict[str, bytes]


def pack(folder: Path, order: Sequence[str]) -> Moved:
    """Move every valid run in a folder of its own into packs; those in ``order`` first, in that order.

    To be called while the study is held.
    """
    moved = Moved(files_before=count_files(folder))
    _finish(folder)
    batch: list[_Run] = []
    rows = 0
    for run in _valid_runs(folder, order, moved):
        size = sum(table.num_rows for table in run.tables.values())
        if batch and (len(batch) == MOST_RUNS or rows + size > MOST_ROWS or _differ(batch[0], run)):
            _move(folder, batch, moved)
            batch, rows = [], 0
        batch.append(run)
        rows += size
    if batch:
        _move(folder, batch, moved)
    moved.files_after = count_files(folder)
    return moved


def unpack(folder: Path) -> Moved:
    """Give every packed run a folder of its own again, and remove the packs. To be called while the study is held.

    A run whose rows can't be trusted any more stays, with its pack.
    """
    moved = Moved(files_before=count_files(folder))
    _finish(folder)
    packed_runs = archives.runs_in(folder)
    for path, run in packed_runs.items():
        if (folder / path / MANIFEST).exists():
            continue  # has been trained again since; its own folder comes first
        status = runs.inspect(folder / path)
        if status.manifest is None or status.state == "damaged":
            moved.left[path] = status.reason or status.state
            continue
        if _write_back(folder, run, status.manifest):
            moved.renewed.append(path)
        moved.runs += 1
    unsafe = {packed_runs[path].pack for path in moved.left} | {
        folder / name for name in archives.unreadable(folder)
    }
    for pack_dir in archives.packs_of(folder):
        if pack_dir not in unsafe:
            _remove_pack(pack_dir)
            moved.packs.append(f"{archives.FOLDER}/{pack_dir.name}")
    _remove_if_empty(folder / archives.FOLDER)
    moved.files_after = count_files(folder)
    return moved


def count_files(folder: Path) -> int:
    """How many files a study's runs and packs take."""
    return sum(len(files) for top in ("runs", archives.FOLDER) for _, _, files in os.walk(folder / top))


# ---- into a pack ----


def _valid_runs(folder: Path, order: Sequence[str], moved: Moved) -> Iterator[_Run]:
    """The valid runs in folders of their own."""
    rank = {path: place for place, path in enumerate(order)}
    paths = sorted(runs.stored_runs(folder), key=lambda path: (rank.get(path, len(rank)), path))
    for path in paths:
        run_dir = folder / path
        if not (run_dir / MANIFEST).is_file():
            continue
        status = runs.inspect(run_dir, path.rpartition("-")[2])
        if not status.is_valid or status.manifest is None:
            moved.left[path] = status.reason or status.state
            continue
        try:
            yield _read(run_dir, path, status.manifest)
        except Damaged as problem:
            moved.left[path] = str(problem)


def _read(run_dir: Path, path: str, manifest: Mapping[str, Any]) -> _Run:
    tables, others = {}, {}
    for name, facts in manifest["files"].items():
        data = (run_dir / name).read_bytes()
        if sha256(data) != facts["sha256"]:
            raise Damaged(f"{name} does not match its digest")
        if not name.endswith(".parquet"):
            others[name] = data
            continue
        try:
            tables[name] = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        except (pa.ArrowException, OSError) as problem:
            raise Damaged(f"{name} can't be read ({problem})") from None
        if tables[name].num_rows != facts["rows"]:
            raise Damaged(f"{name} has another number of rows than the manifest says")
    if "series_sha256" in manifest and "episodes.parquet" in tables:
        series = series_sha256(tables["episodes.parquet"])
        if series != manifest["series_sha256"]:
            raise Damaged("the series does not match series_sha256")
    return _Run(path, (run_dir / MANIFEST).read_bytes(), tables, others)


def _differ(first: _Run, run: _Run) -> bool:
    """True where a table of both has other columns in one than in the other: a pack's file has one schema."""
    shared = first.tables.keys() & run.tables.keys()
    return any(not first.tables[name].schema.equals(run.tables[name].schema) for name in shared)


def _move(folder: Path, batch: Sequence[_Run], moved: Moved) -> None:
    """Write a pack, give it its name, and remove what it holds from the runs' folders."""
    number = 1 + max((int(pack_dir.name[5:]) for pack_dir in archives.packs_of(folder)), default=0)
    final = folder / archives.FOLDER / f"pack-{number:04d}"
    temporary = final.with_name(f".{final.name}.part")
    temporary.mkdir(parents=True)
    try:
        _write(temporary, batch)
        _check(temporary, batch)
        os.rename(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(final.parent)
    for run in batch:
        _remove_run(folder, run.path, [*run.tables, *run.others])
    moved.runs += len(batch)
    moved.packs.append(f"{archives.FOLDER}/{final.name}")


def _write(pack_dir: Path, batch: Sequence[_Run]) -> None:
    """The files of a pack, its record last."""
    places: list[list[dict[str, Any]]] = [[] for _ in batch]
    rows = {}
    for name in dict.fromkeys(name for run in batch for name in run.tables):
        rows[name] = _write_tables(pack_dir / name, name, batch, places)
    if any(run.others for run in batch):
        rows[archives.FILES] = _write_others(pack_dir / archives.FILES, batch, places)
    listed = {
        "path": [run.path for run in batch],
        "manifest": [run.manifest for run in batch],
        "files": places,
    }
    pq.write_table(pa.table(listed, schema=RUNS_SCHEMA), pack_dir / archives.RUNS, compression="zstd")
    rows[archives.RUNS] = len(batch)
    files = {}
    for name, count in rows.items():
        data = (pack_dir / name).read_bytes()
        files[name] = {"sha256": sha256(data), "bytes": len(data), "rows": count}
        _sync_file(pack_dir / name)
    index = {"schema_version": archives.SCHEMA_VERSION, "files": files}
    write_atomic(pack_dir / archives.INDEX, (json.dumps(index, indent=1) + "\n").encode("ascii"))


def _write_tables(path: Path, name: str, batch: Sequence[_Run], places: list[list[dict[str, Any]]]) -> int:
    """One table of all runs, in row groups of some dozen runs; returns its number of rows.

    Only texts are encoded by dictionaries: those of numbers don't tell one NaN from another.
    """
    schema = next(run.tables[name].schema for run in batch if name in run.tables)
    texts = [part.name for part in schema if pa.types.is_string(part.type)]
    first = 0
    with pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=texts, store_schema=False
    ) as writer:
        for start in range(0, len(batch), RUNS_PER_GROUP):
            group = []
            for place, run in enumerate(batch[start : start + RUNS_PER_GROUP], start):
                if name not in run.tables:
                    continue
                table = run.tables[name]
                places[place].append(
                    {"name": name, "first": first, "rows": table.num_rows, "sha256": rows_sha256(table)}
                )
                first += table.num_rows
                group.append(table)
            whole = pa.concat_tables([schema.empty_table(), *group])
            if whole.num_rows:
                writer.write_table(whole, row_group_size=whole.num_rows)
    return first


def _write_others(path: Path, batch: Sequence[_Run], places: list[list[dict[str, Any]]]) -> int:
    """What the runs hold besides tables, as bytes; returns how many files that are."""
    lines: list[dict[str, Any]] = []
    for place, run in enumerate(batch):
        for name, data in run.others.items():
            places[place].append({"name": name, "first": len(lines), "rows": 1, "sha256": sha256(data)})
            lines.append({"path": run.path, "name": name, "data": data})
    table = pa.Table.from_pylist(lines, schema=archives.FILES_SCHEMA)
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=["path", "name"],
        write_statistics=["path", "name"],  # the least and the greatest of bytes would be whole files
        row_group_size=RUNS_PER_GROUP,
    )
    return len(lines)


def _check(pack_dir: Path, batch: Sequence[_Run]) -> None:
    """Read a pack that has just been written, as readers will, and hold it against what went into it."""
    read = archives.runs_of(pack_dir)
    for run in batch:
        packed_run = read.get(run.path)
        names = (*run.tables, *run.others)
        if (
            packed_run is None
            or packed_run.manifest != run.manifest
            or any(archives.changed(packed_run, name) for name in names)
        ):
            raise Refused(f"{run.path} does not read back from its pack as it was; nothing was moved")


def _finish(folder: Path) -> None:
    """Remove what a killed call left: half a pack, and files in runs' folders that lie in a pack as they are."""
    for stale in (folder / archives.FOLDER).glob(".*.part"):
        shutil.rmtree(stale)
    for path, run in archives.runs_in(folder).items():
        run_dir = folder / path
        if not run_dir.is_dir():
            continue
        own = run_dir / MANIFEST
        if own.exists() and own.read_bytes() != run.manifest:
            continue  # trained again since
        files = json.loads(run.manifest)["files"]
        if any(archives.problem(run, name) for name in files):
            continue
        same = [name for name, facts in files.items() if _sha256(run_dir / name) == facts["sha256"]]
        _remove_run(folder, path, same)


def _remove_run(folder: Path, path: str, names: Sequence[str]) -> None:
    """Remove files of a run that lies in a pack, the manifest first, and the folders that are empty then."""
    run_dir = folder / path
    for name in (MANIFEST, *names):
        (run_dir / name).unlink(missing_ok=True)
    for place in (run_dir, *run_dir.parents[: archives.DEPTH - 1]):
        _remove_if_empty(place)


def _remove_if_empty(place: Path) -> None:
    with suppress(OSError):
        place.rmdir()


# ---- out of a pack ----


def _write_back(folder: Path, run: archives.PackedRun, manifest: Mapping[str, Any]) -> bool:
    """Write a packed run into its own folder. Returns whether a file got other bytes than it had before packing.

    Another version of the parquet library writes the same rows as other bytes; the manifest then states those.
    """
    contents, files = {}, {}
    for name, facts in manifest["files"].items():
        data = (
            parquet_bytes(archives.table(run, name).combine_chunks())
            if name.endswith(".parquet")
            else archives.data(run, name)
        )
        contents[name] = data
        files[name] = {**facts, "sha256": sha256(data), "bytes": len(data)}
    renewed = bool(files != manifest["files"])
    text = runs.manifest_bytes({**manifest, "files": files}) if renewed else run.manifest
    runs.commit(folder / run.path, contents, text)
    return renewed


def _remove_pack(pack_dir: Path) -> None:
    """Out of sight in one step, then file by file."""
    going = pack_dir.with_name(f".{pack_dir.name}.part")
    os.rename(pack_dir, going)
    shutil.rmtree(going)


def _sha256(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes())
    except OSError:
        return None


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
