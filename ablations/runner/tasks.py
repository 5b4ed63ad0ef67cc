"""Tasks: what an executor carries out, as plain JSON, so that it can travel to a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from ablations.runner.executors import Task
from ablations.store import RunStatus
from ablations.studies.study import Run, Study


class LaneJob(TypedDict):
    """One run of a cohort."""

    path: str  # below the study's folder
    key: str
    config: dict[str, Any]
    attempts: int  # including this one
    done: NotRequired[int]  # steps that lie behind it in a checkpoint, as far as the driver knows


class CohortJob(TypedDict):
    """Runs whose configurations differ in the seed alone."""

    folder: str  # the study's folder
    label: str
    weights: bool  # final weights are stored
    lanes: list[LaneJob]
    git: dict[str, Any]
    pieces_folder: NotRequired[str]  # where the files lie that the configuration names
    events: NotRequired[bool]  # event files for TensorBoard are written
    checkpoint_minutes: NotRequired[float]  # 0: no checkpoint is written and none is read
    no_checkpoints_reason: NotRequired[str | None]  # why there can be none, although the study wants them


def cohort_task(
    study: Study,
    folder: Path,
    group: Sequence[Run],
    statuses: Mapping[str, RunStatus],
    git: Mapping[str, Any],
) -> Task:
    """The task of training runs that differ in the seed alone. ``statuses`` say how often each was tried before."""
    lanes = [
        {
            "path": run.path,
            "key": run.key,
            "config": run.config,
            "attempts": 1 + _attempts(statuses[run.path]),
        }
        for run in group
    ]
    job = {
        "folder": str(folder.resolve()),
        "label": group[0].label,
        "weights": study.record.weights,
        "lanes": lanes,
        "git": git,
        "pieces_folder": str(study.folder.resolve()),
    }
    return {"kind": "cohort", "job": job}


def random_policy_task(study: Study, environment: Mapping[str, Any]) -> Task:
    """The task that scores the random policy of an environment: its id and arguments as study.json has them."""
    return {
        "kind": "random_policy",
        "env_id": environment["env_id"],
        "env_args": environment["args"],
        "entropy": study.entropy,
    }


def self_tests(study: Study, missing: Iterable[Run]) -> list[Task]:
    """A task for each environment of these runs that tries whether its state can be stored."""
    needed = {run.env_id for run in missing} if study.record.checkpoint_minutes else set()
    return [
        {"kind": "self_test", "env_id": env.env_id, "env_args": dict(env.args)}
        for env in study.environments
        if env.env_id in needed
    ]


def _attempts(status: RunStatus) -> int:
    if status.manifest is None or status.state == "damaged":
        return 0
    return int(status.manifest.get("attempts", 0))
