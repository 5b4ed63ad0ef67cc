"""Finds, checks and binds the compiled library. Imports no torch."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
from ctypes import CDLL, POINTER, Structure, c_char_p, c_double, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCES = (
    "simd.hpp", "functions.hpp", "products.hpp", "layers.hpp", "convolutions.hpp", "network.hpp", "heads.hpp",
    "losses.hpp", "distributions.hpp", "rules.hpp", "descent.hpp", "bootstrap.hpp", "exploration.hpp", "stepping.hpp",
    "storage.hpp", "kernels.cpp",
)  # fmt: skip
NEEDS = {
    "avx512": {"avx512f", "avx512vl", "avx512dq", "fma"},
    "avx2": {"avx2", "fma"},
    "neon": {"neon"},
}
"""What a processor must have for the library of this name, best first."""


class LayerSpec(Structure):
    """A layer: see layers.hpp."""

    _fields_ = [
        (name, c_int64)
        for name in (
            "input", "inputs", "outputs", "relu", "transposed", "weight", "bias", "gain", "shift",
            "height", "width", "channels", "kernel", "stride",
        )
    ]  # fmt: skip


class Bins(Structure):
    """What an action's outputs stand for: see distributions.hpp."""

    _fields_ = [("count", c_int64), *((name, c_double) for name in ("low", "high", "sigma"))]


class MunchausenArguments(Structure):
    """The numbers of a bootstrap: see bootstrap.hpp."""

    _fields_ = [(name, c_double) for name in ("alpha", "tau", "clip")]


class DescentArguments(Structure):
    """One update of every lane: ``Descent`` in descent.hpp."""

    _fields_ = [
        *((name, c_int64) for name in ("lanes", "batch", "stride")),
        *(
            (name, c_void_p)
            for name in ("theta", "first", "second", "grad", "updates", "frozen_at", "count", "obs")
        ),
        *((name, c_int64) for name in ("obs_lane", "obs_row", "shown")),
        *((name, c_void_p) for name in ("action", "y", "weight", "q", "delta", "by_output", "by_delta")),
        *((name, c_void_p) for name in ("loss", "norm", "largest")),
        *((name, c_int64) for name in ("loss_kind", "rule_kind", "centered")),
        *((name, c_double) for name in ("learning_rate", "eps", "max_norm", "decay")),
    ]


class FramesArguments(Structure):
    """Images of a memory: ``Frames`` in storage.hpp."""

    _fields_ = [
        *((name, c_void_p) for name in ("frames", "aside")),
        *(
            (name, c_int64)
            for name in (
                "slots", "others", "lanes", "capacity", "count", "stack", "padded", "positions", "bytes",
            )
        ),
        *((name, c_void_p) for name in ("last", "age")),
    ]  # fmt: skip


class SteppingArguments(Structure):
    """An environment step of every lane: ``Stepping`` in stepping.hpp."""

    _fields_ = [
        *((name, c_int64) for name in ("lanes", "features", "numbers")),
        *((name, c_void_p) for name in ("action", "states", "cos", "sin", "moved", "reward", "terminated")),
        *(
            (name, c_void_p)
            for name in ("truncated", "next_obs", "obs", "elapsed", "used", "starts", "first_obs")
        ),
        *((name, c_int64) for name in ("block", "limit", "sutton_barto")),
    ]


_I, _P = c_int64, c_void_p
_Signature = tuple[Any, list[Any]]
_BY_TYPE: dict[str, _Signature] = {
    "model_new": (c_void_p, [POINTER(LayerSpec), _I, _I, _I, _I, _I, POINTER(Bins)]),
    "model_free": (None, [_P]),
    "model_outputs": (None, [_P, _I, _I, _P, _I, _P, _I, _I, _I, _P, _I, _I]),
    "model_descend": (c_int, [_P, POINTER(DescentArguments)]),
    "model_forward": (c_int, [_P, POINTER(DescentArguments)]),
    "model_backward": (None, [_P, POINTER(DescentArguments)]),
    "model_through": (None, [_P, _I, _I, _P, _I, _P, _I, _I, _P, _P, _P, _P]),
    "compare": (c_int, [POINTER(DescentArguments), _I]),
    "penalize": (None, [POINTER(DescentArguments), _P]),
    "by_values": (None, [POINTER(DescentArguments), _I, _P, _P]),
    "rule_step": (None, [POINTER(DescentArguments)]),
    "ring_put": (None, [_P, _I, _I, _I, _I, _I, _P, _P, _P, _P, _P, _P]),
    "ring_take": (c_int, [_P, _I, _I, _I, _P, _I, _I, _P, _P, _P, _P, _P, _P]),
    "ring_windows": (c_int, [_P, _I, _I, _I, _P, _I, _I, _I, _I, _P, _P, _P, _P, _P]),
    "greedy": (None, [_I, _I, _P, _P, _P, _P, _P]),
    "munchausen": (c_int, [POINTER(MunchausenArguments), _I, _I, _I, _P, _P, _P, _P, _P]),
    "epsilon_greedy": (None, [_P, _I, _I, _P, c_double, _P]),
}
_SIGNATURES: dict[str, _Signature] = {
    "instruction_set": (c_char_p, []),
    "source_digest": (c_char_p, []),
    "peak_f32": (c_double, [_I]),
    "step_cartpole": (None, [POINTER(SteppingArguments)]),
    "step_on": (c_int64, [POINTER(SteppingArguments)]),
    "frames_take": (c_int, [POINTER(FramesArguments), _P, _I, c_int, _P]),
    "tree_put_one": (c_int, [_P, _I, _I, _I, _P]),
    "tree_set_many": (c_int, [_P, _I, _I, _P, _I, _P]),
    "tree_find_many": (None, [_P, _I, _I, _P, _I, _P]),
    **{f"{name}_{kind}": signature for kind in ("f32", "f64") for name, signature in _BY_TYPE.items()},
}


class Unusable(Exception):
    """There is no compiled library that works here; the text says why and what to do."""


CHOICE = "ABLATIONS_NATIVE"
"""Environment variable: the library to load whatever the processor, for tests and sanitisers."""


@cache
def load() -> CDLL:
    """The bound library for this processor. Raises ``Unusable``."""
    reasons = []
    for path in [Path(os.environ[CHOICE])] if CHOICE in os.environ else built():
        try:
            return bind(path)
        except (OSError, AttributeError, Unusable) as problem:
            reasons.append(f"{path.name}: {problem}")
    raise Unusable("; ".join(reasons) or "it was not built here (a C++ compiler is needed at installation)")


def built() -> list[Path]:
    """The libraries that were built here and suit this processor, best first."""
    features = _features()
    names = [name for name, needed in NEEDS.items() if needed <= features]
    return [path for name in names for path in sorted(HERE.glob(f"_{name}*.so"))]


@cache
def missing() -> str:
    """Why there is no compiled library here, or an empty text."""
    try:
        load()
    except Unusable as problem:
        return str(problem)
    return ""


def instruction_set() -> str:
    """What the loaded library was built for: "AVX512", "AVX2" or "NEON"."""
    name: bytes = load().instruction_set()
    return name.decode()


def digest(folder: Path = HERE) -> str:
    """The digest of the sources, or an empty text where they are not installed."""
    try:
        return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()[:16]
    except OSError:
        return ""


def bind(path: Path) -> CDLL:
    """The library with its signatures. Raises ``OSError``, ``AttributeError`` or ``Unusable``."""
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    built_from = library.source_digest().decode()
    if digest() not in ("", built_from):
        raise Unusable("it was built from other sources than those beside it; install again (make setup)")
    return library


def _features() -> set[str]:
    """What the processor can do, in the words of /proc/cpuinfo."""
    machine = platform.machine().lower()
    if machine in ("arm64", "aarch64"):
        return {"neon"}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return set(line.split())
    except OSError:
        pass
    # no such file: macOS. Its Intel machines of the last ten years have AVX2
    return {"avx2", "fma"} if machine == "x86_64" and platform.system() == "Darwin" else set()
