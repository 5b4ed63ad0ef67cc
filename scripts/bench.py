"""How fast lanes are, against the lessons' loop on the same work, in one run on one core.

Configurations take turns, so that whatever else the machine does meets all of them alike; medians over the turns, in
seconds of processor time, are printed, and ratios are taken within a turn. The work is
described in ``scripts/timed_cohort.py``.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from ablations import engines
from ablations.dqn.head import Linear
from ablations.dqn.loss import Squared
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import NAMED
from ablations.engines.hardware import instruction_set
from ablations.engines.native import library
from scripts.timed_cohort import BUFFER, Slots, cohort
from scripts.turns import ratio, take_turns
from tests.oracles.lessons_loop import steps_per_second

LANES = (1, 8, 10, 16, 32, 64)
VARIANT_LANES = 32
PATH_LANES = (10, 32)
LESSONS, PEAK = "the lessons' loop", "peak"


def main() -> None:
    """Print the tables of each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns per configuration (default 5)")
    parser.add_argument(
        "--engines",
        nargs="+",
        default=list(engines.available()),
        choices=engines.ON_PROCESSOR,
        metavar="ENGINE",
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"one core, one thread; medians of {arguments.repeats} alternating turns; torch {torch.__version__}"
    )
    for engine in arguments.engines:
        print(f"\nengine {with_instructions(engine)}")
        _by_lanes(engine, arguments.repeats)
        _by_variant(engine, arguments.repeats)
        if engine == "native":
            _by_path(arguments.repeats)


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


def _by_lanes(engine: str, repeats: int) -> None:
    made = {f"dqn, {lanes} lanes": cohort("dqn", lanes, engine) for lanes in LANES}
    turns = {LESSONS: lessons} | ({} if library.missing() else {PEAK: peak})
    speeds = take_turns(turns | {name: each.turn for name, each in made.items()}, repeats)
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
    print(f"time per lane-step at 64 lanes over that at 16: {growth:.2f}\n")


def _by_variant(engine: str, repeats: int) -> None:
    made = {name: cohort(name, VARIANT_LANES, engine) for name in NAMED}
    speeds = take_turns({name: each.turn for name, each in made.items()}, repeats)
    print(f"{f'at {VARIANT_LANES} lanes':24}{'lane-steps/s':>14}{'time / dqn':>11}{'':14}{'MB/lane':>9}")
    for name, values in speeds.items():
        cost, memory = ratio(speeds, "dqn", name), made[name].bytes_per_lane / 1e6
        print(f"{name:24}{statistics.median(values):14,.0f}{cost:11.2f}{'':14}{memory:9.2f}")


class TorchSquared(Squared):
    """The squared loss as somebody else would write it: a subclass has no compiled body."""


class TorchLinear(Linear):
    """Likewise the linear head."""


def _by_path(repeats: int) -> None:
    """What pieces in plain torch cost beside compiled ones, and what layer norm does."""
    pieces: dict[str, Slots] = {
        "dqn": {},
        "loss in torch": {"loss": TorchSquared()},
        "head and loss in torch": {"head": TorchLinear(), "loss": TorchSquared()},
        "layer norm": {"trunk": Mlp(layer_norm=True)},
    }
    for lanes in PATH_LANES:
        made = {name: cohort("dqn", lanes, "native", slots=slots) for name, slots in pieces.items()}
        speeds = take_turns({name: each.turn for name, each in made.items()}, repeats)
        print(f"\n{f'at {lanes} lanes':24}{'lane-steps/s':>14}{'speed / dqn':>13}")
        for name, values in speeds.items():
            print(f"{name:24}{statistics.median(values):14,.0f}{ratio(speeds, name, 'dqn'):13.2f}")


if __name__ == "__main__":
    main()
