"""Resuming: which of a grid's runs go on from checkpoints, and which environments allow any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.errors import few
from ablations.runner import checkpoints
from ablations.runner.checkpoints import Index
from ablations.runner.quarantine import quarantine
from ablations.studies.study import Run, Study


@dataclass(frozen=True)
class ResumePoints:
    """Checkpoints and steps at which runs go on, by key; those that are not named begin at the beginning."""

    minutes: float = 0.0  # between two checkpoints; 0: none are written, none are read
    paths: Mapping[str, Path] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # environment id -> why it allows no checkpoints

    def steps_left(self, run: Run) -> int:
        """Steps of a run that are still to do."""
        return run.settings.total_timesteps - self.steps.get(run.key, 0)

    def job_fields(self, lanes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The fields of a cohort's job that say where its lanes go on, and how often they are checkpointed."""
        resumed = [{**lane, "done": self.steps.get(lane["key"], 0)} for lane in lanes]
        reason = self.refused.get(resumed[0]["config"]["env_id"])
        minutes = self.minutes if reason is None else 0.0
        return {"lanes": resumed, "checkpoint_minutes": minutes, "no_checkpoints_reason": reason}


def resume_points(
    study: Study, folder: Path, missing: Iterable[Run], whole: bool = False
) -> tuple[ResumePoints, Index]:
    """Where these runs would go on, and the index of checkpoints; read in whole, or the headers alone."""
    minutes = study.record.checkpoint_minutes
    index = checkpoints.index(folder, whole) if minutes else Index({}, {})
    paths = index.best(run.key for run in missing)
    return ResumePoints(minutes, paths, {key: index.headers[path].step for key, path in paths.items()}), index


def checked_resume_points(
    study: Study, folder: Path, missing: Iterable[Run], note: Callable[[str], None]
) -> ResumePoints:
    """Where these runs go on. Under the lock: what can't be trusted is quarantined, with a note."""
    points, index = resume_points(study, folder, missing, whole=True)
    for path, reason in index.refused.items():
        target = quarantine(folder, checkpoints.name_of(path))
        note(f"{checkpoints.name_of(path)}: {reason}; moved to {target}; its runs start over")
    listed = {run.key for run in study.runs()}
    unlisted = [path for path, header in index.headers.items() if not listed & set(header.keys)]
    if unlisted:
        names = few(map(checkpoints.name_of, unlisted))
        note(f"not used: {names}, of runs that this study does not list")
    if points.steps:
        note(f"{len(points.steps)} runs go on from checkpoints")
    return points
