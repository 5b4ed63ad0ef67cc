"""Packs: many runs in a few parquet files, read and checked.

``packs/pack-0001`` below a study's folder holds a file for each kind of table (``episodes.parquet``, ...), the rows of
all its runs one after another; ``runs.parquet``, a line per run with its path, its manifest as it was, and where its
rows begin; ``files.parquet`` with whatever else the runs had (weights) as bytes; and ``pack.json`` with the digests of
all these. A pack is never changed once it has its name. A run's own folder, where there is one with a manifest, comes
before any pack, and a later pack before an earlier one.

A file that no longer has its digest is not given up as a whole: each run in it is then held against the digest of its
own rows.
"""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ablations.store.digests import rows_sha256

FOLDER = "packs"
INDEX = "pack.json"
RUNS = "runs.parquet"
FILES = "files.parquet"
SCHEMA_VERSION = 1
DEPTH = 4  # runs/<env>/<label>/<seed>: how far a run's folder lies below its study's

FILES_SCHEMA = pa.schema(
    [pa.field(name, kind, nullable=False) for name, kind in (("path", pa.string()), ("name", pa.string()))]
    + [pa.field("data", pa.large_binary(), nullable=False)]
)

Signature = tuple[tuple[str, int, int, int], ...]
"""(name, inode, size, time of change) of files: what a cached reading of them is good for."""


class Unreadable(Exception):
    """A pack, or a run's part of it, can't be read or trusted; the text says why."""


@dataclass(frozen=True)
class Place:
    """Place of a run's rows in the pack's file of that name."""

    first: int
    rows: int
    sha256: str  # of the rows


@dataclass(frozen=True)
class PackedRun:
    """A run in a pack."""

    pack: Path
    path: str
    manifest: bytes
    places: Mapping[str, Place]  # by file name; of a file that is no table, its row in files.parquet

    @property
    def where(self) -> str:
        """The pack's name for people."""
        return f"{FOLDER}/{self.pack.name}"


def find(run_dir: Path) -> PackedRun | None:
    """The run of this folder in the latest pack of its study that has it."""
    if len(run_dir.parents) < DEPTH:
        return None
    folder = run_dir.parents[DEPTH - 1]
    return runs_in(folder).get(run_dir.relative_to(folder).as_posix())


def runs_in(folder: Path) -> Mapping[str, PackedRun]:
    """Every packed run of a study by its path. Packs that can't be read are passed over: see ``unreadable``."""
    packs = packs_of(folder)
    return _merged(packs, tuple(_signature(pack, (INDEX, RUNS)) for pack in packs))


def packs_of(folder: Path) -> tuple[Path, ...]:
    """The packs of a study, earliest first."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder / FOLDER))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(folder / FOLDER / name for name in names if name.startswith("pack-"))


def runs_of(pack: Path) -> Mapping[str, PackedRun]:
    """The runs of one pack by path. Raises Unreadable."""
    return _runs(pack, _signature(pack, (INDEX, RUNS)))


def unreadable(folder: Path) -> dict[str, str]:
    """{``packs/<name>``: why} of the packs whose list of runs can't be trusted."""
    reasons = {}
    for pack in packs_of(folder):
        try:
            runs_of(pack)
        except Unreadable as problem:
            reasons[f"{FOLDER}/{pack.name}"] = str(problem)
    return reasons


def problem(run: PackedRun, name: str) -> str | None:
    """Why one of the run's files can't be trusted. Its own rows are read only where they must be."""
    file = file_of(name)
    if name not in run.places:
        return f"{run.where} does not hold {name}"
    signature = _signature(run.pack, (file,))
    if not signature:
        return f"{run.where}/{file} is missing or not a plain file"
    if _as_written(run.pack, file, signature):
        return None
    return changed(run, name)


def changed(run: PackedRun, name: str) -> str | None:
    """Why the run's own part of a pack's file is not what was packed."""
    file = file_of(name)
    try:
        digest = (
            rows_sha256(table(run, name)) if file != FILES else hashlib.sha256(data(run, name)).hexdigest()
        )
    except Unreadable as damage:
        return str(damage)
    return None if digest == run.places[name].sha256 else f"{run.where}/{file} does not match its digest"


def has_its_size(run: PackedRun, names: Iterable[str]) -> bool:
    """True where the pack's files that hold these files of the run are as long as when they were written."""
    signatures = {file: _signature(run.pack, (file,)) for file in map(file_of, names)}
    try:
        files = _index(run.pack)["files"] if signatures else {}
        return all(bool(each) and each[0][2] == files[file]["bytes"] for file, each in signatures.items())
    except (Unreadable, KeyError, TypeError):
        return False


def table(run: PackedRun, name: str) -> pa.Table:
    """The run's rows of a table, as its own parquet file held them. Raises Unreadable."""
    return _rows(run, name)


def data(run: PackedRun, name: str) -> bytes:
    """The bytes of a file of the run that is no table. Raises Unreadable."""
    rows = _rows(run, name)
    if rows.num_rows != 1:
        raise Unreadable(f"{run.where}/{FILES} does not hold {name}")
    content: bytes = rows.column("data")[0].as_py()
    return content


def file_of(name: str) -> str:
    """The pack's file in which a run's file of this name lies."""
    return name if name.endswith(".parquet") else FILES


def _rows(run: PackedRun, name: str) -> pa.Table:
    place, file = run.places[name], file_of(name)
    signature = _signature(run.pack, (file,))
    try:
        starts = _group_starts(run.pack, file, signature)
        group = min(bisect_right(starts, place.first) - 1, len(starts) - 2)  # -1: a file of empty tables
        return _group(run.pack, file, signature, group).slice(place.first - starts[group], place.rows)
    except (OSError, ValueError, pa.ArrowException, IndexError, KeyError) as damage:
        raise Unreadable(f"{run.where}/{file} can't be read: {str(damage).splitlines()[0]}") from None


def _signature(pack: Path, names: tuple[str, ...]) -> Signature:
    """Empty where one of the files is no plain file, or lies behind a link."""
    if pack.is_symlink() or pack.parent.is_symlink():
        return ()
    signature = []
    for name in names:
        path = pack / name
        try:
            facts = path.lstat()
        except OSError:
            return ()
        if not os.path.isfile(path) or os.path.islink(path):
            return ()
        signature.append((name, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return tuple(signature)


@lru_cache(maxsize=4)
def _merged(packs: tuple[Path, ...], signatures: tuple[Signature, ...]) -> dict[str, PackedRun]:
    merged: dict[str, PackedRun] = {}
    for pack, signature in zip(packs, signatures, strict=True):
        try:
            merged |= _runs(pack, signature)
        except Unreadable:
            continue
    return merged


@lru_cache(maxsize=256)
def _runs(pack: Path, signature: Signature) -> dict[str, PackedRun]:
    """The runs of a pack by path. Raises Unreadable where its list of runs is not what it was when it was written."""
    if not signature:
        raise Unreadable(f"{INDEX} or {RUNS} is missing or not a plain file")
    index = _index(pack)
    raw = (pack / RUNS).read_bytes()
    if index.get("schema_version") != SCHEMA_VERSION:
        raise Unreadable(f"schema version {index.get('schema_version')!r} is not known to this release")
    if hashlib.sha256(raw).hexdigest() != _stated(index, RUNS):
        raise Unreadable(f"{RUNS} does not match its digest")
    try:
        listed = pq.ParquetFile(pa.BufferReader(raw)).read(use_threads=False).to_pylist()
        return {
            line["path"]: PackedRun(
                pack,
                line["path"],
                line["manifest"],
                {part["name"]: Place(part["first"], part["rows"], part["sha256"]) for part in line["files"]},
            )
            for line in listed
        }
    except (pa.ArrowException, OSError, KeyError, TypeError) as damage:
        raise Unreadable(f"{RUNS} can't be read: {damage}") from None


@lru_cache(maxsize=4096)
def _as_written(pack: Path, file: str, signature: Signature) -> bool:
    """True while a file of the pack has its digest."""
    digest = hashlib.sha256()
    try:
        stated = _stated(_index(pack), file)
        with (pack / file).open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except (OSError, Unreadable):
        return False
    return bool(digest.hexdigest() == stated)


@lru_cache(maxsize=64)
def _group_starts(pack: Path, file: str, signature: Signature) -> list[int]:
    """First rows of a file's row groups, and the end of the last one."""
    footer = pq.ParquetFile(pack / file).metadata
    rows = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    return list(accumulate(rows, initial=0))


@lru_cache(maxsize=16)
def _group(pack: Path, file: str, signature: Signature, group: int) -> pa.Table:
    """One row group: the rows of a few dozen runs. Readers go from run to run in order, and find the next one here."""
    reader = pq.ParquetFile(pack / file)
    if group < 0:
        return reader.schema_arrow.empty_table()
    return reader.read_row_group(group)


def _index(pack: Path) -> dict[str, Any]:
    """The pack's own record. Raises Unreadable."""
    try:
        index = json.loads((pack / INDEX).read_bytes())
    except (OSError, ValueError, RecursionError) as damage:
        raise Unreadable(f"{INDEX} can't be read: {damage}") from None
    if not isinstance(index, dict):
        raise Unreadable(f"{INDEX} holds no table")
    return index


def _stated(index: Mapping[str, Any], file: str) -> Any:
    """The digest that the index states for a file; None where it states none."""
    try:
        return index["files"][file]["sha256"]
    except (KeyError, TypeError):
        return None
