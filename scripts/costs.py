"""Where the time of one iteration goes, part by part, and how the cost of a lane-step grows with what one may change.

One core, one thread, the work of ``scripts/timed_cohort.py``; medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch

from ablations import families
from ablations.learner import Learner, act, epsilon_at, transition
from ablations.recorder import EpisodeRecorder
from scripts.timed_cohort import cohort, warm
from scripts.turns import ratio, take_turns

LANES = 32
GROWTH: dict[str, list[dict[str, Any]]] = {
    "hidden": [{"hidden": (width, width)} for width in (32, 64, 128, 256)],
    "batch_size": [{"batch_size": size} for size in (16, 32, 64, 128, 256)],
    "buffer_size": [{"buffer_size": size} for size in (1_000, 10_000, 100_000)],
}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=families.available()[0], choices=families.FAMILIES)
    parser.add_argument("--variants", nargs="+", default=["dqn", "per"])
    parser.add_argument("--iterations", type=int, default=2_000)
    arguments = parser.parse_args()
    for name in arguments.variants:
        print(f"{name}, {LANES} lanes, engine {arguments.engine}: microseconds per iteration, medians")
        parts = medians(warm(name, LANES, arguments.engine), arguments.iterations)
        for part, seconds in parts.items():
            print(f"  {part:36}{seconds * 1e6:8.1f}{seconds / sum(parts.values()):7.0%}")
    for setting, points in GROWTH.items():
        made = {
            str(next(iter(point.values()))): cohort("dqn", LANES, arguments.engine, **point)
            for point in points
        }
        speeds = take_turns({name: each.turn for name, each in made.items()}, 5)
        print(f"{setting}: microseconds per lane-step at {LANES} lanes, and over the first")
        first = next(iter(speeds))
        for name, values in speeds.items():
            cost = 1e6 / statistics.median(values)
            print(f"  {name:36}{cost:8.1f}{ratio(speeds, first, name):7.2f}")
        del made


def medians(a: Learner, iterations: int) -> dict[str, float]:
    """{part of the kernel: median seconds}: the steps of ``learn`` and ``improve`` one by one."""
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
    obs = torch.from_numpy(a.envs.obs).to(a.dtype, copy=True)
    action = act(a, obs, a.exploration.next(), epsilon_at(s, 0, a.updates))
    yield "act: draws, Q(s), argmax"
    steps = a.envs.step(action.tolist())
    yield "environment step"
    v.replay.add(a.memory, transition(s, obs, action, steps, a.dtype))
    yield "store the transition"
    batch = v.replay.sample(a.memory, a.sampling.next(), 0.5)
    yield "sample: draws, gather"
    with torch.no_grad():
        y = v.bootstrap(batch, a.q, a.q_minus)
    yield "bootstrap: Q-(s')"
    update = a.optimiser.descend(batch, y)
    yield "descend: forward, backward, Adam"
    a.updates += 1
    v.target.follow(a.minus, a.online.flat, a.updates)
    v.replay.feedback(a.memory, batch, update.delta)
    yield "target follows, replay hears"
    recorder.returns += steps.reward
    yield "record"


if __name__ == "__main__":
    main()
