"""How fast cohorts of thousands of lanes train on a GPU: speed, memory per lane and ratio to a core, by lanes.

The work is that of ``cohorts``; but the buffer is filled by play, and seconds are the clock's, from an idle device to
an idle device. Episodes are recorded as a study records them; probes and evaluations are off. ``--device cpu`` runs the
same program on CPU tensors, to see that it runs: its speeds are no GPU's, and memory is not counted.
"""

from __future__ import annotations

import statistics
import sys
import time
from argparse import ArgumentParser, Namespace

import torch

from ablations import engines
from ablations.dqn.learner import Learner, learn
from ablations.dqn.settings import Settings
from ablations.dqn.variants import NAMED
from ablations.engines.cuda import ops
from ablations.recorders.episodes import EpisodeRecorder
from scripts.bench.cohorts import BUFFER, cohort

LANES = (64, 256, 1_024, 4_096, 16_384)
CORE_LANES = (16, 32, 64)
WARM_UPDATES = 50
ALIKE, ALIKE_STEPS = (1, 3, 64), 600
"""Lanes and steps of the check that a run's bits don't depend on its neighbours."""


def add_options(parser: ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="default cuda")
    parser.add_argument("--lanes", type=int, nargs="+", default=LANES, help="default 64 ... 16384")
    parser.add_argument("--variants", nargs="+", default=("dqn", "per"), choices=NAMED, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=3.0, help="per turn (default 3)")
    parser.add_argument("--buffer", type=int, default=BUFFER, help=f"transitions (default {BUFFER})")


def main(options: Namespace) -> int:
    """Print the table. 2 where there is no GPU."""
    ops.DEVICE = options.device
    if ops.missing():
        print(f"{ops.missing()}; --device cpu shows that the program runs", file=sys.stderr)
        return 2
    print(f"{ops.instruction_set()}; torch {torch.__version__}; medians of {options.repeats} turns\n")
    for name in options.variants:
        print(f"{name}: a run's bits among {', '.join(map(str, ALIKE))} lanes: {alike(name)}")
    core = one_core()
    print(f"\n{'':10}{'lanes':>8}{'lane-steps/s':>15}{'x a core':>10}{'us/step':>10}{'kB/lane':>9}")
    for name in options.variants:
        for lanes in options.lanes:
            try:
                speed, memory = measured(name, lanes, options.buffer, options.seconds, options.repeats)
            except torch.OutOfMemoryError:
                print(f"{name:10}{lanes:8,}  does not fit into the device's memory")
                continue
            row = f"{name:10}{lanes:8,}{speed:15,.0f}{speed / core:10.1f}{1e6 * lanes / speed:10.0f}"
            print(f"{row}{memory / 1e3:9,.0f}", flush=True)
    return 0


def one_core() -> float:
    """Lane-steps per second of ``dqn`` on one core, with the best engine and its best number of lanes."""
    engine = engines.available()[0]
    speeds = {lanes: cohort("dqn", lanes, engine).turn() for lanes in CORE_LANES}
    best = max(speeds, key=speeds.__getitem__)
    print(f"\none core: engine {engine}, {best} lanes, {speeds[best]:,.0f} lane-steps/s")
    return speeds[best]


def measured(name: str, lanes: int, buffer: int, seconds: float, repeats: int) -> tuple[float, float]:
    """(median lane-steps per second, most bytes of the device per lane) of a cohort with a full buffer."""
    if ops.DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    settings = Settings(total_timesteps=10_000_000, learning_starts=buffer, buffer_size=buffer)
    learner = made(name, lanes, settings)
    recorder, moments = EpisodeRecorder(lanes, learner.envs.xp), learn(learner)
    while learner.updates < WARM_UPDATES:
        recorder.observe(next(moments))
    speeds = []
    for _ in range(repeats):
        ops.synchronize()
        started, steps, elapsed = time.perf_counter(), 0, 0.0
        while elapsed < seconds:
            for _ in range(32):
                recorder.observe(next(moments))
            steps += 32
            elapsed = time.perf_counter() - started
        ops.synchronize()
        speeds.append(steps * lanes / (time.perf_counter() - started))
    most = torch.cuda.max_memory_allocated() if ops.DEVICE == "cuda" else 0
    return statistics.median(speeds), most / lanes


def alike(name: str) -> str:
    """Whether the first seed's network is the same bits whatever stands beside it."""
    settings = Settings(total_timesteps=ALIKE_STEPS, learning_starts=64)
    networks = []
    for lanes in ALIKE:
        learner = made(name, lanes, settings)
        for _ in learn(learner):
            pass
        networks.append(learner.online.flat[0].cpu())
    return "the same" if all(torch.equal(networks[0], each) for each in networks) else "DIFFERENT"


def made(name: str, lanes: int, settings: Settings) -> Learner:
    """A learner on the device under the seeds 0 to ``lanes`` - 1."""
    seeds = range(lanes)
    device = engines.of("cuda")
    learner_lanes = device.lanes("CartPole-v1", {}, 0, seeds)
    return Learner(NAMED[name].variant, settings, learner_lanes, 0, seeds, device)
