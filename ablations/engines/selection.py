"""Selection of an engine: which there are, which work here, and which ``engine = "auto"`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ablations.dqn.ops import op_of
from ablations.engines.native import library
from ablations.errors import few

if TYPE_CHECKING:
    from ablations.dqn.ops import Engine
    from ablations.dqn.variants import Variant

ON_PROCESSOR = ("native", "reference")
"""Those of a processor, best first: ``engine = "auto"`` takes the first that works here."""

ALL = (*ON_PROCESSOR, "cuda")

MODULES = {
    "reference": "ablations.engines.reference",
    "native": "ablations.engines.native.ops",
    "native-general": "ablations.engines.native.ops",
    "cuda": "ablations.engines.cuda.ops",
}
"""Name -> what has its functions, imported only when it is asked for."""


def of(name: str) -> Engine:
    """The engine of this name, or of the ``path`` that a key names."""
    module: Any = import_module(MODULES[name])
    return module  # type: ignore[no-any-return]


def available() -> tuple[str, ...]:
    """The engines that work here, best first."""
    return tuple(name for name in ON_PROCESSOR if not unavailable_because(name))


def unavailable_because(name: str) -> str:
    """Why an engine does not work here, or an empty text."""
    match name:
        case "native":
            return f"no compiled library: {library.missing()}" if library.missing() else ""
        case "cuda":
            return str(import_module("ablations.engines.cuda.ops").missing())
        case "reference":
            return ""
        case _:
            return "this version does not have it"


def path(engine: str, variant: Variant) -> str:
    """Whose bits a row's series are, as its key says: on ``native`` that depends on which pieces are compiled.

    "native" is the *fused* path: trunk, head, loss and optimizer are compiled. "native-general": the trunk or the
    optimizer is, and torch does the rest. "reference": neither.
    """
    if engine != "native":
        return engine
    known = {slot for slot, piece in variant if op_of(piece) is not None}
    if {"trunk", "head", "loss", "optimizer"} <= known:
        return "native"
    return "native-general" if known & {"trunk", "optimizer"} else "reference"


def notes(name: str) -> list[str]:
    """What is worth knowing of training with an engine."""
    reason = library.missing()
    return (
        [f"engine: {name}; the native one is several times faster but {reason}"]
        if name == "reference" and reason
        else []
    )
