"""What the grid asks of checkpoints before it starts: which runs go on from where, and which environments allow any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.errors import few
from ablations.runner import checkpoints
from ablations.runner.checkpoints import Index
from ablations.runner.executors import TaskResult
from ablations.store.paths import without_folders
from ablations.studies.study import Run, Study


@dataclass(frozen=True)
class Resumable:
    """Where runs go on, by key; those that are not named begin at the beginning."""

    minutes: float = 0.0  # between two checkpoints; 0: none are written, none are read
    places: Mapping[str, Path] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)
    unable: dict[str, str] = field(default_factory=dict)  # environment id -> why it allows no checkpoints

    def ahead(self, run: Run) -> int:
        """Steps of a run that are still to do."""
        return int(run.config["settings"]["total_timesteps"]) - self.steps.get(run.key, 0)

    def job(self, lanes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """What the job of a cohort says besides."""
        told = [{**lane, "done": self.steps.get(lane["key"], 0)} for lane in lanes]
        why = self.unable.get(told[0]["config"]["env_id"], "")
        return {"lanes": told, "checkpoint_minutes": 0.0 if why else self.minutes, "why_no_checkpoints": why}

    def learn(self, ended: TaskResult, note: Callable[[str], None]) -> None:
        """Take note of how the self-test of an environment ended."""
        why = ended.result if ended.done else f"its self-test ended early: {ended.why}"
        if why:
            env_id = ended.task["env_id"]
            self.unable[env_id] = why = without_folders(why)
            note(
                f"{env_id}: no checkpoints, because {why}; a run that is cut off starts over, to the same bits"
            )


def look(study: Study, folder: Path, missing: Iterable[Run], whole: bool = False) -> tuple[Resumable, Index]:
    """Where these runs would go on, and all that lies there; read in whole, or the headers alone."""
    minutes = study.record.checkpoint_minutes
    index = checkpoints.index(folder, whole) if minutes else Index({}, {})
    places = index.best(run.key for run in missing)
    return Resumable(minutes, places, {key: index.headers[path].step for key, path in places.items()}), index


def find(
    study: Study,
    folder: Path,
    missing: Iterable[Run],
    quarantine: Callable[[Path, str], str],
    note: Callable[[str], None],
) -> Resumable:
    """Where these runs go on. Under the lock: what can't be trusted is put aside, and told."""
    begun, index = look(study, folder, missing, whole=True)
    for path, why in index.refused.items():
        where = quarantine(folder, checkpoints.name_of(path))
        note(f"{checkpoints.name_of(path)}: {why}; moved to {where}; its runs start over")
    listed = {run.key for run in study.runs()}
    unlisted = [path for path, header in index.headers.items() if not listed & set(header.keys)]
    if unlisted:
        names = few(map(checkpoints.name_of, unlisted))
        note(f"not used: {names}, of runs that this study does not list")
    if begun.steps:
        note(f"{len(begun.steps)} runs go on from checkpoints")
    return begun


def self_tests(study: Study, missing: Iterable[Run]) -> list[dict[str, Any]]:
    """A task for each environment of these runs: can its state be stored?"""
    needed = {run.env_id for run in missing} if study.record.checkpoint_minutes else set()
    return [
        {"kind": "self_test", "env_id": env.env_id, "env_args": dict(env.args)}
        for env in study.environments
        if env.env_id in needed
    ]
