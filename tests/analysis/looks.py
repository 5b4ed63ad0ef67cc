"""Made-up studies that are decided by looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ablations import store
from tests.analysis.made_up import Episodes, make_study, row

LOOKS = (8, 12, 16)
RANDOM = {"episodes": 100, "mean_return": 20.0, "std_return": 9.0}
LEVELS = {"dqn": 300.0, "no-replay": 150.0, "double": 300.0, "dueling": 300.0}
SPREADS = {"double": 1.0, "dueling": 200.0}


def play(row: Mapping[str, Any], seed: int, steps: int) -> Episodes:
    """no-replay is far worse than dqn, double is as dqn, and dueling may be anything."""
    luck = np.random.default_rng([seed, sum(map(ord, row["label"]))]).normal()
    level = (
        LEVELS[row["label"]] + 10 * np.random.default_rng(seed).normal() + SPREADS.get(row["label"], 5) * luck
    )
    return [(steps * place // 20, float(level)) for place in range(1, 21)]


def study_of_looks(
    folder: Path,
    rows: Sequence[str] = ("dqn", "no-replay", "double", "dueling"),
    seeds: int = LOOKS[-1],
    looks: Sequence[int] = LOOKS,
    metric: str = "auc",
    **options: Any,
) -> Path:
    """A study whose first seeds are made, with its plan and no look."""
    facts = {"random_policy": RANDOM, "value_bounds": [1.0, 100.0], **options.pop("facts", {})}
    make_study(folder, [row(name) for name in rows], seeds=seeds, play=play, facts=facts, **options)
    study = store.read_study(folder)
    store.write_study(
        folder, {**study, "decide": {"metric": metric, "alpha": 0.05, "margin": 0.05, "looks": list(looks)}}
    )
    plan = {
        "metric": metric,
        "looks": list(looks),
        "alpha": 0.05,
        "margin": 0.05,
        "flips_seed": 7,
        "environments": [{"env_id": one["env_id"], "margin": None} for one in study["environments"]],
        "rows": [{"label": one["label"], "against": one["against"]} for one in study["rows"]],
    }
    decisions = {
        "schema_version": store.DECISIONS_VERSION, "plan": plan, "plan_sha256": "0" * 64, "earlier": [], "looks": [],
    }  # fmt: skip
    store.write_decisions(folder, decisions)
    return folder
