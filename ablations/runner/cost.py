"""Cost of a study on this machine, from short measurements, for ``plan``: everything that takes time.

What is slow is measured for itself: an environment that Gymnasium steps one by one by playing it for a moment, a row's
learner on an environment that stands still. So a slow environment makes no slow plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from heapq import heapreplace
from typing import Any

import numpy as np
import torch

from ablations import engines, store
from ablations.dqn.learner import Learner, learn
from ablations.dqn.replay.ring import transition_bytes
from ablations.dqn.types import StepRecord
from ablations.dqn.variants import plain
from ablations.envs import action_log, repeatability
from ablations.envs.checked import CheckedEnv
from ablations.envs.gym import GymLanes, Steps, make
from ablations.envs.namespace import NUMPY
from ablations.envs.observations import Observation
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.probes import WALK, ProbeRecorder
from ablations.runner import random_policy
from ablations.studies.study import Run

UPDATES_OF_WARMING = 10
SECONDS = 0.2
"""How long each row is timed."""
PLAYED_SECONDS, PLAYED_STEPS = 1.0, 3000
"""How long an environment is played, and how far at most."""
PATIENCE_SECONDS = 8.0
"""How long the first of its episodes may take: how long they are decides what scoring the random policy takes."""
CHEAP = ("exploration", "target")
"""Slots whose pieces hardly differ in cost."""
LARGEST_BUFFER = 2**27
"""Bytes of the buffer that a measurement makes; what a run's takes is computed."""
STARTING = 6.0
"""Seconds until the libraries of the driver and of its fork server are imported."""
WORKER_SECONDS = 0.5
"""Of a task besides its work: its process starts, compiles or warms what it calls, writes, and ends."""


@dataclass(frozen=True)
class Played:
    """What playing an environment for a moment showed."""

    seconds: float  # a step of one instance; of arrays a share of a step of all
    length: float  # steps of a random policy's episode
    fast: bool  # all lanes are stepped at once
    limit: float | None = None  # steps after which an episode is cut

    @property
    def greedy(self) -> float:
        """Steps of an evaluation's episode: nobody knows yet how long a trained policy goes on."""
        return (self.length + (self.limit or self.length)) / 2

    @property
    def random_policy(self) -> float:
        """Seconds that scoring the random policy takes."""
        return self.seconds * min(random_policy.EPISODES * self.length, random_policy.MOST_STEPS)

    def self_tests(self, checkpoints: bool) -> tuple[float, float]:
        """Seconds of both self-tests; the first with that of checkpoints, which plays two instances."""
        of_checkpoints = 2 * (action_log.WARMING + 3 * action_log.STEPS) if checkpoints else 0
        here = repeatability.STEPS_HERE + of_checkpoints
        return self.seconds * here, self.seconds * repeatability.STEPS_ELSEWHERE

    def looking_on(self, run: Run) -> float:
        """Seconds of a run's probe states and evaluations, stepped one by one."""
        record, steps = run.config["record"], run.settings.total_timesteps
        walk = WALK if record["probe_every"] else 0
        evaluations = steps // record["eval_every"] * record["eval_episodes"] if record["eval_every"] else 0
        return self.seconds * (walk + evaluations * self.greedy)


@dataclass(frozen=True)
class Timed:
    """Seconds that a cohort's parts take, all lanes together."""

    step: float  # of an environment step, learning with it
    probe: float = 0.0  # of a row of probes, of lanes that are stepped all at once, as what follows
    look: float = 0.0  # of a step of an evaluation's episodes


class Still:
    """Lanes of an environment's sizes that stand still: what a learner costs without it."""

    fast, own_generators, clips_rewards, first_action, xp = True, False, False, 0, NUMPY

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
            if time.perf_counter() - started > (PLAYED_SECONDS if episodes else PATIENCE_SECONDS):
                break
    seconds, steps = time.perf_counter() - started, max(1, env.steps)
    env.close()
    limit = env.env.spec.max_episode_steps if env.env.spec is not None else None
    length = steps / episodes if episodes else limit or random_policy.MOST_STEPS / random_policy.EPISODES
    return Played(seconds / steps, length, fast, limit)


def makespan(seconds: Sequence[float], jobs: int) -> float:
    """When the last of tasks ends that start in this order, as many at a time as there are jobs."""
    ends = [0.0] * jobs
    for each in seconds:
        heapreplace(ends, ends[0] + each)
    return max(ends)


def of_cohorts(
    cohorts: Sequence[Sequence[Run]], left: Callable[[Run], int], environments: Mapping[str, Played]
) -> list[float]:
    """Seconds that each cohort takes with a core for itself, by training each kind shortly.

    ``left``: environment steps that a run has before it. Cohorts that cost the same by construction are timed once.
    """
    torch.set_num_threads(1)
    timed: dict[str, Timed] = {}
    costs = []
    for cohort in cohorts:
        run, played = cohort[0], environments[cohort[0].env_id]
        shape = _cost_shape(run, len(cohort))
        if shape not in timed:
            timed[shape] = _time(cohort, played.fast)
        costs.append(WORKER_SECONDS + _seconds(cohort, max(map(left, cohort)), timed[shape], played))
    return costs


def _seconds(cohort: Sequence[Run], left: int, timed: Timed, played: Played) -> float:
    record, steps = cohort[0].config["record"], cohort[0].settings.total_timesteps
    if not played.fast:
        alone = played.seconds * left + played.looking_on(cohort[0]) * left / steps
        return left * timed.step + len(cohort) * alone
    rows = left // record["probe_every"] if record["probe_every"] else 0
    evaluations = left // record["eval_every"] if record["eval_every"] else 0
    longest = played.limit or played.length  # the longest of all lanes' episodes
    return left * timed.step + rows * timed.probe + evaluations * longest * timed.look


def _cost_shape(run: Run, lanes: int) -> str:
    s = run.settings
    settings = [s.batch_size, s.train_frequency, s.gradient_steps, s.buffer_size]
    slots = {slot: piece for slot, piece in plain(run.variant).items() if slot not in CHEAP}
    episodes = run.config["record"]["eval_episodes"]
    return store.canonical([run.env_id, run.config["env_args"], slots, settings, lanes, episodes])


def is_fast(run: Run) -> bool:
    """Whether the environment's lanes are stepped all at once."""
    config = run.config
    envs = engines.of(config["engine"]).lanes(config["env_id"], config["env_args"], config["entropy"], [0])
    envs.close()
    return not isinstance(envs, GymLanes)


def _time(cohort: Sequence[Run], fast: bool) -> Timed:
    """Seconds of a step, without the environment's where Gymnasium steps it; else also of looking on."""
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
    assert started is not None  # a million steps hold more than ten updates
    step = (time.perf_counter() - started[0]) / (record.step - started[1])
    looking = _time_looking_on(learner, record, config) if fast else (0.0, 0.0)
    envs.close()
    return Timed(step, *looking)


def _time_looking_on(learner: Learner, record: StepRecord, config: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds of a row of probes, and of a step of the episodes of an evaluation."""
    rows, evaluations = config["record"]["probe_every"], config["record"]["eval_every"]
    probe = look = 0.0
    if rows:
        probes = ProbeRecorder(learner, config["env_id"], config["env_args"], 1)
        probe = min(_seconds_of(lambda: probes.observe(record)) for _ in range(3))
    if evaluations:
        episodes = EvaluationRecorder(learner, 1, config["record"]["eval_episodes"])
        seconds = _seconds_of(lambda: episodes.observe(record))
        look = seconds / episodes.rows[-1]["episodic_length"].max()
    return probe, look


def _seconds_of(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
