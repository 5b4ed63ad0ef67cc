"""A cohort: runs trained together, that is one environment and row under several seeds.

A cohort is plain JSON, so that it can travel to a worker; ``train`` carries it out and commits each run's result.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, Protocol, TypedDict

import numpy as np
import pyarrow as pa
import torch

from ablations import store
from ablations.envs.gym import Failure, GymLanes, failure_of
from ablations.evaluations import EvaluationRecorder
from ablations.events import EventFiles
from ablations.exact_recorder import ExactRecorder, model_of
from ablations.learner import Learner, Moment, learn
from ablations.native import library
from ablations.paths import relative, without_folders
from ablations.probes import ProbeRecorder
from ablations.recorder import EpisodeRecorder
from ablations.settings import from_plain as settings_from_plain
from ablations.variants import from_plain as variant_from_plain

PACKAGES = ("torch", "numpy", "gymnasium", "pyarrow", "pandas")
REPORT_SECONDS = 0.3


class Stored(NamedTuple):
    """What a lane leaves besides its manifest."""

    tables: dict[str, pa.Table]
    weights: dict[str, store.Array] | None


NOTHING = Stored({}, None)


class Recorder(Protocol):
    """Looks on between two steps of the kernel and makes a table of each lane."""

    def observe(self, moment: Moment) -> None: ...
    def table(self, lane: int, env_id: str, label: str, seed: int) -> pa.Table: ...


class LaneJob(TypedDict):
    """One run of a cohort."""

    path: str  # below the study's folder
    key: str
    config: dict[str, Any]
    attempts: int  # including this one


class CohortJob(TypedDict):
    """Runs whose configurations differ in the seed alone."""

    folder: str  # the study's folder
    label: str
    weights: bool  # whether final weights are stored
    lanes: list[LaneJob]
    git: dict[str, Any]
    events: NotRequired[bool]  # whether event files for TensorBoard are written


def train(job: CohortJob, report: Callable[[int], None]) -> None:
    """Train all lanes and commit their results. ``report`` is told lane-steps as they are done.

    An exception in one lane's environment fails that lane's run; any other exception fails every run of the cohort.
    """
    started = time.perf_counter(), time.process_time()
    try:
        outcomes, results = _train(job, report)
    except Exception as problem:
        outcomes = [_failed(failure_of(0, problem))] * len(job["lanes"])
        results = [NOTHING] * len(job["lanes"])
    shared = {
        "versions": versions(),
        "git": job["git"],
        "platform": platform_facts(job["lanes"][0]["config"]["engine"]),
        "lanes": len(job["lanes"]),
        "wall_seconds": round(time.perf_counter() - started[0], 3),
        "cpu_seconds": round(time.process_time() - started[1], 3),
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


def _train(job: CohortJob, report: Callable[[int], None]) -> tuple[list[dict[str, Any]], list[Stored]]:
    """The outcome of every lane and what it leaves."""
    config = job["lanes"][0]["config"]
    seeds = [lane["config"]["seed"] for lane in job["lanes"]]
    settings = settings_from_plain(config["settings"])
    envs = GymLanes(config["env_id"], config["env_args"], config["entropy"], seeds)
    learner = Learner(
        variant_from_plain(config["slots"]), settings, envs, config["entropy"], seeds, family=config["engine"]
    )
    episodes = EpisodeRecorder(len(seeds))
    recorders = {"episodes": episodes, **_asked_recorders(config, learner)}
    events = EventFiles(Path(job["folder"]), job["label"], job["lanes"]) if job.get("events") else None
    told, due = 0, time.monotonic() + REPORT_SECONDS
    for moment in learn(learner):
        for recorder in recorders.values():
            recorder.observe(moment)
        if time.monotonic() >= due:
            report((moment.step - told) * len(seeds))
            told, due = moment.step, time.monotonic() + REPORT_SECONDS
            if events is not None:
                events.maybe(recorders)
    envs.close()
    if events is not None:
        events.write(recorders)
    report((settings.total_timesteps - told) * len(seeds))

    outcomes: list[dict[str, Any]] = []
    results: list[Stored] = []
    for lane, seed in enumerate(seeds):
        if lane in envs.failures:
            outcomes.append(_failed(envs.failures[lane]))
            results.append(NOTHING)
            continue
        diverged_at = learner.diverged_at.get(lane)
        outcomes.append(
            {
                "status": "ok" if diverged_at is None else "diverged",
                "steps": settings.total_timesteps,
                "unfinished": episodes.unfinished(lane),
                "diverged_at": diverged_at,
            }
        )
        tables = {
            name: each.table(lane, config["env_id"], job["label"], seed) for name, each in recorders.items()
        }
        results.append(Stored(tables, _weights(learner, lane) if job["weights"] else None))
    return outcomes, results


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
        recorders["evaluations"] = EvaluationRecorder(
            learner, env_id, args, record["eval_every"], record["eval_episodes"]
        )
    return recorders


def _weights(learner: Learner, lane: int) -> dict[str, store.Array]:
    """A lane's online parameters by layer: weights (I, O) and biases (O,)."""
    parameters = learner.network.parameters(learner.online.layers)
    arrays = {name: part[lane].detach().numpy() for name, part in parameters.items()}
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
    return library.instruction_set() if engine == "native" else torch.backends.cpu.get_cpu_capability()


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
