"""Files: written whole or not at all, and JSON documents that vouch for themselves."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.store.schema import DECISIONS, READ_BY, RELEASE, STUDY, Array


class Damaged(Exception):
    """A stored file is there but can't be trusted; the text says why."""


class OtherVersion(Damaged):
    """A stored file is of a schema version that another release reads; the text names it."""


class Unwritten(OSError):
    """A file could not be written; the text names it, the reason, what it needs and what there is."""

    def __init__(self, path: Path, need: int, problem: OSError) -> None:
        super().__init__(problem.errno, problem.strerror, str(path))
        self.need = need
        self.free = _free_bytes(path)

    def __str__(self) -> str:
        free = "" if self.free is None else f", {self.free:,} are free there"
        return (
            f"{self.filename}: {self.strerror or 'cannot be written'} ({self.need:,} bytes are needed{free})"
        )


# ---- writing ----


def write_atomic(path: Path, data: bytes) -> None:
    """Temporary name, fsync, rename: at ``path`` there is the old file or the whole new one, never a part."""
    with replacing(path, len(data)) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, need: int) -> Iterator[BinaryIO]:
    """``write_atomic`` in pieces: a file that is at ``path`` after the block. ``need`` is the bytes, for messages."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as problem:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise Unwritten(path, need, problem) from None
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the file system lets a folder be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that killed runners left in a study's folder. Only who holds the study may remove them."""
    places = (
        folder.glob(f".{STUDY}.*.part"),
        folder.glob(f".{DECISIONS}.*.part"),
        folder.glob("runs/**/.*.part"),
        folder.glob("packs/.*.part"),
        folder.glob(".grid/.*.part"),
        folder.glob(".grid/checkpoints/**/.*.part"),
    )
    paths = (path for place in places for path in place)
    return sorted(path for path in paths if re.fullmatch(r"\..+\.[0-9]+\.part", path.name))


def _free_bytes(path: Path) -> int | None:
    """Free space of the file system that a file was to go to."""
    for folder in path.absolute().parents:
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


# ---- contents ----


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as a parquet file: zstd, no index, no pandas metadata; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd", store_schema=False)
    return bytes(sink.getvalue().to_pybytes())


def parquet_table(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> pa.Table:
    """The table, or some of its columns, that a parquet file holds. Raises pyarrow's errors and OSError.

    Without pyarrow's threads: the tables are small, and a process that ends while such a thread is starting aborts.
    """
    return file.read(columns, use_threads=False)


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """Plain arrays as an uncompressed ``.npz``; equal arrays give equal bytes, nothing is pickled."""
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def sha256(data: bytes) -> str:
    """The digest of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


END = "\n}\n"
"""How the text of a document ends."""


def with_digest(document: Mapping[str, Any], entry: str) -> bytes:
    """The text of a document whose last entry is the sha256 of the text without it."""
    undigested = {name: value for name, value in document.items() if name != entry}
    return _indented({**undigested, entry: sha256(_indented(undigested))})


def read_json(path: Path) -> tuple[dict[str, Any], bytes]:
    """The object in a file, and the file's bytes. Raises FileNotFoundError or Damaged."""
    data = read_plain(path)
    return json_object(data, path.name), data


def read_plain(path: Path) -> bytes:
    """The bytes of a regular file; nothing else is opened, as a pipe would be waited for. Raises as ``read_json``."""
    try:
        mode = path.lstat().st_mode
    except NotADirectoryError:
        raise FileNotFoundError(path) from None
    if not stat.S_ISREG(mode):
        kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"))
        raise Damaged(
            f"{path.name} is {next((kind for of, kind in kinds if of(mode)), 'a device or socket')}"
        )
    return path.read_bytes()


def json_or_empty(path: Path) -> dict[str, Any]:
    """The object in a file that is for looking only; an empty one where it can't be read."""
    try:
        return read_json(path)[0]
    except (OSError, Damaged):
        return {}


def json_object(data: bytes, name: str) -> dict[str, Any]:
    """The object that these bytes of a file are. Raises Damaged."""
    try:
        value = json.loads(data)
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise Damaged(f"{name} is not readable JSON ({problem})") from None
    if not isinstance(value, dict):
        raise Damaged(f"{name} holds no object")
    return value


def check_document(document: Mapping[str, Any], data: bytes, version: int, entry: str) -> None:
    """Raise Damaged unless a document, read from ``data``, has this version and the digest that ``entry`` states."""
    stored = document.get("schema_version")
    if stored != version or isinstance(stored, bool):
        raise _other_version(stored, version)
    stated = document.get(entry)
    ending = f',\n "{entry}": "{stated}"{END}'.encode("ascii", "replace")
    without = data.removesuffix(ending) + END.encode("ascii")
    if not data.endswith(ending) or sha256(without) != stated:
        raise Damaged("it does not match its own digest")


def _other_version(stored: Any, version: int) -> Damaged:
    if type(stored) is not int or stored < 1:
        return Damaged(f"schema version {stored!r} is not known to any release")
    reader = READ_BY.get(stored)
    which = f"dqn-ablations {reader}" if reader else "a newer version of dqn-ablations"
    return OtherVersion(
        f"schema version {stored} is read by {which}; this is {RELEASE}, which reads version {version}"
    )


def _indented(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")
