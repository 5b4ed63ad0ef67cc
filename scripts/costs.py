"""Where the time of one iteration goes, how the cost of a lane-step grows; ``--looking-on``: what that costs.

One core, one thread, the work of ``scripts/timed_cohort.py``; medians. What probes and evaluations cost is taken from
one cohort that trains and is looked on as in a study with default settings, as a share of the time of training alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from ablations import engines
from ablations.dqn.learner import Learner, learn
from ablations.dqn.settings import Settings
from ablations.dqn.types import Clock
from ablations.dqn.variants import NAMED
from ablations.recorders.episodes import EpisodeRecorder
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.probes import ProbeRecorder
from ablations.studies.study import Record
from scripts.timed_cohort import cohort, warm
from scripts.turns import ratio, take_turns

LANES = 32
GROWTH: dict[str, dict[str, dict[str, Any]]] = {
    "hidden": {
        f"{width}x{width}": {"slots": {"trunk": {"hidden": (width, width)}}} for width in (32, 64, 128, 256)
    },
    "batch_size": {str(size): {"batch_size": size} for size in (16, 32, 64, 128, 256)},
    "buffer_size": {str(size): {"buffer_size": size} for size in (1_000, 10_000, 100_000)},
}
"""What grows: {value: what of a cohort is changed for it}."""
SEEDS = 10
"""Lanes of the cohort that is looked on: a study's ten seeds."""
ENV, LONGEST = "CartPole-v1", 500
"""The environment of that cohort, and the most steps that a greedy episode can take."""

Done = TypeVar("Done")


def main() -> None:
    """Print the tables of the kernel, or the one of looking on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=engines.available()[0], choices=engines.ON_PROCESSOR)
    parser.add_argument("--variants", nargs="+", default=["dqn", "per"])
    parser.add_argument("--iterations", type=int, default=2_000)
    parser.add_argument("--looking-on", action="store_true", help="what probes and evaluations cost, alone")
    arguments = parser.parse_args()
    if arguments.looking_on:
        for name in arguments.variants:
            print("\n".join(looked_on(name, arguments.engine, arguments.iterations).lines()))
        return
    for name in arguments.variants:
        print(f"{name}, {LANES} lanes, engine {arguments.engine}: microseconds per iteration, medians")
        parts = medians(warm(name, LANES, arguments.engine), arguments.iterations)
        for part, seconds in parts.items():
            print(f"  {part:36}{seconds * 1e6:8.1f}{seconds / sum(parts.values()):7.0%}")
    for setting, points in GROWTH.items():
        made = {value: cohort("dqn", LANES, arguments.engine, **changes) for value, changes in points.items()}
        speeds = take_turns({name: each.turn for name, each in made.items()}, 5)
        print(f"{setting}: microseconds per lane-step at {LANES} lanes, and over the first")
        first = next(iter(speeds))
        for name, values in speeds.items():
            cost = 1e6 / statistics.median(values)
            print(f"  {name:36}{cost:8.1f}{ratio(speeds, first, name):7.2f}")
        del made


def medians(a: Learner, iterations: int) -> dict[str, float]:
    """{part of the kernel: median seconds}: the steps of ``learn`` one by one."""
    times: dict[str, list[float]] = {}
    for _ in range(iterations):
        last = time.process_time()
        for part in _parts(a):
            now = time.process_time()
            times.setdefault(part, []).append(now - last)
            last = time.process_time()
    return {part: statistics.median(values) for part, values in times.items()}


def _parts(a: Learner) -> Iterator[str]:
    v, s = a.variant, a.settings
    recorder = EpisodeRecorder(len(a.seeds))
    yield "-"
    steps = a.act_and_store(a, a.exploration.next(), Clock(0, a.updates, s.total_timesteps))
    yield "act, step, store"
    index, weight = v.replay.sample(a.memory, a.sampling.next(), 0.5)
    batch = v.returns.batch(a.memory, index, weight)
    yield "sample: draws, gather"
    with torch.no_grad():
        y = v.bootstrap(batch, a.q, a.q_target)
    yield "bootstrap: Q-(s')"
    update = a.optimizer.descend(batch, y)
    yield "descend: forward, backward, Adam"
    a.updates += 1
    v.target.follow(a.target_params, a.online.flat, a.updates)
    v.replay.feedback(a.memory, index, update.delta)
    yield "target follows, replay hears"
    recorder.returns += steps.reward
    yield "record"


# ---- looking on ----


@dataclass(frozen=True)
class LookedOn:
    """Processor seconds that a cohort of ``SEEDS`` runs took, and what of them for whom."""

    title: str
    training: float
    """Of the steps that were made, without those who look on."""
    probes: float
    """Of the same steps, and their part of drawing the probe states, which is done once per run."""
    evaluations: float
    episode_steps: float
    """Mean length of the greedy episodes."""

    @property
    def probes_share(self) -> float:
        """Of the time of training."""
        return self.probes / self.training

    @property
    def evaluations_share(self) -> float:
        """Of the time of training, with the episodes that were played."""
        return self.evaluations / self.training

    def lines(self) -> list[str]:
        """The table."""
        most = self.evaluations_share * LONGEST / self.episode_steps
        return [
            f"{self.title}: processor time over that of training alone",
            f"  probes                              {self.probes_share:7.1%}",
            f"  evaluations, {self.episode_steps:5.0f} steps an episode  {self.evaluations_share:7.1%}",
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
    evaluations = EvaluationRecorder(learner, plan["eval_every"], plan["eval_episodes"])
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
        training=training,
        probes=probing + drawing * iterations / settings.total_timesteps,
        evaluations=evaluating,
        episode_steps=statistics.mean(played),
    )


def clocked(work: Callable[[], Done]) -> tuple[Done, float]:
    """What some work gave, and the processor seconds it took."""
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


if __name__ == "__main__":
    main()
