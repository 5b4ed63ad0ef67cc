"""Packing: the valid runs of a study, moved into a few archives, and back. ``archives`` reads them.

A pack gets its name once it is whole and synced; then it is read back, and what it holds as it is goes from the runs'
folders, their manifests first. Killed at any moment, each run is valid in its folder, in a pack, or in both; the next
call goes on. All of it is to be called while the study is held.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ablations.store import archives, runs
from ablations.store.files import Damaged, leftovers, replacing
from ablations.store.schema import MANIFEST

MOST_RUNS = 1_000  # of a pack


@dataclass
class PackResult:
    """What a call did."""

    files_before: int
    runs: int = 0
    packs: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)  # path -> why it stays as it is


def pack(folder: Path, order: Sequence[str]) -> PackResult:
    """Move every valid run in a folder of its own into packs; those in ``order`` first, in that order."""
    result = PackResult(count_files(folder))
    _finish(folder)
    rank = {path: place for place, path in enumerate(order)}
    stored = sorted(runs.stored_runs(folder), key=lambda path: (rank.get(path, len(rank)), path))
    manifests = {}
    for path in stored:
        if not (folder / path / MANIFEST).is_file():
            continue
        status = runs.inspect(folder / path, path.rpartition("-")[2])
        if status.is_valid and status.manifest is not None:
            manifests[path] = status.manifest
        else:
            result.left[path] = status.reason or status.state
    waiting = iter(manifests.items())
    while batch := dict(islice(waiting, MOST_RUNS)):
        result.packs.append(_write(folder, batch))
        _clear(folder)
        kept = [path for path in batch if (folder / path / MANIFEST).exists()]
        result.left |= dict.fromkeys(kept, "does not read back from its pack as it was")
        result.runs += len(batch) - len(kept)
    return result


def unpack(folder: Path) -> PackResult:
    """Give every packed run a folder of its own again, and remove the packs.

    A run that can't be trusted any more stays, with its pack.
    """
    result = PackResult(count_files(folder))
    _finish(folder)
    unsafe = {folder / name for name in archives.unreadable(folder)}
    for path, run in archives.runs_in(folder).items():
        if (folder / path / MANIFEST).exists():
            continue  # has been trained again since; its own folder comes first
        status = runs.inspect(folder / path)
        if status.manifest is None or status.state == "damaged":
            result.left[path] = status.reason or status.state
            unsafe.add(run.pack)
            continue
        contents = {name: run.read(name) for name in status.manifest["files"]}
        runs.commit(folder / path, contents, run.read(MANIFEST))
        result.runs += 1
    for each in archives.packs_of(folder):
        if each not in unsafe:
            each.unlink()
            result.packs.append(f"{archives.FOLDER}/{each.name}")
    _remove_if_empty(folder / archives.FOLDER)
    return result


def count_files(folder: Path) -> int:
    """How many files a study's runs and packs take."""
    return sum(len(files) for top in ("runs", archives.FOLDER) for _, _, files in os.walk(folder / top))


def _write(folder: Path, batch: Mapping[str, Mapping[str, Any]]) -> str:
    """Write these runs, {path: manifest}, into a new pack; gives its name. Equal runs make equal bytes."""
    last = max((archives.number(each.name) for each in archives.packs_of(folder)), default=0)
    name = f"{archives.FOLDER}/pack-{last + 1:04d}.zip"
    need = sum(facts["bytes"] for manifest in batch.values() for facts in manifest["files"].values())
    with replacing(folder / name, need) as file, ZipFile(file, "w") as archive:
        for path, manifest in batch.items():
            for part in (MANIFEST, *manifest["files"]):
                member = ZipInfo(f"{path}/{part}")
                member.external_attr = 0o644 << 16  # or unzip makes files that nobody may read
                archive.writestr(member, (folder / path / part).read_bytes(), ZIP_DEFLATED)
    return name


def _finish(folder: Path) -> None:
    """Remove what a killed call left: half a pack, and files in runs' folders that lie in a pack as they are."""
    for leftover in leftovers(folder):
        leftover.unlink()
    _clear(folder)


def _clear(folder: Path) -> None:
    """Remove from runs' folders what lies in a pack as it is, and the folders that are empty then."""
    for path, run in archives.runs_in(folder).items():
        run_dir = folder / path
        if not run_dir.is_dir():
            continue
        for name in _held(run_dir, run):
            (run_dir / name).unlink()
        for place in (run_dir, *run_dir.parents[: archives.DEPTH - 1]):
            _remove_if_empty(place)


def _held(run_dir: Path, run: archives.PackedRun) -> list[str]:
    """Files of a run's folder that its pack gives back to the byte, the manifest first.

    With a manifest it is all or none: the run may have been trained again since.
    """
    names = [
        name for name in sorted(run.sizes, key=lambda name: name != MANIFEST) if (run_dir / name).is_file()
    ]
    try:
        held = [name for name in names if run.read(name) == (run_dir / name).read_bytes()]
    except Damaged:
        return []
    return [] if MANIFEST in names and len(held) < len(run.sizes) else held


def _remove_if_empty(place: Path) -> None:
    with suppress(OSError):
        place.rmdir()
