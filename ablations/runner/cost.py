"""Cost of rows: a short measurement of how fast they train on this machine, for ``plan``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import torch

from ablations import engines, store
from ablations.dqn.learner import Learner, learn
from ablations.dqn.variants import plain
from ablations.studies.study import Run

UPDATES_OF_WARMING = 10
SECONDS = 0.2
"""How long each row is timed."""
CHEAP = ("exploration", "target")
"""Slots whose pieces hardly differ in cost."""


def seconds_per_lane_step(runs: Sequence[Run]) -> dict[tuple[str, str], float]:
    """{(environment, label): seconds per environment step and lane} with one job, by training each row shortly.

    Lanes are as many as the row has runs. Rows that cost the same by construction are timed once.
    """
    torch.set_num_threads(1)
    timed: dict[str, float] = {}
    costs = {}
    for (env_id, label), group in groupby(runs, key=lambda run: (run.env_id, run.label)):
        cohort = list(group)
        shape = _cost_shape(cohort[0], len(cohort))
        if shape not in timed:
            timed[shape] = _time(cohort)
        costs[env_id, label] = timed[shape]
    return costs


def _cost_shape(run: Run, lanes: int) -> str:
    s = run.settings
    settings = [s.batch_size, s.train_frequency, s.gradient_steps, s.buffer_size]
    slots = {slot: piece for slot, piece in plain(run.variant).items() if slot not in CHEAP}
    return store.canonical([run.env_id, run.config["env_args"], slots, settings, lanes])


def _time(cohort: Sequence[Run]) -> float:
    config, seeds, settings = cohort[0].config, [run.seed for run in cohort], cohort[0].settings
    settings = replace(settings, learning_starts=settings.batch_size, total_timesteps=1_000_000)
    engine = engines.of(config["engine"])
    envs = engine.lanes(config["env_id"], config["env_args"], config["entropy"], seeds)
    learner = Learner(cohort[0].variant, settings, envs, config["entropy"], seeds, engine=engine)
    started: tuple[float, int] | None = None
    for record in learn(learner):
        if started is None:
            if learner.updates >= UPDATES_OF_WARMING:
                engine.synchronize()
                started = time.perf_counter(), record.step
        elif time.perf_counter() - started[0] >= SECONDS:
            break
    engine.synchronize()
    envs.close()
    assert started is not None  # a million steps hold more than ten updates
    return (time.perf_counter() - started[0]) / (record.step - started[1]) / len(seeds)
