"""The source of an environment: which files' code it is, by digest. Imports nothing by name when it looks again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CALLS = ("reset", "step")
FRAMEWORK = "gymnasium"
"""Whose own classes are not looked at, but for an environment's: its version says what they are."""


def source_of(env_id: str, env: Any) -> dict[str, Any]:
    """{"modules": {name: sha256 of its file}, "package": name, "version": version or None}, as manifests have it.

    The modules are those of the environment's class, of its bases and of its wrappers, where they are not Gymnasium's,
    and those that its id and its registration name.
    """
    own = type(env.unwrapped).__module__
    named = [env_id.partition(":")[0]] if ":" in env_id else []
    entry_point = env.spec.entry_point if env.spec is not None else None
    named.append(
        entry_point.partition(":")[0]
        if isinstance(entry_point, str)
        else getattr(entry_point, "__module__", "")
    )
    classes = [kind for layer in layers(env) for kind in type(layer).__mro__]
    found = [own, *named, *(kind.__module__ for kind in classes)]
    digests = {name: digest_of(name) for name in found if name == own or _is_foreign(name)}
    package = own.partition(".")[0]
    return {
        "modules": {name: digest for name, digest in sorted(digests.items()) if digest is not None},
        "package": package,
        "version": version_of(package),
    }


def digest_of(module: str) -> str | None:
    """The sha256 of a module's file; None where there is none to be found. The module is not imported."""
    spec = _spec(module)
    if spec is None or spec.origin is None:
        return None
    try:
        return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
    except OSError:
        return None


def version_of(package: str) -> str | None:
    """The version of an installed package; None where nothing of this name is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def layers(env: Any) -> Iterator[Any]:
    """An environment, from its outermost wrapper inwards to the environment itself."""
    yield env
    # what an environment calls its env may be a simulator, a name or anything else, which is not asked for anything
    while all(hasattr(type(inner := getattr(env, "__dict__", {}).get("env")), name) for name in CALLS):
        yield (env := inner)


def _is_foreign(module: str) -> bool:
    top = module.partition(".")[0]
    return bool(top) and top != FRAMEWORK and top not in sys.stdlib_module_names


def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies, found as an import would find it; packages above it are not imported either."""
    places, spec = None, None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:end]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    return spec
