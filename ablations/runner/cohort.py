"""A cohort: runs trained together, that is one environment and row under several seeds.

``train`` carries out a cohort's job and commits each run's result. Long ones write checkpoints as they go, and begin at
those that a killed process left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ablations import store
from ablations.dqn.learner import learn
from ablations.envs.gym import Failure, failure_of
from ablations.errors import is_refusal
from ablations.recorders.tensorboard import EventFiles
from ablations.runner import checkpoints
from ablations.runner.heartbeat import BEAT_SECONDS, at_most_every
from ablations.runner.machine import bit_maker, platform_facts, versions
from ablations.runner.tasks import CohortJob, LaneJob
from ablations.runner.training import LaneResult, Training
from ablations.store.paths import relative, without_folders

REPORT_SECONDS = 0.3
NOTHING = LaneResult({}, None)
NOT_FINITE = Failure(0, "ValueError", "the environment gave a reward that is not finite", ())


def train(job: CohortJob, report: Callable[[int], None]) -> list[str]:
    """Train all lanes and commit their results. ``report`` gets lane-steps as they are done. Gives notes for people.

    An exception in one lane's environment fails that lane's run; any other exception fails every run of the cohort.
    """
    notes = []
    for lanes, checkpoint in _by_checkpoint(job):
        attempt = Attempt({**job, "lanes": lanes}, checkpoint)
        _train_and_commit(attempt, report)
        notes += attempt.notes
    return notes


@dataclass
class Attempt:
    """One process's attempt at a cohort's runs, and from where it goes on."""

    job: CohortJob
    checkpoint: Path | None  # where it begins, if not at the beginning
    resumed_at: int = 0
    seconds_before: tuple[float, float] = (0.0, 0.0)  # wall and CPU, of earlier processes on these runs
    saver: checkpoints.Saver | None = None
    environment: dict[str, Any] | None = None  # whose code it is; None until it was made
    notes: list[str] = field(default_factory=list)
    started: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), time.process_time()))

    def seconds(self) -> tuple[float, float]:
        """Wall and CPU seconds that were spent on these runs."""
        wall, cpu = time.perf_counter() - self.started[0], time.process_time() - self.started[1]
        return self.seconds_before[0] + wall, self.seconds_before[1] + cpu


def _by_checkpoint(job: CohortJob) -> list[tuple[list[LaneJob], Path | None]]:
    """The lanes that go on from one checkpoint, or from the beginning: only they are at one step."""
    if not job.get("checkpoint_minutes"):
        return [(job["lanes"], None)]
    index = checkpoints.index(Path(job["folder"]))
    best = index.best((lane["key"] for lane in job["lanes"]), _maker(job))
    groups: dict[Path | None, list[LaneJob]] = {}
    for lane in job["lanes"]:
        groups.setdefault(best.get(lane["key"]), []).append(lane)
    return [(lanes, path) for path, lanes in groups.items()]


def _train_and_commit(attempt: Attempt, report: Callable[[int], None]) -> None:
    job = attempt.job
    try:
        outcomes = _train(attempt, report)
    except Exception as problem:
        if memory_was_refused(problem):
            raise  # fewer runs together are tried
        outcomes = [(_failed(failure_of(0, problem)), NOTHING)] * len(job["lanes"])
    wall, cpu = attempt.seconds()
    shared = {
        "versions": versions(),
        "git": job["git"],
        "environment": attempt.environment,
        "platform": platform_facts(job["lanes"][0]["config"]["engine"]),
        "lanes": len(job["lanes"]),
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(cpu, 3),
        "checkpoints": {
            "written": attempt.saver.written if attempt.saver else 0,
            "resumed_at": attempt.resumed_at,
            "none_because": job.get("no_checkpoints_reason"),
        },
    }
    for lane, (outcome, result) in zip(job["lanes"], outcomes, strict=True):
        manifest = {
            "status": outcome["status"],
            "key": lane["key"],
            "config": lane["config"],
            "label": job["label"],
            **outcome,
            "attempts": lane["attempts"],
            **shared,
        }
        store.write_run(Path(job["folder"]), lane["path"], manifest, *result)
    if attempt.saver is not None:
        checkpoints.remove(attempt.saver.path)
        attempt.notes += attempt.saver.problems


def memory_was_refused(problem: Exception) -> bool:
    """True for what is raised where there is no room: by Python, numpy and the system, by torch for any device."""
    if is_refusal(problem) or isinstance(problem, torch.OutOfMemoryError):
        return True
    words = ("DefaultCPUAllocator", "not enough memory")  # torch has no type of its own for it
    return isinstance(problem, RuntimeError) and any(each in str(problem) for each in words)


def _train(attempt: Attempt, report: Callable[[int], None]) -> list[tuple[dict[str, Any], LaneResult]]:
    """The outcome of every lane, for its manifest, and what it leaves besides."""
    heartbeat = at_most_every(BEAT_SECONDS, lambda: report(0))
    training, job = _start(attempt, heartbeat), attempt.job
    total, lanes = training.learner.settings.total_timesteps, job["lanes"]
    events = EventFiles(Path(job["folder"]), job["label"], lanes) if job.get("events") else None
    table_of = {name: recorder.table for name, recorder in training.recorders.items()}
    reported, due = attempt.resumed_at, time.monotonic() + REPORT_SECONDS
    report(reported * len(lanes) - sum(lane.get("done", 0) for lane in lanes))
    for record in learn(training.learner, reported):
        for recorder in training.recorders.values():
            recorder.observe(record)
        if attempt.saver is not None and record.step < total:
            attempt.saver.save_if_due(record.step)
        if time.monotonic() >= due:
            report((record.step - reported) * len(lanes))
            reported, due = record.step, time.monotonic() + REPORT_SECONDS
            if events is not None:
                events.write_if_due(table_of)
    training.envs.close()
    if events is not None:
        events.write(table_of)
        events.close()
    report((total - reported) * len(lanes))
    return [_outcome(training, job, lane) for lane in range(len(lanes))]


def _start(attempt: Attempt, heartbeat: Callable[[], None]) -> Training:
    """The training at the step of its checkpoint, or at the beginning where there is none that can be used."""
    job = attempt.job
    training = Training(job, heartbeat)
    attempt.environment = training.environment(job["lanes"][0]["config"])
    if attempt.checkpoint is not None:
        keys = [lane["key"] for lane in job["lanes"]]
        try:
            header = checkpoints.resume(attempt.checkpoint, keys, training.parts(), _maker(job))
            attempt.resumed_at, attempt.seconds_before = header.step, header.seconds
        except checkpoints.Refused as problem:
            attempt.notes.append(f"{checkpoints.name_of(attempt.checkpoint)}: {problem}; its runs start over")
            training.envs.close()
            training = Training(job, heartbeat)
    minutes = job.get("checkpoint_minutes", 0)
    if minutes:
        attempt.saver = checkpoints.Saver(
            Path(job["folder"]),
            [lane["config"] for lane in job["lanes"]],
            minutes,
            _maker(job),
            training.parts(),
            training.envs.failures,
            attempt.seconds,
        )
    return training


def _maker(job: CohortJob) -> dict[str, str]:
    return bit_maker(job["lanes"][0]["config"]["engine"])


def _outcome(training: Training, job: CohortJob, lane: int) -> tuple[dict[str, Any], LaneResult]:
    """How a lane's run ended, and what it leaves."""
    if lane in training.envs.failures:
        return _failed(training.envs.failures[lane]), NOTHING
    result = training.result(job, lane)
    unfinished = training.episodes.unfinished(lane)
    returns = [
        table["episodic_return"].to_numpy()
        for table in result.tables.values()
        if "episodic_return" in table.column_names
    ]
    if not all(np.isfinite(numbers).all() for numbers in [*returns, unfinished["return"]]):
        return _failed(NOT_FINITE), NOTHING
    diverged_at = training.learner.diverged_at.get(lane)
    outcome = {
        "status": "ok" if diverged_at is None else "diverged",
        "steps": training.learner.settings.total_timesteps,
        "unfinished": unfinished,
        "diverged_at": diverged_at,
    }
    return outcome, result


def _failed(failure: Failure) -> dict[str, Any]:
    return {
        "status": "failed",
        "steps": failure.step,
        "unfinished": None,
        "diverged_at": None,
        "error": {
            "type": failure.type,
            "message": without_folders(failure.message),
            "traceback": [
                f"{relative(frame.filename)}:{frame.lineno} {frame.name}" for frame in failure.frames
            ],
        },
    }
