"""What probes and evaluations cost one cohort, looked on as in a study, over the time of training alone."""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from ablations import engines
from ablations.dqn.learner import Learner, learn
from ablations.dqn.settings import Settings
from ablations.dqn.variants import NAMED
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.probes import ProbeRecorder
from ablations.studies.study import Record

SEEDS = 10
"""Lanes of the cohort that is looked on: a study's ten seeds."""
ENV, LONGEST = "CartPole-v1", 500
"""The environment of that cohort, and the most steps that a greedy episode can take."""

Done = TypeVar("Done")


def looking_on(engine: str, options: Namespace) -> None:
    """What probes and evaluations cost."""
    for name in options.variants:
        print("\n".join(looked_on(name, engine, options.iterations).lines()))


@dataclass(frozen=True)
class LookedOn:
    """What looking on took of the processor, as shares of the time of training alone."""

    title: str
    probes: float
    """Of the steps that were made, with their part of drawing the probe states, which is done once per run."""
    evaluations: float
    episode_steps: float
    """Mean length of the greedy episodes."""

    def lines(self) -> list[str]:
        """The table."""
        most = self.evaluations * LONGEST / self.episode_steps
        return [
            f"{self.title}: processor time over that of training alone",
            f"  probes                              {self.probes:7.1%}",
            f"  evaluations, {self.episode_steps:5.0f} steps an episode  {self.evaluations:7.1%}",
            f"  evaluations, if it were {LONGEST}         {most:7.1%}",
        ]


def looked_on(name: str, engine: str, iterations: int, **numbers: Any) -> LookedOn:
    """Train, probe and evaluate at the rates of a study with default settings; ``numbers`` replace settings.

    The steps before the first update are not counted: they cost next to nothing, and nobody looks on cheaper for it.
    """
    torch.set_num_threads(1)
    settings, seeds, record = Settings(**numbers), range(SEEDS), Record()
    ops = engines.of(engine)
    learner = Learner(NAMED[name].variant, settings, ops.lanes(ENV, {}, 0, seeds), 0, seeds, ops)
    probes, drawing = clocked(lambda: ProbeRecorder(learner, ENV, {}, record.probe_every))
    plan = record.of_run(settings.total_timesteps)
    evaluations = EvaluationRecorder(learner, int(plan["eval_every"]), int(plan["eval_episodes"]))
    training = probing = evaluating = 0.0
    moments = learn(learner)
    for _ in range(settings.learning_starts):
        probes.observe(next(moments))
    for _ in range(iterations):
        step_record, seconds = clocked(lambda: next(moments))
        training += seconds
        probing += clocked(lambda: probes.observe(step_record))[1]  # noqa: B023 (called at once)
        evaluating += clocked(lambda: evaluations.observe(step_record))[1]  # noqa: B023
    played = [length for row in evaluations.rows for length in row["episodic_length"].flatten().tolist()]
    return LookedOn(
        title=f"{name}, {SEEDS} lanes, engine {engine}, {iterations} steps",
        probes=(probing + drawing * iterations / settings.total_timesteps) / training,
        evaluations=evaluating / training,
        episode_steps=statistics.mean(played),
    )


def clocked(work: Callable[[], Done]) -> tuple[Done, float]:
    """What some work gave, and the processor seconds it took."""
    start = time.process_time()
    done = work()
    return done, time.process_time() - start
