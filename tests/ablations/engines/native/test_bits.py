"""One source, every instruction set, the same bits: also those of processors that this machine has to emulate."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from ablations.engines.native import library

HERE = Path(__file__).parent
COMMON = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-static"]
BUILDS: dict[str, tuple[list[str], list[str]]] = {
    "AVX2": (["g++", "-mavx2", "-mfma"], []),
    "AVX512": (["g++", "-mavx512f", "-mavx512vl", "-mavx512dq", "-mfma"], []),
    "NEON": (["aarch64-linux-gnu-g++"], ["qemu-aarch64"]),
}
"""{instruction set: (compiler and its flags, what runs the program)}."""


def runs_here(name: str) -> bool:
    """Whether a program for this instruction set can be built and run here."""
    (compiler, *_), emulator = BUILDS[name]
    if not all(map(shutil.which, (compiler, *emulator))):
        return False
    native = name.lower() in {path.name.split(".")[0].lstrip("_") for path in library.built()}
    return bool(emulator) or (native and platform.machine() == "x86_64")


@pytest.mark.slow
def test_networks_train_to_the_same_bits_on_every_instruction_set_that_can_be_run_here(
    tmp_path: Path,
) -> None:
    names = [name for name in BUILDS if runs_here(name)]
    if len(names) < 2:
        pytest.skip(f"fewer than two instruction sets can be built and run here: {names}")
    printed = {}
    for name in names:
        compiler, emulator = BUILDS[name]
        program = str(tmp_path / name)
        sources = ["-I", str(Path(library.__file__).parent), str(HERE / "bits.cpp")]
        subprocess.run([*compiler, *COMMON, *sources, "-o", program], check=True, timeout=600)
        done = subprocess.run([*emulator, program], check=True, timeout=600, capture_output=True, text=True)
        printed[name] = done.stdout
    first, *others = printed.values()
    assert len(set(first.splitlines())) > 3_000
    assert "frozen" not in first
    assert "nan" not in first
    for name, other in zip(names[1:], others, strict=True):
        assert other == first, name
