"""One small run, as the tests of the store write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from ablations import store

CONFIG = {"env_id": "CartPole-v1", "seed": 3, "settings": {"learning_rate": 0.001, "hidden": [64, 64]}}
KEY = store.key_of(CONFIG)
PATH = store.run_path("CartPole-v1", "dqn", 3, KEY)


MANIFEST: dict[str, Any] = {"status": "ok", "key": KEY, "config": CONFIG, "label": "dqn", "steps": 30}


def episodes(count: int = 3) -> pa.Table:
    columns: dict[str, Any] = {
        "env_id": ["CartPole-v1"] * count,
        "variant": ["dqn"] * count,
        "seed": [3] * count,
        "episode": range(count),
        "global_step": [10 * (i + 1) for i in range(count)],
        "episodic_return": [10.0] * count,
        "episodic_length": [10] * count,
        "terminated": [True] * count,
        "truncated": [False] * count,
        "epsilon": [0.5] * count,
    }
    return pa.table({name: list(values) for name, values in columns.items()}, schema=store.EPISODES)


def written(folder: Path, status: str = "ok", **more: Any) -> Path:
    manifest = {**MANIFEST, "status": status, **more}
    store.write_run(folder, PATH, manifest, {"episodes": episodes()} if status in store.VALID else {})
    return folder / PATH
