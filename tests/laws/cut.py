"""Trainings that are cut off at a step and resumed from a checkpoint, and all there is to compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ablations import store
from ablations.dqn.learner import learn
from ablations.runner import checkpoints
from ablations.runner.machine import bit_maker
from ablations.runner.tasks import CohortJob, LaneJob
from ablations.runner.training import Training
from ablations.studies import load
from tests.configured import split

from . import toys, worlds  # noqa: F401  (registers environments)

TOTAL = 130
SETTINGS: dict[str, Any] = {
    "total_timesteps": TOTAL,
    "learning_starts": 30,
    "batch_size": 8,
    "buffer_size": 60,  # full before the end
    "learning_rate": 3e-3,
}
SWEPT: dict[str, Any] = {"reset": {"maintenance.every": [35]}, "adam-reset": {"target.period": [35]}}
"""Numbers that show within so short a training, by variant."""
RECORD = {"probe_every": 20, "eval_every": 30, "eval_episodes": 2}


def cohort(
    folder: Path,
    variant: str = "dqn",
    env_id: str = "CartPole-v1",
    seeds: Sequence[int] = (0, 1, 2),
    env_args: dict[str, Any] | None = None,
    record: dict[str, int] | None = None,
    **numbers: Any,
) -> CohortJob:
    """The job of one cohort."""
    slots, settings = split({"hidden": [16], **SETTINGS, **numbers})
    study = load.from_document(
        {
            "name": "resumed",
            "engine": worlds.ENGINE,
            "envs": [env_id],
            "seeds": list(seeds),
            "baseline": variant,
            "variants": [variant],
            "settings": settings,
            "slots": slots,
            "sweep": SWEPT.get(variant, {}),
            "record": RECORD if record is None else record,
            "env": {env_id: {"args": env_args or {}, "value_bounds": [-10.0, 60.0]}},
        }
    )
    lanes: list[LaneJob] = [
        {"path": r.path, "key": r.key, "config": dict(r.config), "attempts": 1} for r in study.runs()
    ]
    return {"folder": str(folder), "label": variant, "weights": True, "lanes": lanes, "git": {}}


def go_on(training: Training, start: int, stop: int = TOTAL) -> Training:
    """Train from one step to another, with everyone looking on."""
    for record in learn(training.learner, start):
        for recorder in training.recorders.values():
            recorder.observe(record)
        if record.step == stop:
            break
    return training


def saved(job: CohortJob, training: Training, step: int, out: Sequence[int] = ()) -> Path:
    """The checkpoint of a training at a step."""
    configs = [lane["config"] for lane in job["lanes"]]
    path = checkpoints.path_of(Path(job["folder"]), [lane["key"] for lane in job["lanes"]])
    lanes = [i for i in range(len(configs)) if i not in out]
    checkpoints.write(
        path, configs, lanes, step, training.parts(), bit_maker(job["lanes"][0]["config"]["engine"])
    )
    return path


def resumed(job: CohortJob, path: Path) -> tuple[Training, int]:
    """A new training at the step of a checkpoint."""
    training = Training(job)
    header = checkpoints.resume(
        path,
        [lane["key"] for lane in job["lanes"]],
        training.parts(),
        bit_maker(job["lanes"][0]["config"]["engine"]),
    )
    return training, header.step


def everything(job: CohortJob, training: Training, lane: int) -> dict[str, Any]:
    """All that a lane leaves and holds, for comparison to the bit."""
    config, a = job["lanes"][lane]["config"], training.learner
    stored = torch.arange(int(a.memory.size)).repeat(len(a.seeds), 1)
    tables = {
        name: store.parquet_bytes(each.table(lane, config["env_id"], job["label"], config["seed"]))
        for name, each in training.recorders.items()
    }
    tensors = {
        "online": a.online.flat,
        "minus": a.target_params,
        "first": a.optimizer.moments.first,
        "second": a.optimizer.moments.second,
    }
    return {
        **tables,
        **{name: each[lane].numpy().tobytes() for name, each in tensors.items()},
        "rows": [part[lane].numpy().tobytes() for part in a.memory.rows(stored)],
        "unfinished": training.episodes.unfinished(lane),
        "obs": np.asarray(training.envs.obs[lane]).tobytes(),
        "diverged_at": a.diverged_at.get(lane),
        "counters": (a.updates, a.envs.steps, a.memory.position, a.memory.size),
    }


def whole(job: CohortJob, training: Training) -> list[dict[str, Any]]:
    """Everything of every lane, and what it would draw next."""
    a = training.learner
    draws = [each.next().tolist() for each in (a.sampling, a.exploration, a.resets)]
    return [
        {**everything(job, training, lane), "draws": [each[lane] for each in draws]}
        for lane in range(len(job["lanes"]))
    ]
