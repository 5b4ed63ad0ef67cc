"""Which environments are known by name: Gymnasium's, this package's own, and those of its extras when asked for.

Importing registers this package's; ``register`` an extra's. Whoever makes or looks up an environment comes by here.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import NamedTuple

import gymnasium

WORLDS = "ablations.envs.worlds"
GRID_SIZES = (3, 5, 7, 10)
"""Sizes with ids of their own, for studies in which the grid grows."""

gymnasium.register("ablations/Grid-v0", f"{WORLDS}:grid")
gymnasium.register("ablations/Baird-v0", f"{WORLDS}:baird")
for _size in GRID_SIZES:
    for _name, _features in (("Grid", "coordinates"), ("GridTable", "onehot")):
        gymnasium.register(
            f"ablations/{_name}{_size}-v0", f"{WORLDS}:grid", kwargs={"size": _size, "features": _features}
        )


class Extra(NamedTuple):
    """Packages that bring environments whose ids begin with a namespace."""

    name: str
    """As pip knows it: ``pip install 'dqn-ablations[name]'``."""
    modules: tuple[str, ...]
    """What it installs; the first one registers its environments, on import or by ``register_envs``."""


EXTRAS = {"MinAtar": Extra("minatar", ("minatar.gym",)), "ALE": Extra("atari", ("ale_py", "cv2"))}
"""By namespace: what comes before the slash of an id."""


def missing(env_id: str) -> str | None:
    """What an id of an extra lacks here, with the line that installs it; None where nothing is missing."""
    extra = EXTRAS.get(env_id.partition("/")[0])
    if extra is None:
        return None
    lacking = [module for module in extra.modules if find_spec(module.partition(".")[0]) is None]
    if not lacking:
        return None
    return (
        f"needs the extra '{extra.name}', which is not installed: pip install 'dqn-ablations[{extra.name}]'"
    )


def register(env_id: str) -> None:
    """Make the ids of an extra known, if this is one of them and it is installed. Importing twice does nothing."""
    namespace, slash, _ = env_id.partition("/")
    if not slash or namespace not in EXTRAS or missing(env_id) or _known(namespace):
        return
    module = importlib.import_module(EXTRAS[namespace].modules[0])
    if not _known(namespace):
        module.register_envs()


def _known(namespace: str) -> bool:
    return any(each.startswith(f"{namespace}/") for each in gymnasium.registry)
