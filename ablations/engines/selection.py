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
    "cuda": "ablations.engines.cuda.ops",
}
"""Name -> what has its functions, imported only when it is asked for."""


def of(name: str) -> Engine:
    """The engine of this name."""
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


def notes(name: str, variants: Mapping[str, Variant]) -> list[str]:
    """What is worth knowing of training these rows ({label: variant}) with an engine."""
    if name == "reference":
        reason = library.missing()
        return [f"engine: {name}; the native one is several times faster but {reason}"] if reason else []
    strange = (
        [] if name != "native" else [label for label, variant in variants.items() if not compiles(variant)]
    )
    if not strange:
        return []
    return [
        f"{few(strange)}: a trunk, head, loss or optimizer that the native engine has not compiled; it is computed by "
        "the reference"
    ]


def compiles(variant: Variant) -> bool:
    """Whether the native engine knows all that an update computes with: trunk, head, loss and optimizer."""
    return all(
        op_of(piece) is not None for piece in (variant.trunk, variant.head, variant.loss, variant.optimizer)
    )
