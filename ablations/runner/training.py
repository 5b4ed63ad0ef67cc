"""A cohort's training: its learner, its environments, its recorders, and what each lane leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ablations import engines, store
from ablations.dqn.learner import Learner
from ablations.dqn.settings import Settings
from ablations.dqn.variants import Kinds, from_plain
from ablations.envs import running_statistics
from ablations.envs.gym import GymLanes, make
from ablations.envs.source import source_of
from ablations.errors import Findings
from ablations.recorders.episodes import EpisodeRecorder
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.exact import ExactRecorder, model_of
from ablations.recorders.probes import ProbeRecorder
from ablations.runner.tasks import CohortJob
from ablations.state import Part
from ablations.studies import registry

Recorder = EpisodeRecorder | EvaluationRecorder | ProbeRecorder | ExactRecorder
"""Looks on between two steps of the learner and makes a table of each lane."""


class LaneResult(NamedTuple):
    """Tables and weights of a lane: what it leaves besides its manifest."""

    tables: dict[str, pa.Table]
    weights: dict[str, store.Array] | None


class Training:
    """A cohort's learner and those who look on."""

    def __init__(self, job: CohortJob, heartbeat: Callable[[], None] = lambda: None) -> None:
        """``heartbeat`` is called at every step of what takes long without counting steps."""
        config = job["lanes"][0]["config"]
        seeds = [lane["config"]["seed"] for lane in job["lanes"]]
        settings, variant = Settings(**config["settings"]), from_plain(config["slots"], _kinds(job, config))
        engine = engines.of(config["engine"])
        self.envs = engine.lanes(
            config["env_id"], config["env_args"], config["entropy"], seeds, job.get("own_generators", False)
        )
        self.learner = Learner(variant, settings, self.envs, config["entropy"], seeds, engine=engine)
        self.episodes = EpisodeRecorder(len(seeds), self.envs.xp)
        self.recorders: dict[str, Recorder] = {
            "episodes": self.episodes,
            **_further_recorders(config, self.learner, heartbeat),
        }

    def environment(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Whose code the environments are, and which running statistics their wrappers keep."""
        env_id, envs = config["env_id"], self.envs
        with ExitStack() as made:
            if isinstance(envs, GymLanes):
                env = envs.envs[0]
            else:
                env = made.enter_context(closing(make(env_id, config["env_args"])))
            return {**source_of(env_id, env), "running_statistics": running_statistics.names_of(env)}

    def parts(self) -> dict[str, Part]:
        """All that a checkpoint holds."""
        return {**self.learner.parts(), **self.recorders}

    def result(self, job: CohortJob, lane: int) -> LaneResult:
        """What a lane leaves at the end."""
        config = job["lanes"][lane]["config"]
        tables = {
            name: recorder.table(lane, config["env_id"], job["label"], config["seed"])
            for name, recorder in self.recorders.items()
        }
        return LaneResult(tables, _weights(self, lane) if job["weights"] else None)


def _kinds(job: CohortJob, config: Mapping[str, Any]) -> Kinds:
    """The pieces that a run may use: with those of the study's files, if these are what its key names."""
    files: Mapping[str, str] = config.get("pieces", {})
    found = Findings("study")
    known = registry.read([Path(job["pieces_folder"]) / name for name in files], found, files)
    found.stop()
    return known.kinds


def _further_recorders(
    config: Mapping[str, Any], learner: Learner, heartbeat: Callable[[], None]
) -> dict[str, Recorder]:
    """The recorders of what the study records besides episodes."""
    env_id, args, record = config["env_id"], config["env_args"], config["record"]
    recorders: dict[str, Recorder] = {}
    if record["probe_every"]:
        recorders["probes"] = ProbeRecorder(learner, env_id, args, record["probe_every"], heartbeat)
        model = model_of(env_id, args)
        if model is not None and learner.settings.gamma < 1:  # an endless task has no values at gamma 1
            recorders["exact"] = ExactRecorder(learner, model, record["probe_every"])
    if record["eval_every"]:
        recorders["evaluations"] = EvaluationRecorder(
            learner,
            record["eval_every"],
            record["eval_episodes"],
            heartbeat,
            epsilon=record.get("eval_epsilon", 0.0),
        )
    return recorders


def _weights(training: Training, lane: int) -> dict[str, store.Array]:
    """A lane's online parameters by name, as they are declared: weights (I, O), biases (O,).

    With them what its environment's wrappers had learned.
    """
    envs = training.envs
    return {
        **{
            name: np.ascontiguousarray(parameter[lane].detach().cpu().numpy())
            for name, parameter in training.learner.online.params.items()
        },
        **(running_statistics.numbers_of(envs.envs[lane]) if isinstance(envs, GymLanes) else {}),
    }
