"""Hardware that cohorts are placed on: how many runs an engine trains together, where, and by which instructions.

Asked by those who cut, record and describe cohorts, so that none of them names an engine. Imports no torch by itself.
"""

from __future__ import annotations

from ablations.engines import cuda

ON_DEVICE = ("cuda",)
"""Engines whose cohorts live on the machine's one device, environments and recorders too."""
MOST_LANES = 64
"""How many runs train together at most on a processor."""


def on_device(engine: str) -> bool:
    """True where one cohort has the machine's device for itself."""
    return engine in ON_DEVICE


def most_lanes(engine: str) -> int:
    """How many runs of a row train together at most."""
    return cuda.MOST_LANES if on_device(engine) else MOST_LANES


def instruction_set(engine: str) -> str:
    """The instructions that the arithmetic of an engine, or of a path, uses here, in words."""
    if on_device(engine):
        from ablations.engines.cuda import ops

        return ops.instruction_set()
    if engine.startswith("native"):
        from ablations.engines.native import library

        return library.instruction_set()
    import torch

    return torch.backends.cpu.get_cpu_capability()
