"""The schema of results and the run protocol: what is stored, where, and when it stands. Imports no torch.

A run's folder holds parquet tables and ``manifest.json``, which is written last and is the commit record. A run stands
when its manifest parses, its schema is known, its digests match (its files' and its own) and its status is ``ok``
or ``diverged``.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ablations.store import archives, upgrades
from ablations.store.digests import series_sha256 as series_sha256

SCHEMA_VERSION = 2
"""Of manifests. What earlier versions wrote is read through ``ablations.store.upgrades``."""
STUDY_VERSION = 2
"""Of study.json."""
SIGNED_SINCE = 2
"""The first version of manifests, and of study.json, that carries its own digest."""
ALGORITHM_VERSION = 1
"""Raised whenever the same configuration would give other numbers than before; it is part of every key."""

VALID = ("ok", "diverged")
ATTEMPTS = ("failed", "died", "timeout")
MANIFEST = "manifest.json"
WEIGHTS = "weights.npz"
STUDY = "study.json"
SIGNATURE = "manifest_sha256"
STUDY_SIGNATURE = "study_sha256"

Array = npt.NDArray[Any]


def _schema(**columns: pa.DataType) -> pa.Schema:
    """A table's columns after those that say whose row it is."""
    who = {"env_id": pa.string(), "variant": pa.string(), "seed": pa.int64()}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in (who | columns).items()])


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


class Damaged(Exception):
    """A stored file is there but can't be trusted; the text says why."""


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


@dataclass(frozen=True)
class RunStatus:
    """What a run's folder holds: ``state`` is a status, ``missing`` or ``damaged`` (then ``reason`` says why)."""

    state: str
    reason: str = ""
    manifest: Mapping[str, Any] | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the run's result counts."""
        return self.state in VALID


# ---- names ----------------------------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """The one JSON text of a value, on which keys rest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def key_of(config: Mapping[str, Any]) -> str:
    """The first 12 hex digits of sha256 over the canonical JSON of a run's configuration."""
    return hashlib.sha256(canonical(config).encode("ascii")).hexdigest()[:12]


def env_folder(env_id: str) -> str:
    """An environment's id as the name of one folder or the beginning of a file's name."""
    return env_id.replace("/", "__")


def run_path(env_id: str, label: str, seed: int, key: str) -> str:
    """Where a run lies below its study's folder, with forward slashes."""
    return f"runs/{env_folder(env_id)}/{label}/seed-{seed:04d}-{key}"


# ---- writing --------------------------------------------------------------------------------------------------------


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


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that killed runners left in a study's folder. Only who holds the study may remove them."""
    places = (
        folder.glob(f".{STUDY}.*.part"),
        folder.glob("runs/**/.*.part"),
        folder.glob(".grid/.*.part"),
        folder.glob(".grid/checkpoints/**/.*.part"),
    )
    found = (path for place in places for path in place)
    return sorted(path for path in found if re.fullmatch(r"\..+\.[0-9]+\.part", path.name))


def write_study(folder: Path, study: Mapping[str, Any]) -> None:
    """Store the resolved study; an equal file is left untouched."""
    data = _with_digest(study, STUDY_SIGNATURE)
    path = folder / STUDY
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)


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
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": rows}
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
    return _with_digest(manifest, SIGNATURE)


def _with_digest(document: Mapping[str, Any], entry: str) -> bytes:
    """The text of a document whose last entry is the sha256 of the text without it."""
    unsigned = {name: value for name, value in document.items() if name != entry}
    digest = hashlib.sha256(_indented(unsigned)).hexdigest()
    return _indented({**unsigned, entry: digest})


def _indented(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as a parquet file: zstd, no index, no pandas metadata; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd", store_schema=False)
    return bytes(sink.getvalue().to_pybytes())


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """Plain arrays as an uncompressed ``.npz``; equal arrays give equal bytes, nothing is pickled."""
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def tabulate(
    schema: pa.Schema, env_id: str, variant: str, seed: int, columns: Mapping[str, Sequence[Any]]
) -> pa.Table:
    """A run's rows in a stored schema. No columns at all make an empty table."""
    count = len(next(iter(columns.values()), ()))
    who = {"env_id": [env_id] * count, "variant": [variant] * count, "seed": [seed] * count}
    return pa.table(who | dict(columns), schema=schema) if count else schema.empty_table()


# ---- reading --------------------------------------------------------------------------------------------------------


def read_study(folder: Path) -> dict[str, Any]:
    """The resolved study of a results folder. Raises FileNotFoundError or Damaged."""
    stored, data = _read_json(folder / STUDY)
    study = upgrades.upgraded(stored, STUDY_VERSION, upgrades.STUDY)
    if study is None:
        raise Damaged(_unknown_schema(stored))
    if stored["schema_version"] >= SIGNED_SINCE and not _signed(stored, data, STUDY_SIGNATURE):
        raise Damaged("the file does not match its own digest")
    problem = _study_problem(study)
    if problem:
        raise Damaged(problem)
    return {name: value for name, value in study.items() if name != STUDY_SIGNATURE}


_ENTRIES: dict[str, dict[str, type]] = {
    "runs": {"label": str, "env_id": str, "seed": int, "key": str, "path": str},
    "rows": {"label": str},
    "environments": {"env_id": str},
}
"""What every entry of study.json's lists has."""
_SCORE = {"episodes", "mean_return", "std_return"}
"""What the score of a random policy may hold."""


def _study_problem(study: Mapping[str, Any]) -> str:
    """Why a stored study can't be relied on, or an empty text."""
    if not isinstance(study.get("runs"), list) or not isinstance(study.get("rows"), list):
        return "the file lists no runs or no rows"
    for part, needed in _ENTRIES.items():
        for entry in study.get(part, ()):
            if not isinstance(entry, dict) or not all(isinstance(entry.get(k), v) for k, v in needed.items()):
                return f"an entry of '{part}' lacks one of {', '.join(needed)}"
    scores = (env.get("random_policy") for env in study.get("environments", ()))
    if not all(score is None or _is_score(score) for score in scores):
        return "the score of a random policy is none"
    return ""


def _is_score(score: Any) -> bool:
    return (
        isinstance(score, dict)
        and set(score) <= _SCORE
        and all(isinstance(number, int | float) and math.isfinite(number) for number in score.values())
    )


def inspect(run_dir: Path, key: str | None = None) -> RunStatus:
    """What stands of a run, in its folder or in a pack. With ``key``, the manifest must belong to it."""
    link = next((place for place in (run_dir, *list(run_dir.parents)[:3]) if place.is_symlink()), None)
    if link is not None:
        return RunStatus("damaged", f"{link.name} is a link")
    try:
        stored, data = _read_json(run_dir / MANIFEST)
    except FileNotFoundError:
        in_pack = archives.find(run_dir)
        if in_pack is not None:
            return _inspect_packed(in_pack, key)
        leftovers = run_dir.is_dir() and any(run_dir.iterdir())
        return RunStatus("damaged", "files without a manifest") if leftovers else RunStatus("missing")
    except Damaged as problem:
        return RunStatus("damaged", str(problem))
    return _standing(stored, data, key, lambda name, facts: _file_problem(run_dir, name, facts))


def read_table(run_dir: Path, name: str = "episodes") -> pa.Table:
    """A stored table of a run that stands. Raises Damaged where a pack can't be read any more."""
    in_pack = _packed(run_dir)
    if in_pack is None:
        return pq.read_table(run_dir / f"{name}.parquet", partitioning=None)
    try:
        return archives.table(in_pack, f"{name}.parquet")
    except archives.Unreadable as problem:
        raise Damaged(str(problem)) from None


def read_file(run_dir: Path, name: str) -> bytes:
    """The bytes of a file, which is no table, of a run that stands. Raises Damaged as ``read_table`` does."""
    in_pack = _packed(run_dir)
    if in_pack is None:
        return (run_dir / name).read_bytes()
    try:
        return archives.data(in_pack, name)
    except archives.Unreadable as problem:
        raise Damaged(str(problem)) from None


def peek(run_dir: Path) -> tuple[dict[str, Any] | None, bool]:
    """A run's manifest as it lies there, and whether the files that it lists have their sizes; reads no table."""
    in_pack = _packed(run_dir)
    try:
        manifest = (
            _read_json(run_dir / MANIFEST)[0] if in_pack is None else _table_of(in_pack.manifest, MANIFEST)
        )
        sizes = {name: facts["bytes"] for name, facts in manifest["files"].items()}
    except (OSError, Damaged, KeyError, TypeError, AttributeError):
        return None, False
    if in_pack is not None:
        return manifest, archives.has_its_size(in_pack, list(sizes))
    return manifest, all(_size(run_dir / name) == size for name, size in sizes.items())


def stored_runs(folder: Path) -> list[str]:
    """The paths of all runs of which something is stored below a study's folder, packed ones included."""
    folders = (path.relative_to(folder).as_posix() for path in folder.glob("runs/*/*/*") if path.is_dir())
    return sorted({*folders, *archives.runs_in(folder)})


def _packed(run_dir: Path) -> archives.PackedRun | None:
    """The run in its pack, if that is what stands for it: a manifest in the run's own folder comes first."""
    return None if (run_dir / MANIFEST).exists() else archives.find(run_dir)


def _inspect_packed(run: archives.PackedRun, key: str | None) -> RunStatus:
    try:
        stored = _table_of(run.manifest, MANIFEST)
    except Damaged as problem:
        return RunStatus("damaged", str(problem))
    return _standing(
        stored,
        run.manifest,
        key,
        lambda name, facts: _name_problem(name, facts) or archives.problem(run, name),
    )


def _standing(
    stored: dict[str, Any], data: bytes, key: str | None, file_problem: Callable[[str, Any], str]
) -> RunStatus:
    """What a manifest, read from ``data``, stands for. ``file_problem`` says what is wrong with a file it lists."""
    manifest = upgrades.upgraded(stored, SCHEMA_VERSION, upgrades.MANIFEST)
    if manifest is None:
        return RunStatus("damaged", _unknown_schema(stored))
    if stored["schema_version"] >= SIGNED_SINCE and not _signed(stored, data, SIGNATURE):
        return RunStatus("damaged", "the manifest does not match its own digest", manifest)
    reason = _why_not(manifest, key, file_problem)
    if reason:
        return RunStatus("damaged", reason, manifest)
    return RunStatus(manifest["status"], "", manifest)


def _why_not(manifest: Mapping[str, Any], key: str | None, file_problem: Callable[[str, Any], str]) -> str:
    """Why a manifest can't be trusted, or an empty text."""
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
    for name, facts in files.items():
        wrong = file_problem(name, facts)
        if wrong:
            return wrong
    return ""


def _name_problem(name: str, facts: Any) -> str:
    if not re.fullmatch(r"[a-z_]+\.(parquet|npz)", name) or not isinstance(facts, dict):
        return f"the manifest lists a strange file {name!r}"
    return ""


def _file_problem(run_dir: Path, name: str, facts: Any) -> str:
    if strange := _name_problem(name, facts):
        return strange
    path = run_dir / name
    if path.is_symlink() or not path.is_file():
        return f"{name} is missing or not a plain file"
    data = path.read_bytes()
    if len(data) != facts.get("bytes") or hashlib.sha256(data).hexdigest() != facts.get("sha256"):
        return f"{name} does not match its digest"
    return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _signed(document: Mapping[str, Any], data: bytes, entry: str) -> bool:
    """Is this text, to the byte, what its entries would be written as, their digest included?"""
    try:
        return data == _with_digest(document, entry)
    except (ValueError, RecursionError):
        return False


def _unknown_schema(document: Mapping[str, Any]) -> str:
    return f"schema version {document.get('schema_version')!r} is not known to this version"


def _read_json(path: Path) -> tuple[dict[str, Any], bytes]:
    """The table in a file, and the file's bytes. Raises FileNotFoundError or Damaged."""
    if path.is_symlink():
        raise Damaged(f"{path.name} is a link")
    try:
        data = path.read_bytes()
    except NotADirectoryError:
        raise FileNotFoundError(path) from None
    except IsADirectoryError:
        raise Damaged(f"{path.name} is a folder") from None
    return _table_of(data, path.name), data


def _table_of(data: bytes, name: str) -> dict[str, Any]:
    """The table that these bytes of a file are. Raises Damaged."""
    try:
        value = json.loads(data)
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise Damaged(f"{name} is not readable JSON ({problem})") from None
    if not isinstance(value, dict):
        raise Damaged(f"{name} holds no table")
    return value


def _free_bytes(path: Path) -> int | None:
    """How much room there is where a file was to go."""
    for folder in path.absolute().parents:
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


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
