"""Synthetic results folders, written through the real store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ablations import store
from analysis.findings.bands import EnvironmentBands, environment_bands
from analysis.findings.evidence import Evidence, collect
from analysis.loading import read
from tests.analysis.pieces import KNOWN, NAMED, NEUTRAL, Piece, described

SETTINGS: dict[str, Any] = {
    "total_timesteps": 4000,
    "learning_rate": 1e-3,
    "buffer_size": 10_000,
    "batch_size": 64,
    "gamma": 0.99,
    "learning_starts": 1000,
    "train_frequency": 1,
    "gradient_steps": 1,
    "bootstrap_truncated": True,
}

Episodes = list[tuple[int, float]]
"""(global step at the end, return) of each episode."""
Columns = Mapping[str, Sequence[Any]]


def row(
    variant: str,
    swept: Mapping[str, Any] | None = None,
    cell: Mapping[str, str] | None = None,
    **slots: Piece,
) -> dict[str, Any]:
    """A row of study.json: a named variant, or any name, with the pieces that it changes; swept numbers applied."""
    swept = dict(swept or {})
    title, changes = NAMED.get(variant, (variant, {}))
    pieces: dict[str, Piece] = {**NEUTRAL, **changes, **slots}
    settings = dict(SETTINGS)
    for key, value in swept.items():
        slot, _, number = key.partition(".")
        if number:
            pieces[slot] = {**pieces[slot], number: value}
        else:
            settings[key] = value
    return {
        "label": variant + "".join(f"@{key}={value}" for key, value in swept.items()),
        "variant": variant,
        "title": title,
        "slots": {slot: described(slot, piece) for slot, piece in pieces.items()},
        "settings": settings,
        "swept": swept,
        "sets": sorted({**changes, **slots}),
        **({"cell": dict(cell)} if cell else {}),
    }


def cell(**levels: str) -> dict[str, Any]:
    """A cell of a factorial, its levels the kinds of its pieces."""
    pieces = {slot: KNOWN[slot][kind] for slot, kind in levels.items()}
    return row("+".join(levels.values()), cell=levels, **pieces)


def against(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The baseline's row that agrees in all keys both have; of several the one at the defaults of the others."""
    baseline = rows[0]["variant"]
    if row["variant"] == baseline:
        return None
    default = SETTINGS | {
        f"{slot}.{name}": value for slot, piece in NEUTRAL.items() for name, value in piece.items()
    }
    found = [
        other
        for other in rows
        if other["variant"] == baseline
        and all(row["swept"][key] == value for key, value in other["swept"].items() if key in row["swept"])
    ]
    if len(found) > 1:
        found = [
            other
            for other in found
            if all(default[key] == value for key, value in other["swept"].items() if key not in row["swept"])
        ]
    return str(found[0]["label"]) if len(found) == 1 else None


def learn(row: Mapping[str, Any], seed: int, steps: int) -> Episodes:
    """A made-up CartPole run: returns climb towards 500 with noise; some variants climb better."""
    rng = np.random.default_rng([seed, sum(map(ord, row["label"]))])
    kinds = {slot: piece["kind"] for slot, piece in row["slots"].items()}
    top = 430.0 + 60 * rng.random()
    top *= {"latest": 0.3, "consecutive": 0.5}.get(kinds["replay"], 1.0)
    top *= {"none": 0.6}.get(kinds["target"], 1.0)
    done = 0
    episodes: Episodes = []
    while True:
        level = 20 + (top - 20) / (1 + np.exp(-10 * (done / steps - 0.45 - 0.1 * rng.standard_normal())))
        length = int(np.clip(rng.gamma(4, level / 4), 8, 500))
        done += length
        if done > steps:
            return episodes
        episodes.append((done, float(length)))


def see(row: Mapping[str, Any], seed: int, steps: int) -> dict[str, Columns]:
    """Made-up probes and evaluations, ten of each: without a target network values grow beyond bounds, and churn."""
    rng = np.random.default_rng([seed, 7])
    wild = row["slots"]["target"]["kind"] == "none"
    at = [steps * place // 10 for place in range(1, 11)]
    q = (np.arange(1, 11) * (30.0 if wild else 9.0) + rng.normal(0, 1, 10)).tolist()
    plain = dict.fromkeys(set(store.PROBES.names) - {"env_id", "variant", "seed"}, [0.5] * 10)
    if wild:
        plain |= dict.fromkeys(("churn", "action_gap"), [0.9] * 10)
    probes = {**plain, "global_step": at, "updates": at, "q_max": q, "q_mean": q, "batch_q_abs_max": q}
    evaluations = {
        "global_step": np.repeat(at, 2).tolist(),
        "episode": [0, 1] * 10,
        "start_seed": [11, 12] * 10,
        "episodic_return": np.repeat([40.0 * place for place in range(10)], 2).tolist(),
        "episodic_length": [100] * 20,
        "terminated": [True, False] * 10,
        "truncated": [False, True] * 10,
        "predicted_q": np.repeat(q, 2).tolist(),
        "discounted_return": [60.0] * 20,
        "tail_discount": [0.0, 0.01] * 10,
    }
    return {"probes": {name: probes[name] for name in store.PROBES.names[3:]}, "evaluations": evaluations}


def make_study(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    seeds: int = 3,
    envs: Sequence[str] = ("CartPole-v1",),
    steps: int = 4000,
    threshold: float | None = 475.0,
    states: Mapping[tuple[str, int], str] | None = None,
    diverged_at: int = 2000,
    play: Callable[[Mapping[str, Any], int, int], Episodes] = learn,
    name: str = "made-up",
    aliases: Iterable[Mapping[str, Any]] = (),
    left_out: Iterable[Mapping[str, str]] = (),
    look: Callable[[Mapping[str, Any], int, int], Mapping[str, Columns]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write study.json and every run whose (label, seed) isn't ``missing`` in ``states``.

    ``look`` gives the columns of probes and evaluations of a run, ``facts`` what the study knows of each environment.
    """
    states = states or {}
    shared = {**SETTINGS, "total_timesteps": steps}
    rows = [
        {"against": against(r, rows), **r, "settings": {**r["settings"], "total_timesteps": steps}}
        for r in rows
    ]
    runs = []
    for env_id in envs:
        for r in rows:
            for seed in range(seeds):
                config = {
                    "env_id": env_id,
                    "args": {},
                    "slots": {slot: piece["kind"] for slot, piece in r["slots"].items()},
                    "settings": r["settings"],
                    "seed": seed,
                    "entropy": 0,
                    "algorithm_version": 1,
                    "engine": "reference",
                    "record": {},
                }
                key = store.key_of(config)
                path = store.run_path(env_id, r["label"], seed, key)
                runs.append({"label": r["label"], "env_id": env_id, "seed": seed, "key": key, "path": path})
                state = states.get((r["label"], seed), "ok")
                if state == "missing":
                    continue
                manifest = {
                    "status": state,
                    "key": key,
                    "config": config,
                    "label": r["label"],
                    "steps": steps,
                    "unfinished": {"length": 0, "return": 0.0},
                    "diverged_at": diverged_at if state == "diverged" else None,
                    "attempts": 1,
                    "versions": {"python": "3.11", "torch": "2.13.0"},
                    "git": {"commit": "0" * 40, "dirty": False},
                    "platform": {"cpu": "made up"},
                    "lanes": seeds,
                    "wall_seconds": 1.0,
                    "cpu_seconds": 1.0,
                }
                tables = {}
                if state in store.VALID:
                    tables["episodes"] = table(env_id, r["label"], seed, play(r, seed, steps))
                    for table_name, columns in (look(r, seed, steps) if look else {}).items():
                        schema = {"probes": store.PROBES, "evaluations": store.EVALUATIONS}[table_name]
                        tables[table_name] = store.tabulate(schema, env_id, r["label"], seed, columns)
                else:
                    manifest["error"] = {
                        "type": "ValueError",
                        "message": "<b>the pole & the cart</b>",
                        "traceback": ["env.py, line 3, in step"],
                    }
                store.write_run(folder, path, manifest, tables)
    store.write_study(
        folder,
        {
            "schema_version": store.STUDY_VERSION,
            "name": name,
            "entropy": 0,
            "engine": "reference",
            "baseline": rows[0]["variant"],
            "seeds": list(range(seeds)),
            "settings": shared,
            "slots": {slot: described(slot, piece) for slot, piece in NEUTRAL.items()},
            "neutral": {slot: described(slot, piece) for slot, piece in NEUTRAL.items()},
            "record": {},
            "environments": [
                {
                    "env_id": env_id,
                    "args": {},
                    "settings": {},
                    "reward_threshold": threshold,
                    "value_bounds": None,
                    "random_policy": None,
                    **(facts or {}),
                }
                for env_id in envs
            ],
            "rows": list(rows),
            "aliases": list(aliases),
            "left_out": list(left_out),
            "runs": runs,
        },
    )
    return folder


def evidence(folder: Path) -> Evidence:
    """Everything that the stored runs of a folder say."""
    return collect(read(folder))


def bands(folder: Path, env_id: str = "CartPole-v1") -> EnvironmentBands:
    """What the figures of an environment draw."""
    found = evidence(folder)
    return environment_bands(found.results, next(one for one in found.scores if one.env_id == env_id))


def table(env_id: str, label: str, seed: int, episodes: Episodes) -> pa.Table:
    """Episodes as the recorder stores them."""
    ends = [end for end, _ in episodes]
    count = len(episodes)
    return pa.table(
        {
            "env_id": [env_id] * count,
            "variant": [label] * count,
            "seed": [seed] * count,
            "episode": list(range(count)),
            "global_step": ends,
            "episodic_return": [value for _, value in episodes],
            "episodic_length": list(np.diff([0, *ends])),
            "terminated": [True] * count,
            "truncated": [False] * count,
            "epsilon": [0.05] * count,
        },
        schema=store.EPISODES,
    )
