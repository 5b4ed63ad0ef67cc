"""The machine and the libraries behind a result: what may change its last bit."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ablations.engines.hardware import instruction_set

PACKAGES = ("torch", "numpy", "gymnasium", "pyarrow", "pandas")
BIT_MAKERS = ("torch", "numpy", "gymnasium", "system", "machine", "instruction_set")


def bit_maker(engine: str) -> dict[str, str]:
    """The facts that, besides the configuration, decide bits: the two halves of a run must have them in common."""
    facts = {**versions(), **platform_facts(engine)}
    return {name: facts[name] for name in BIT_MAKERS}


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    by_name = {"python": platform.python_version()}
    for name in PACKAGES:
        by_name[name] = version(name)
    try:
        by_name["ablations"] = version("dqn-ablations")
    except PackageNotFoundError:  # run from a checkout that is not installed
        by_name["ablations"] = "not installed"
    return by_name


def platform_facts(engine: str) -> dict[str, Any]:
    """The machine in words."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "instruction_set": instruction_set(engine),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
