"""Tasks: what an executor carries out, as plain JSON, so that it can travel to a worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from ablations.runner.executors import Task
from ablations.store import RunStatus
from ablations.studies.study import Run, Study

SELF_TESTS = ("self_test", "self_test_elsewhere")


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
    own_generators: NotRequired[bool]  # each environment has states of its own for the global generators
    events: NotRequired[bool]  # event files for TensorBoard are written
    checkpoint_minutes: NotRequired[float]  # 0: no checkpoint is written and none is read
    no_checkpoints_reason: NotRequired[str | None]  # why there can be none, although the study wants them


def cohort_task(
    study: Study,
    folder: Path,
    group: Sequence[Run],
    statuses: Mapping[str, RunStatus],
    git: Mapping[str, Any],
    repeatability: Mapping[str, Any] | None = None,
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
        "own_generators": own_generators(repeatability),
    }
    return {"kind": "cohort", "job": job}


def random_policy_task(
    study: Study, env_id: str, args: Mapping[str, Any], repeatability: Mapping[str, Any] | None
) -> Task:
    """The task that scores the random policy of an environment of which study.json says this."""
    return {
        "kind": "random_policy",
        "env_id": env_id,
        "env_args": dict(args),
        "entropy": study.entropy,
        "own_generators": own_generators(repeatability),
    }


def self_tests(study: Study, env_ids: Collection[str]) -> list[Task]:
    """Two tasks for each of these environments: can it be repeated, here and elsewhere, and can its state be stored?"""
    checkpoints = bool(study.record.checkpoint_minutes)
    return [
        {"kind": kind, "env_id": env.env_id, "env_args": dict(env.args), "checkpoints": checkpoints}
        for env in study.environments
        if env.env_id in env_ids
        for kind in SELF_TESTS
    ]


def own_generators(repeatability: Mapping[str, Any] | None) -> bool:
    """Whether environments of which study.json says this need states of their own for the global generators."""
    return bool(repeatability and repeatability["global_generators"])


def _attempts(status: RunStatus) -> int:
    if status.manifest is None or status.state == "damaged":
        return 0
    return int(status.manifest.get("attempts", 0))
