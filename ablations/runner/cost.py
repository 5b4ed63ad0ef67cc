"""Cost of a study on this machine, from short measurements, for ``plan``: everything that takes time.

What is slow is measured for itself: an environment that Gymnasium steps one by one by playing it for a moment, a row's
learner on an environment that stands still. So a slow environment makes no slow plan.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch

from ablations import engines, store
from ablations.dqn.learner import Learner, learn
from ablations.dqn.replay.ring import transition_bytes
from ablations.dqn.variants import plain
from ablations.envs import action_log, repeatability
from ablations.envs.checked import CheckedEnv
from ablations.envs.gym import GymLanes, Steps, make
from ablations.envs.namespace import NUMPY
from ablations.envs.observations import Observation
from ablations.recorders.probes import WALK
from ablations.runner import random_policy
from ablations.studies.study import Run

UPDATES_OF_WARMING = 10
SECONDS = 0.2
"""How long each row is timed."""
PLAYED_SECONDS, PLAYED_STEPS = 1.0, 3000
"""How long an environment is played, and how far at most."""
CHEAP = ("exploration", "target")
"""Slots whose pieces hardly differ in cost."""
LARGEST_BUFFER = 2**27
"""Bytes of the buffer that a measurement makes; what a run's takes is computed."""


@dataclass(frozen=True)
class Played:
    """What playing an environment for a moment showed."""

    seconds: float  # a step of one instance; of arrays a share of a step of all
    length: float  # steps of an episode
    fast: bool  # all lanes are stepped at once

    @property
    def random_policy(self) -> float:
        """Seconds that scoring the random policy takes."""
        return self.seconds * min(random_policy.EPISODES * self.length, random_policy.MOST_STEPS)

    def self_tests(self, checkpoints: bool) -> float:
        """Seconds of both self-tests; with that of checkpoints, which plays two instances."""
        of_checkpoints = 2 * (action_log.WARMING + 3 * action_log.STEPS) if checkpoints else 0
        return self.seconds * (repeatability.STEPS_HERE + repeatability.STEPS_ELSEWHERE + of_checkpoints)

    def looking_on(self, run: Run) -> float:
        """Seconds of a run's probe states and evaluations."""
        record, steps = run.config["record"], run.settings.total_timesteps
        walk = WALK if record["probe_every"] else 0
        evaluations = steps // record["eval_every"] * record["eval_episodes"] if record["eval_every"] else 0
        return self.seconds * (walk + evaluations * self.length)


class Still:
    """Lanes of an environment's sizes that stand still: what a learner costs without it."""

    fast, own_generators, first_action, xp = True, False, 0, NUMPY

    def __init__(self, observation: Observation, actions: int, lanes: int) -> None:
        self.observation, self.actions, self.steps = observation, actions, 0
        self.failures: dict[int, Any] = {}
        low, high = (-1, 1) if observation.dtype.kind == "f" else (0, 2)
        numbers = np.random.default_rng(0).uniform(low, high, (lanes, *observation.shape))
        self.obs = numbers.astype(observation.dtype)
        never = np.zeros(lanes, dtype=bool)
        self.given = Steps(self.obs, np.zeros(lanes), never, never)

    def step(self, actions: Any) -> Steps:
        """Nothing happens."""
        self.steps += 1
        return self.given

    def close(self) -> None:
        """Nothing is held."""


def played(env_id: str, args: Mapping[str, Any], fast: bool) -> Played:
    """Play one for a moment by random actions."""
    env = CheckedEnv(make(env_id, args))
    actions = np.random.default_rng(0).integers(env.actions, size=PLAYED_STEPS).tolist()
    started, episodes = time.perf_counter(), 0
    with suppress(Exception):  # its runs will tell
        env.reset(0)
        started = time.perf_counter()
        for action in actions:
            step = env.step(action)
            if step.terminated or step.truncated:
                episodes += 1
                env.reset()
            if time.perf_counter() - started > PLAYED_SECONDS:
                break
    seconds, steps = time.perf_counter() - started, max(1, env.steps)
    env.close()
    limit = env.env.spec.max_episode_steps if env.env.spec is not None else None
    length = steps / episodes if episodes else limit or random_policy.MOST_STEPS / random_policy.EPISODES
    return Played(seconds / steps, length, fast)


def seconds_per_lane_step(
    runs: Sequence[Run], environments: Mapping[str, Played]
) -> dict[tuple[str, str], float]:
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
            timed[shape] = _time(cohort, environments[env_id].fast)
        alone = 0.0 if environments[env_id].fast else environments[env_id].seconds
        costs[env_id, label] = timed[shape] + alone
    return costs


def _cost_shape(run: Run, lanes: int) -> str:
    s = run.settings
    settings = [s.batch_size, s.train_frequency, s.gradient_steps, s.buffer_size]
    slots = {slot: piece for slot, piece in plain(run.variant).items() if slot not in CHEAP}
    return store.canonical([run.env_id, run.config["env_args"], slots, settings, lanes])


def is_fast(run: Run) -> bool:
    """Whether the environment's lanes are stepped all at once."""
    config = run.config
    envs = engines.of(config["engine"]).lanes(config["env_id"], config["env_args"], config["entropy"], [0])
    envs.close()
    return not isinstance(envs, GymLanes)


def _time(cohort: Sequence[Run], fast: bool) -> float:
    """Seconds per step and lane, without the environment's where Gymnasium steps it."""
    config, seeds, settings = cohort[0].config, [run.seed for run in cohort], cohort[0].settings
    engine = engines.of(config["engine"])
    made = seeds if fast else seeds[:1]
    envs: Any = engine.lanes(config["env_id"], config["env_args"], config["entropy"], made)
    if not fast:
        envs.close()
        envs = Still(envs.observation, envs.actions, len(seeds))
    rows = LARGEST_BUFFER // (transition_bytes(envs.observation) * len(seeds))
    buffer_size = max(2 * settings.batch_size, min(settings.buffer_size, rows))
    settings = replace(
        settings,
        learning_starts=settings.batch_size,
        total_timesteps=1_000_000,
        buffer_size=min(buffer_size, settings.buffer_size),
    )
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
