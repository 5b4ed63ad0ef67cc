"""A cohort: runs trained together, that is one environment and row under several seeds.

A cohort is plain JSON, so that it can travel to a worker; ``train`` carries it out and commits each run's result.
Long ones write checkpoints as they go, and begin at those that a killed process left.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, Protocol, TypedDict

import numpy as np
import pyarrow as pa
import torch

from ablations import engines, store
from ablations.dqn.learner import Learner, StepRecord, learn
from ablations.dqn.settings import from_plain as settings_from_plain
from ablations.dqn.variants import from_plain as variant_from_plain
from ablations.engines.cuda import ops
from ablations.engines.native import library
from ablations.envs.gym import Failure, failure_of
from ablations.recorders.device_episodes import DeviceEpisodeRecorder
from ablations.recorders.device_evaluations import DeviceEvaluationRecorder
from ablations.recorders.episodes import EpisodeRecorder
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.exact import ExactRecorder, model_of
from ablations.recorders.probes import ProbeRecorder
from ablations.recorders.tensorboard import EventFiles
from ablations.runner import checkpoints
from ablations.state import Part
from ablations.store.paths import relative, without_folders

PACKAGES = ("torch", "numpy", "gymnasium", "pyarrow", "pandas")
MAKER = ("torch", "numpy", "gymnasium", "system", "machine", "instruction_set")
REPORT_SECONDS = 0.3


class Stored(NamedTuple):
    """What a lane leaves besides its manifest."""

    tables: dict[str, pa.Table]
    weights: dict[str, store.Array] | None


NOTHING = Stored({}, None)


class Recorder(Part, Protocol):
    """Looks on between two steps of the kernel and makes a table of each lane."""

    def observe(self, record: StepRecord) -> None: ...
    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table: ...


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
    weights: bool  # whether final weights are stored
    lanes: list[LaneJob]
    git: dict[str, Any]
    events: NotRequired[bool]  # whether event files for TensorBoard are written
    checkpoint_minutes: NotRequired[float]  # 0: no checkpoint is written and none is read
    why_no_checkpoints: NotRequired[str]  # why there can be none, although the study wants them


def train(job: CohortJob, report: Callable[[int], None]) -> list[str]:
    """Train all lanes and commit their results. ``report`` is told lane-steps as they are done. Gives notes for people.

    An exception in one lane's environment fails that lane's run; any other exception fails every run of the cohort.
    """
    notes = []
    for lanes, checkpoint in _together(job):
        attempt = Attempt({**job, "lanes": lanes}, checkpoint)
        _train_and_commit(attempt, report)
        notes += attempt.notes
    return notes


@dataclass
class Attempt:
    """What one process does for a cohort's runs, and from where it goes on."""

    job: CohortJob
    checkpoint: Path | None  # where it begins, if not at the beginning
    resumed_at: int = 0
    before: tuple[float, float] = (
        0.0,
        0.0,
    )  # wall and CPU seconds that earlier processes spent on these runs
    saver: checkpoints.Saver | None = None
    notes: list[str] = field(default_factory=list)
    started: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), time.process_time()))

    def seconds(self) -> tuple[float, float]:
        """Wall and CPU seconds that were spent on these runs."""
        wall, cpu = time.perf_counter() - self.started[0], time.process_time() - self.started[1]
        return self.before[0] + wall, self.before[1] + cpu


def _together(job: CohortJob) -> list[tuple[list[LaneJob], Path | None]]:
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
        outcomes, results = _train(attempt, report)
    except torch.OutOfMemoryError:
        raise  # of a GPU: the worker dies of it, and fewer runs together are tried
    except Exception as problem:
        outcomes = [_failed(failure_of(0, problem))] * len(job["lanes"])
        results = [NOTHING] * len(job["lanes"])
    wall, cpu = attempt.seconds()
    shared = {
        "versions": versions(),
        "git": job["git"],
        "platform": platform_facts(job["lanes"][0]["config"]["engine"]),
        "lanes": len(job["lanes"]),
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(cpu, 3),
        "checkpoints": {
            "written": attempt.saver.written if attempt.saver else 0,
            "resumed_at": attempt.resumed_at,
            "none_because": job.get("why_no_checkpoints") or None,
        },
    }
    for lane, outcome, stored in zip(job["lanes"], outcomes, results, strict=True):
        manifest = {
            "status": outcome["status"],
            "key": lane["key"],
            "config": lane["config"],
            "label": job["label"],
            **outcome,
            "attempts": lane["attempts"],
            **shared,
        }
        store.write_run(Path(job["folder"]), lane["path"], manifest, *stored)
    if attempt.saver is not None:
        checkpoints.remove(attempt.saver.path)
        attempt.notes += attempt.saver.problems


class Training:
    """A cohort's learner and those who look on."""

    def __init__(self, job: CohortJob) -> None:
        config = job["lanes"][0]["config"]
        seeds = [lane["config"]["seed"] for lane in job["lanes"]]
        settings = settings_from_plain(config["settings"])
        variant = variant_from_plain(config["slots"])
        family = engines.of(config["engine"])
        self.envs = family.lanes(config["env_id"], config["env_args"], config["entropy"], seeds)
        self.learner = Learner(
            variant, settings, self.envs, config["entropy"], seeds, family=config["engine"]
        )
        self.episodes = (
            DeviceEpisodeRecorder(len(seeds), family.device())
            if config["engine"] == "cuda"
            else EpisodeRecorder(len(seeds))
        )
        self.recorders = {"episodes": self.episodes, **_asked_recorders(config, self.learner)}

    def parts(self) -> dict[str, Part]:
        """All that a checkpoint holds."""
        return {**self.learner.parts(), **self.recorders}


def _train(attempt: Attempt, report: Callable[[int], None]) -> tuple[list[dict[str, Any]], list[Stored]]:
    """The outcome of every lane and what it leaves."""
    training, job = _begun(attempt), attempt.job
    total, lanes = training.learner.settings.total_timesteps, job["lanes"]
    events = EventFiles(Path(job["folder"]), job["label"], lanes) if job.get("events") else None
    told, due = attempt.resumed_at, time.monotonic() + REPORT_SECONDS
    report(told * len(lanes) - sum(lane.get("done", 0) for lane in lanes))
    for record in learn(training.learner, told):
        for recorder in training.recorders.values():
            recorder.observe(record)
        if attempt.saver is not None and record.step < total:
            attempt.saver.look(record.step)
        if time.monotonic() >= due:
            report((record.step - told) * len(lanes))
            told, due = record.step, time.monotonic() + REPORT_SECONDS
            if events is not None:
                events.maybe(training.recorders)
    training.envs.close()
    if events is not None:
        events.write(training.recorders)
    report((total - told) * len(lanes))
    numbers = range(len(lanes))
    return [_outcome(training, i) for i in numbers], [_stored(job, training, i) for i in numbers]


def _begun(attempt: Attempt) -> Training:
    """The training at the step of its checkpoint, or at the beginning where there is none that can be used."""
    job = attempt.job
    training = Training(job)
    if attempt.checkpoint is not None:
        keys = [lane["key"] for lane in job["lanes"]]
        try:
            header = checkpoints.resume(attempt.checkpoint, keys, training.parts(), _maker(job))
            attempt.resumed_at, attempt.before = header.step, header.seconds
        except checkpoints.Refused as problem:
            attempt.notes.append(f"{checkpoints.name_of(attempt.checkpoint)}: {problem}; its runs start over")
            training.envs.close()
            training = Training(job)
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
    return maker(job["lanes"][0]["config"]["engine"])


def _outcome(training: Training, lane: int) -> dict[str, Any]:
    """How a lane's run ended."""
    if lane in training.envs.failures:
        return _failed(training.envs.failures[lane])
    diverged_at = training.learner.diverged_at.get(lane)
    return {
        "status": "ok" if diverged_at is None else "diverged",
        "steps": training.learner.settings.total_timesteps,
        "unfinished": training.episodes.unfinished(lane),
        "diverged_at": diverged_at,
    }


def _stored(job: CohortJob, training: Training, lane: int) -> Stored:
    """What a lane leaves besides its manifest."""
    if lane in training.envs.failures:
        return NOTHING
    config = job["lanes"][lane]["config"]
    tables = {
        name: each.table(lane, config["env_id"], job["label"], config["seed"])
        for name, each in training.recorders.items()
    }
    return Stored(tables, _weights(training.learner, lane) if job["weights"] else None)


def _asked_recorders(config: Mapping[str, Any], learner: Learner) -> dict[str, Recorder]:
    """The recorders that the study asks for besides episodes."""
    env_id, args, record = config["env_id"], config["env_args"], config["record"]
    recorders: dict[str, Recorder] = {}
    if record["probe_every"]:
        recorders["probes"] = ProbeRecorder(learner, env_id, args, record["probe_every"])
        model = model_of(env_id, args)
        if model is not None and learner.settings.gamma < 1:  # an endless task has no values at gamma 1
            recorders["exact"] = ExactRecorder(learner, model, record["probe_every"])
    if record["eval_every"]:
        kind = DeviceEvaluationRecorder if config["engine"] == "cuda" else EvaluationRecorder
        recorders["evaluations"] = kind(learner, env_id, args, record["eval_every"], record["eval_episodes"])
    return recorders


def _weights(learner: Learner, lane: int) -> dict[str, store.Array]:
    """A lane's online parameters by layer: weights (I, O) and biases (O,)."""
    parameters = learner.network.parameters(learner.online.layers)
    arrays = {name: part[lane].detach().cpu().numpy() for name, part in parameters.items()}
    return {
        name: array[0].copy() if name.endswith(".bias") else np.ascontiguousarray(array)
        for name, array in arrays.items()
    }


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


def maker(engine: str) -> dict[str, str]:
    """What makes the bits besides the configuration: the two halves of a run must have it in common."""
    facts = {**versions(), **platform_facts(engine)}
    return {name: facts[name] for name in MAKER}


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = version(name)
    try:
        found["ablations"] = version("dqn-ablations")
    except PackageNotFoundError:  # run from a checkout that is not installed
        found["ablations"] = "not installed"
    return found


def platform_facts(engine: str) -> dict[str, Any]:
    """The machine in words: what may change the last bit of a result."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "instruction_set": instruction_set(engine),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def instruction_set(engine: str) -> str:
    """What an engine family's arithmetic uses here."""
    match engine:
        case "native":
            return library.instruction_set()
        case "cuda":
            return ops.instruction_set()
        case _:
            return torch.backends.cpu.get_cpu_capability()


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
