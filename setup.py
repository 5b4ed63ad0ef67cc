"""Builds the optional compiled library, one per instruction set. Everything else is in pyproject.toml."""

from __future__ import annotations

import platform
import runpy
from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("ablations/engines/native")
library = runpy.run_path(
    str(NATIVE / "library.py")
)  # by its path: the package's own needs are not installed yet
FLAGS = {
    "avx512": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx2", "-mfma"],
    "avx2": ["-mavx2", "-mfma"],
    "neon": [],
}
X86 = platform.machine().lower() in ("x86_64", "amd64")
ARM = platform.machine().lower() in ("arm64", "aarch64")

setup(
    ext_modules=[
        Extension(
            f"ablations.engines.native._{name}",
            [str(NATIVE / "kernels.cpp")],
            depends=[str(NATIVE / source) for source in library["SOURCES"]],
            # no contraction but the fma that is written down: numbers must not depend on a compiler's choice
            extra_compile_args=[
                "-std=c++17", "-O3", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden",
                f'-DSOURCE_DIGEST="{library["digest"]()}"', *FLAGS[name],
            ],
            optional=True,  # a machine without a compiler installs all the same
        )
        for name in ((["avx512", "avx2"] if X86 else []) + (["neon"] if ARM else []))
    ]
)  # fmt: skip
