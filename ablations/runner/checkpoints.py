"""Checkpoints: the state of a cohort on its way, so that a run that is cut off goes on to the same bits.

A checkpoint is one ``.npz`` below ``.grid/checkpoints/``: plain arrays that lead with the lanes, and a header in JSON.
It is found by the keys of its runs, whatever cohort they are in later: lanes of one checkpoint go on together, or some
of them without the others; lanes of different checkpoints are different cohorts. What can't be trusted is refused, and
its runs start over, which gives the same bits, later.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import time
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations import store
from ablations.state import Array, Part

FOLDER = Path(".grid", "checkpoints")
FORMAT = 1
"""Raised whenever a part's state changes its meaning."""
HEADER = "header"
LENGTHS = 26
"""Where a member of a zip archive says how long its name and its extra field are: two numbers of 16 bits."""
PIECE = 2**24
"""Bytes of an array that are copied at a time, where what is written doesn't lie in one piece."""
SHARE = 0.01
"""Of a cohort's time at most this share goes into checkpoints, however large and however slow the disk."""


class Refused(Exception):
    """A checkpoint that can't be used; the text says why."""


@dataclass(frozen=True)
class Header:
    """Header of a checkpoint."""

    keys: tuple[str, ...]  # of its lanes' runs
    step: int  # environment steps that lie behind them
    maker: Mapping[str, str]  # versions and machine
    seconds: tuple[float, float]  # wall and CPU time that it took to get there
    shared: Mapping[str, Mapping[str, Any]]  # what lanes share, by part
    arrays: tuple[str, ...]  # part/name


@dataclass(frozen=True)
class Index:
    """The checkpoints of a results folder."""

    headers: Mapping[Path, Header]
    refused: Mapping[Path, str]  # why

    def best(self, keys: Iterable[str], maker: Mapping[str, str] | None = None) -> dict[str, Path]:
        """For each of these runs that has one, the checkpoint that is furthest; of this maker if there is any."""
        ranked = sorted(self.headers.items(), key=lambda item: (item[1].maker == maker, item[1].step))
        furthest = {key: path for path, header in ranked for key in header.keys}
        return {key: furthest[key] for key in keys if key in furthest}


# ---- writing --------------------------------------------------------------------------------------------------------


def path_of(folder: Path, keys: Iterable[str]) -> Path:
    """The path of the checkpoint of a cohort of these runs."""
    return folder / FOLDER / (hashlib.sha256(" ".join(sorted(keys)).encode()).hexdigest()[:16] + ".npz")


def name_of(path: Path) -> str:
    """A checkpoint as messages name it: below its results folder."""
    return (FOLDER / path.name).as_posix()


def write(
    path: Path,
    configs: Sequence[Mapping[str, Any]],
    lanes: Sequence[int],
    step: int,
    parts: Mapping[str, Part],
    maker: Mapping[str, str],
    seconds: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Write these lanes of a cohort; ``configs`` are those of all its runs, which differ in the seed alone."""
    shared: dict[str, dict[str, Any]] = {}
    arrays: dict[str, Array] = {}
    for part, each in parts.items():
        shared[part] = {}
        for name, value in each.state().items():
            if isinstance(value, int | float | str):
                shared[part][name] = value
            else:
                arrays[f"{part}/{name}"] = (
                    value if isinstance(value, np.ndarray) else value.detach().cpu().numpy()
                )
    header = {
        "format": FORMAT,
        "config": {name: value for name, value in configs[0].items() if name != "seed"},
        "seeds": [configs[lane]["seed"] for lane in lanes],
        "keys": [store.key_of(configs[lane]) for lane in lanes],
        "step": step,
        "maker": dict(maker),
        "seconds": list(seconds),
        "shared": shared,
        "arrays": list(arrays),
    }
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode("ascii"), dtype=np.uint8)
    need = sum(array.nbytes for array in arrays.values()) * len(lanes) // len(configs)
    with store.replacing(path, need) as file, zipfile.ZipFile(file, "w") as archive:
        _write_array(archive, HEADER, text, range(len(text)))
        for name, array in arrays.items():
            _write_array(archive, name, array, lanes)


def _write_array(archive: zipfile.ZipFile, name: str, array: Array, lanes: Sequence[int]) -> None:
    """Write these rows of an array as ``numpy.savez`` would; no more than a piece of it is copied."""
    if array.dtype.hasobject:
        raise TypeError(f"{name} is an array of objects")
    header = np.lib.format.header_data_from_array_1_0(array)
    header |= {"shape": (len(lanes), *array.shape[1:]), "fortran_order": False}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        if array.flags.c_contiguous and list(lanes) == list(range(len(array))):
            member.write(_bytes_of(array))
            return
        for lane in lanes:
            own = array[lane : lane + 1]
            rows = max(1, PIECE * len(own[0]) // max(1, own.nbytes)) if own.ndim > 1 else 1
            for start in range(0, own.shape[1] if own.ndim > 1 else 1, rows):
                member.write(_bytes_of(own[:, start : start + rows] if own.ndim > 1 else own))


def _bytes_of(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class Saver:
    """Writes a cohort's checkpoint whenever it is due. What can't be written stops nothing."""

    def __init__(
        self,
        folder: Path,
        configs: Sequence[Mapping[str, Any]],  # of all lanes
        minutes: float,
        maker: Mapping[str, str],
        parts: Mapping[str, Part],
        failed: Collection[int],  # lanes to leave out, because their environment raised; may grow
        seconds: Callable[[], tuple[float, float]],
    ) -> None:
        self.path = path_of(folder, map(store.key_of, configs))
        self.configs, self.maker, self.parts, self.failed = configs, maker, parts, failed
        self.seconds = seconds
        self.pause = 60.0 * minutes
        self.due = time.monotonic() + self.pause
        self.written = 0
        self.problems: list[str] = []

    def save_if_due(self, step: int) -> None:
        """Write if it is due. A slow disk makes the pauses longer, so that training keeps its time."""
        started = time.monotonic()
        if started < self.due:
            return
        lanes = [lane for lane in range(len(self.configs)) if lane not in self.failed]
        try:
            if lanes:
                write(self.path, self.configs, lanes, step, self.parts, self.maker, self.seconds())
                self.written += 1
        except store.Unwritten as problem:
            self.problems = [f"a checkpoint could not be written, training went on without: {problem}"]
        ended = time.monotonic()
        self.due = ended + max(self.pause, (ended - started) * (1 / SHARE - 1))


# ---- reading --------------------------------------------------------------------------------------------------------


def index(folder: Path, whole: bool = False) -> Index:
    """The index of a results folder. With ``whole`` every byte is read and checked, otherwise the headers alone."""
    headers: dict[Path, Header] = {}
    refused: dict[Path, str] = {}
    for path in sorted((folder / FOLDER).glob("*.npz")):
        try:
            headers[path] = read_header(path, whole)
        except FileNotFoundError:
            continue  # its cohort has just finished
        except Refused as problem:
            refused[path] = str(problem)
    return Index(headers, refused)


def read_header(path: Path, whole: bool = False) -> Header:
    """Read the header of a checkpoint. Raises Refused, or FileNotFoundError."""
    with _opened(path) as archive:
        if whole:
            _check_bytes(path)
        header = json.loads(archive[HEADER].tobytes())
        if header["format"] != FORMAT:
            raise Refused(f"it has the format {header['format']}, this version writes {FORMAT}")
        version = header["config"]["algorithm_version"]
        if version != store.ALGORITHM_VERSION:
            raise Refused(f"it is of algorithm version {version}, this is {store.ALGORITHM_VERSION}")
        stated = [store.key_of({**header["config"], "seed": seed}) for seed in header["seeds"]]
        if stated != header["keys"]:
            raise Refused("its configuration belongs to other runs than its keys")
        return Header(
            keys=tuple(header["keys"]),
            step=int(header["step"]),
            maker=dict(header["maker"]),
            seconds=(float(header["seconds"][0]), float(header["seconds"][1])),
            shared=header["shared"],
            arrays=tuple(header["arrays"]),
        )


def resume(path: Path, keys: Sequence[str], parts: Mapping[str, Part], maker: Mapping[str, str]) -> Header:
    """Bring a new cohort, made of these runs in this order, to where the checkpoint was written.

    Raises Refused; the parts are then in no state to be used.
    """
    try:
        header = read_header(path, whole=True)
        _check_maker(header.maker, maker)
        lanes = [header.keys.index(key) for key in keys]
        with _opened(path) as archive:
            members: dict[str, dict[str, zipfile.ZipInfo]] = {part: {} for part in header.shared}
            for name in header.arrays:
                part, _, field = name.partition("/")
                members[part][field] = archive.zip.getinfo(f"{name}.npy")
            if members.keys() != parts.keys():
                raise Refused("it holds other parts than this version")
            for part, fields in members.items():  # one by one: what is read of one is let go before the next
                arrays = {field: _read_array(archive.zip, member, lanes) for field, member in fields.items()}
                _restore(parts[part], {**header.shared[part], **arrays})
    except FileNotFoundError:
        raise Refused("it is gone") from None
    except ValueError:
        raise Refused("it does not hold all of these runs") from None
    return header


def _restore(part: Part, state: Mapping[str, Any]) -> None:
    try:
        part.restore(state)
    except Exception as problem:  # also whatever a foreign environment raises
        raise Refused(f"it could not be resumed: {type(problem).__name__}: {problem}") from problem


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, lanes: Sequence[int]) -> Array:
    """These rows of an array. A large one stays in the file, from where it is copied to its place."""
    with archive.open(info) as member:
        if info.file_size < PIECE or info.compress_type != zipfile.ZIP_STORED:
            array: Array = np.lib.format.read_array(member, allow_pickle=False)
            return array[lanes]
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{info.filename} is of another version of the format")
        shape, turned, dtype = np.lib.format.read_array_header_1_0(member)
        start = member.tell()
    if dtype.hasobject or turned or start + math.prod(shape) * dtype.itemsize != info.file_size:
        raise ValueError(f"{info.filename} is no plain array of its size")
    assert archive.filename is not None
    with open(archive.filename, "rb") as file:
        file.seek(info.header_offset + LENGTHS)
        start += info.header_offset + LENGTHS + 4 + sum(struct.unpack("<HH", file.read(4)))
        array = np.asarray(np.memmap(file, dtype, "c", start, shape))
    return array if lanes == list(range(len(array))) else array[lanes]


def remove_complete(folder: Path, complete: Collection[str]) -> None:
    """Remove the checkpoints all of whose runs are complete. Under the lock."""
    for path, header in index(folder).headers.items():
        if set(header.keys) <= set(complete):
            remove(path)


def remove(path: Path) -> None:
    """Remove a checkpoint that has served its purpose. One that can't be removed costs nothing but its place."""
    with suppress(OSError):
        path.unlink()


def _check_maker(theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Other versions or another processor may give other bits: the two halves of a run would not fit."""
    changed = [name for name in ours if theirs.get(name) != ours[name]]
    if changed:
        what = ", ".join(f"{name} {theirs.get(name)} (here {ours[name]})" for name in changed)
        raise Refused(f"it was written elsewhere, with {what}")


def _check_bytes(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise Refused(f"damaged: {damaged} does not match its check sum")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays of a file; whatever goes wrong inside of the block is the file's fault."""
    if path.is_symlink():
        raise Refused("it is a link, not a file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            yield archive
    except (Refused, FileNotFoundError):
        raise
    except Exception as problem:  # a damaged archive makes zipfile and numpy raise almost anything
        raise Refused(f"damaged: {type(problem).__name__}: {problem}") from None
