"""How fast lanes are, in tables: by their number against the lessons' loop, by variant, path, setting and part.

Medians over the turns, in seconds of processor time, are printed, and ratios are taken within a turn.
"""

from __future__ import annotations

import statistics
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from ablations import engines
from ablations.dqn.head import Linear
from ablations.dqn.learner import Learner
from ablations.dqn.loss import Squared
from ablations.dqn.types import Clock, StepRecord
from ablations.dqn.variants import NAMED
from ablations.engines.hardware import instruction_set
from ablations.engines.native import library
from ablations.recorders.episodes import EpisodeRecorder
from scripts.bench.cohorts import BUFFER, Slots, Timed, cohort, warm
from scripts.bench.turns import ratio, take_turns
from tests.oracles.lessons_loop import steps_per_second

LANES = (1, 8, 10, 16, 32, 64)
MANY_LANES = 32
"""Lanes at which anything else is compared."""
PATH_LANES = (10, 32)
GROWTH: dict[str, dict[str, dict[str, Any]]] = {
    "hidden": {
        f"{width}x{width}": {"slots": {"trunk": {"hidden": (width, width)}}} for width in (32, 64, 128, 256)
    },
    "batch_size": {str(size): {"batch_size": size} for size in (16, 32, 64, 128, 256)},
    "buffer_size": {str(size): {"buffer_size": size} for size in (1_000, 10_000, 100_000)},
}
"""What grows: {value: what of a cohort is changed for it}."""
LESSONS, PEAK = "the lessons' loop", "peak"


def with_instructions(engine: str = "") -> str:
    """An engine, by default the best one here, and the instructions it uses."""
    engine = engine or engines.available()[0]
    return f"{engine} {instruction_set(engine)}"


def lessons() -> float:
    """One turn of the lessons' loop: steps per second."""
    return steps_per_second(1_000, warm_up=BUFFER)


def peak() -> float:
    """One turn of nothing but fused multiply-adds: operations per second, the most that this core can do."""
    start = time.process_time()
    done: float = library.load().peak_f32(20_000_000)
    return done / (time.process_time() - start)


def by_lanes(engine: str, options: Namespace) -> None:
    """``dqn`` by its number of lanes, beside the lessons' loop and the core's peak."""
    made = {f"dqn, {lanes} lanes": cohort("dqn", lanes, engine) for lanes in LANES}
    turns = {LESSONS: lessons} | ({} if library.missing() else {PEAK: peak})
    speeds = take_turns(turns | {name: each.turn for name, each in made.items()}, options.repeats)
    titles = (
        f"{'lane-steps/s':>14}{'x lessons':>11}{'us/lane-step':>14}{'MB/lane':>9}{'GFLOP/s':>9}{'of peak':>9}"
    )
    print(f"{'':24}{titles}")
    for name, values in speeds.items():
        if name == PEAK:
            continue
        speed = statistics.median(values)
        line = f"{name:24}{speed:14,.0f}{ratio(speeds, name, LESSONS):11.2f}{1e6 / speed:14.1f}"
        if name in made:
            line += f"{made[name].bytes_per_lane / 1e6:9.2f}{speed * made[name].flops_per_step / 1e9:9.1f}"
            if PEAK in speeds:
                line += f"{ratio(speeds, name, PEAK) * made[name].flops_per_step:9.0%}"
        print(line)
    if PEAK in speeds:
        print(
            f"peak: {statistics.median(speeds[PEAK]) / 1e9:.0f} GFLOP/s, measured (float32, fused multiply-add)"
        )
    growth = ratio(speeds, "dqn, 16 lanes", "dqn, 64 lanes")
    print(f"time per lane-step at 64 lanes over that at 16: {growth:.2f}")


def by_variant(engine: str, options: Namespace) -> None:
    """Every named variant beside ``dqn``."""
    made = {name: cohort(name, MANY_LANES, engine) for name in NAMED}
    _compare(f"at {MANY_LANES} lanes", made, options.repeats)


class TorchSquared(Squared):
    """The squared loss as somebody else would write it: a subclass has no compiled body."""


class TorchLinear(Linear):
    """Likewise the linear head."""


def by_path(engine: str, options: Namespace) -> None:
    """What pieces in plain torch cost beside compiled ones."""
    pieces: dict[str, Slots] = {
        "dqn": {},
        "loss in torch": {"loss": TorchSquared()},
        "head and loss in torch": {"head": TorchLinear(), "loss": TorchSquared()},
    }
    for lanes in PATH_LANES if engine == "native" else ():
        made = {name: cohort("dqn", lanes, engine, slots=slots) for name, slots in pieces.items()}
        _compare(f"at {lanes} lanes", made, options.repeats)


def by_growth(engine: str, options: Namespace) -> None:
    """How the cost of a lane-step grows with the network, the batch and the buffer."""
    for setting, points in GROWTH.items():
        made = {value: cohort("dqn", MANY_LANES, engine, **changes) for value, changes in points.items()}
        _compare(f"{setting}, {MANY_LANES} lanes", made, options.repeats)


def _compare(title: str, made: dict[str, Timed], repeats: int) -> None:
    """A line for each cohort, with its time over the first one's."""
    speeds = take_turns({name: each.turn for name, each in made.items()}, repeats)
    first = next(iter(made))
    print(f"\n{title:24}{'lane-steps/s':>14}{f'time / {first}':>16}{'us/lane-step':>14}{'MB/lane':>9}")
    for name, values in speeds.items():
        speed, memory = statistics.median(values), made[name].bytes_per_lane / 1e6
        print(f"{name:24}{speed:14,.0f}{ratio(speeds, first, name):16.2f}{1e6 / speed:14.1f}{memory:9.2f}")


def by_part(engine: str, options: Namespace) -> None:
    """Where the time of one iteration goes."""
    for name in options.variants:
        print(f"{name}, {MANY_LANES} lanes, engine {engine}: microseconds per iteration, medians")
        parts = _medians(warm(name, MANY_LANES, engine), options.iterations)
        for part, seconds in parts.items():
            print(f"  {part:36}{seconds * 1e6:8.1f}{seconds / sum(parts.values()):7.0%}")


def _medians(a: Learner, iterations: int) -> dict[str, float]:
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
    recorder = EpisodeRecorder(len(a.seeds), a.envs.xp)
    clock = Clock(0, a.updates, s.total_timesteps)
    yield "-"
    steps = a.act_and_store(a, a.exploration.next(), clock)
    yield "act, step, store"
    index, weight = v.replay.sample(a.memory, a.sampling.next(), 0.5)
    batch = a.batch(a.memory, index, weight)
    yield "sample: draws, gather"
    y = a.bootstrap(batch, a.q, a.q_target)
    yield "bootstrap: Q-(s')"
    update = a.optimizer.descend(batch, y)
    yield "descend: forward, backward, Adam"
    a.updates += 1
    a.follow(a.target_params, a.online.flat, a.updates)
    v.replay.feedback(a.memory, index, update.priority)
    yield "target follows, replay hears"
    recorder.observe(StepRecord(1, 0.0, steps, (update,)))
    yield "record"
