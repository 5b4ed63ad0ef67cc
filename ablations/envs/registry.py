"""Registers this package's environments with Gymnasium. Whoever makes or looks up an environment imports this first."""

from __future__ import annotations

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
