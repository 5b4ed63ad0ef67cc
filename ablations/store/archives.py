"""Packs: the files of many runs, byte for byte, in one zip archive; found and read.

``packs/pack-0001.zip`` below a study's folder holds files under the paths that they have below that folder. A pack is
never changed once it has its name. A run's own folder, where there is one with a manifest, comes before any pack, and a
later pack before an earlier one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import ZipFile

from ablations.store.files import Damaged

FOLDER = "packs"
DEPTH = 4  # runs/<env>/<label>/<seed>: how far a run's folder lies below its study's
PACK = re.compile(r"pack-(\d+)(\.zip)?")
MEMBER = re.compile(r"(runs(?:/(?!\.\.?/)[^/]+){3})/([^/]+)")
"""(path of a run, name of its file); other members of an archive are none of ours."""

Signature = tuple[int, int, int]
"""(inode, size, time of change) of a pack: what a cached reading of it is good for."""


@dataclass(frozen=True)
class PackedRun:
    """A run in a pack."""

    pack: Path
    path: str
    sizes: Mapping[str, int]  # by file name

    def read(self, name: str) -> bytes:
        """The bytes of one of its files. Raises Damaged."""
        if name not in self.sizes:
            raise Damaged(f"{FOLDER}/{self.pack.name} does not hold {name}")
        try:
            return _opened(self.pack, _signature(self.pack), os.getpid()).read(f"{self.path}/{name}")
        except Exception as problem:  # damage makes zipfile and zlib raise nearly anything
            raise Damaged(f"{FOLDER}/{self.pack.name}: {name} can't be read ({problem})") from None


def find(run_dir: Path) -> PackedRun | None:
    """The run of this folder in the latest pack of its study that has it."""
    if len(run_dir.parents) < DEPTH:
        return None
    folder = run_dir.parents[DEPTH - 1]
    return runs_in(folder).get(run_dir.relative_to(folder).as_posix())


def runs_in(folder: Path) -> Mapping[str, PackedRun]:
    """Every packed run of a study by its path. Packs that can't be read are passed over: see ``unreadable``."""
    return _merged(tuple((pack, _signature(pack)) for pack in packs_of(folder)))


def packs_of(folder: Path) -> list[Path]:
    """The packs of a study, earliest first."""
    try:
        names = filter(PACK.fullmatch, os.listdir(folder / FOLDER))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / FOLDER / name for name in sorted(names, key=lambda name: (number(name), name))]


def number(name: str) -> int:
    """The number in a pack's name."""
    return int(name.removesuffix(".zip").removeprefix("pack-"))


def unreadable(folder: Path) -> dict[str, str]:
    """{``packs/<name>``: why} of the packs whose list of runs can't be read."""
    reasons = {}
    for pack in packs_of(folder):
        try:
            _runs(pack, _signature(pack))
        except Damaged as problem:
            reasons[f"{FOLDER}/{pack.name}"] = str(problem)
    return reasons


def _signature(pack: Path) -> Signature | None:
    """None where the pack is no plain file, or lies behind a link."""
    try:
        facts = pack.lstat()
    except OSError:
        return None
    plain = stat.S_ISREG(facts.st_mode) and not pack.parent.is_symlink()
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns) if plain else None


@lru_cache(maxsize=4)
def _merged(packs: tuple[tuple[Path, Signature | None], ...]) -> dict[str, PackedRun]:
    merged: dict[str, PackedRun] = {}
    for pack, signature in packs:
        try:
            merged |= _runs(pack, signature)
        except Damaged:
            continue
    return merged


@lru_cache(maxsize=256)
def _runs(pack: Path, signature: Signature | None) -> dict[str, PackedRun]:
    """The runs of a pack by path. Raises Damaged."""
    if signature is None:
        raise Damaged("it is no zip archive; packs that are folders were an earlier version's")
    try:
        members = _opened(pack, signature, os.getpid()).infolist()
    except Exception as problem:
        raise Damaged(f"its list of runs can't be read ({problem})") from None
    sizes: dict[str, dict[str, int]] = {}
    for member in members:
        if match := MEMBER.fullmatch(member.filename):
            sizes.setdefault(match[1], {})[match[2]] = member.file_size
    return {path: PackedRun(pack, path, files) for path, files in sizes.items()}


@lru_cache(maxsize=16)
def _opened(pack: Path, signature: Signature | None, process: int) -> ZipFile:
    """The open archive, each process its own: a position in a file is shared with a forked one."""
    return ZipFile(pack)
