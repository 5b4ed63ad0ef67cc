"""Selection of an engine: which there are, which work here, and which ``engine = "auto"`` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def refusals(name: str, environments: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(key of a study, sentence) for each environment {id: arguments} that the engine can't step."""
    if name in ON_PROCESSOR:
        return
    yield from import_module("ablations.engines.cuda").refusals(environments)


COMPILED = ("trunk", "head", "loss", "optimizer")
"""The slots whose pieces may have bodies that an update is compiled of."""


def path(engine: str, variant: Variant) -> str:
    """Whose bits a row's series are, as its key says: on ``native`` that depends on which pieces are compiled.

    "native" is the *fused* path: all of ``COMPILED`` are. "native-general": the trunk or the optimizer is, and torch
    does the rest. "reference": neither.
    """
    if engine != "native":
        return engine
    plain = in_torch(variant)
    if not plain:
        return "native"
    return "reference" if {"trunk", "optimizer"} <= set(plain) else "native-general"


def in_torch(variant: Variant) -> tuple[str, ...]:
    """The slots of an update whose pieces have no compiled body."""
    return tuple(slot for slot, piece in variant if slot in COMPILED and op_of(piece) is None)


def notes(name: str, variants: Mapping[str, Variant]) -> list[str]:
    """What is worth knowing of training these rows ({label: variant}) with an engine."""
    if name == "reference":
        reason = library.missing()
        return [f"engine: {name}; the native one is several times faster but {reason}"] if reason else []
    rows: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for label, variant in variants.items():
        if (taken := path(name, variant)) != name:
            rows.setdefault((taken, in_torch(variant)), []).append(label)
    return [
        f"{few(labels)}: path {taken}; {', '.join(slots)} without a compiled body, computed in torch"
        for (taken, slots), labels in rows.items()
    ]
