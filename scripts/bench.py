"""How fast lanes are, against the lessons' loop on the same work, in one run on one core.

The work: CartPole-v1, two hidden layers of 64, batch 64, one update per environment step, Adam, hard target every 100
updates, one torch thread. Configurations take turns, so that whatever else the machine does meets all of them alike;
medians over the turns, in seconds of processor time, are printed, and ratios are taken within a turn.
"""

from __future__ import annotations

import argparse
import gc
import statistics

import torch

from ablations import families
from ablations.cohort import instruction_set
from ablations.envs.gym import GymLanes
from ablations.learner import Learner, learn
from ablations.replay.ring import Transition
from ablations.settings import Settings
from ablations.variants import NAMED
from scripts.turns import Turn, ratio, take_turns, timed
from tests.oracles.lessons_loop import steps_per_second

LANES = (1, 8, 16, 32, 64)
VARIANT_LANES = 32
BUFFER = 10_000
"""Transitions: what is timed draws from a full buffer on both sides."""
SECONDS = 0.5
"""How long a configuration is timed in each turn."""


def engine() -> str:
    """The engine family that is timed, the best one here, and the instructions it uses."""
    family = families.available()[0]
    return f"{family} {instruction_set(family)}"


def lessons() -> float:
    """One turn of the lessons' loop."""
    return steps_per_second(1_000, warm_up=BUFFER)


def cohort(name: str, lanes: int, seconds: float = SECONDS) -> tuple[Turn, float]:
    """A cohort of the best engine here, past its warm-up, to be timed, and its tensors' bytes per lane."""
    settings = Settings(total_timesteps=10_000_000, learning_starts=64, buffer_size=BUFFER)
    before = _tensor_bytes()
    envs = GymLanes("CartPole-v1", {}, 0, range(lanes))
    learner = Learner(NAMED[name].variant, settings, envs, 0, range(lanes), family=families.available()[0])
    memory = (_tensor_bytes() - before) / lanes
    obs, number = torch.zeros(lanes, 4), torch.zeros(lanes)
    filler = Transition(obs, number.long(), number, number, obs)
    for _ in range(BUFFER):
        learner.variant.replay.add(learner.memory, filler)
    moments = learn(learner)
    while learner.updates < 50:
        next(moments)

    def advance() -> int:
        next(moments)
        return lanes

    return lambda: timed(advance, seconds), memory


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="turns per configuration (default 5)")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print(
        f"one core, one thread; medians of {repeats} alternating turns; torch {torch.__version__}; ", end=""
    )
    print(f"engine {engine()}\n")

    made = {f"dqn, {lanes} lanes": cohort("dqn", lanes) for lanes in LANES}
    speeds = take_turns({"lessons": lessons} | {name: turn for name, (turn, _) in made.items()}, repeats)
    print(f"{'dqn':24}{'lane-steps/s':>14}{'x lessons':>11}{'us/lane-step':>14}{'MB/lane':>9}")
    for name, values in speeds.items():
        speed = statistics.median(values)
        memory = f"{made[name][1] / 1e6:9.2f}" if name in made else ""
        label = "the lessons' loop" if name == "lessons" else name
        print(f"{label:24}{speed:14,.0f}{ratio(speeds, name, 'lessons'):11.2f}{1e6 / speed:14.1f}{memory}")
    growth = ratio(speeds, "dqn, 16 lanes", "dqn, 64 lanes")
    print(f"time per lane-step at 64 lanes over that at 16: {growth:.2f}\n")
    del made

    turns = {name: cohort(name, VARIANT_LANES) for name in NAMED}
    speeds = take_turns({name: turn for name, (turn, _) in turns.items()}, repeats)
    print(f"{f'at {VARIANT_LANES} lanes':24}{'lane-steps/s':>14}{'time / dqn':>11}{'':14}{'MB/lane':>9}")
    for name, values in speeds.items():
        cost = ratio(speeds, "dqn", name)
        print(f"{name:24}{statistics.median(values):14,.0f}{cost:11.2f}{'':14}{turns[name][1] / 1e6:9.2f}")


def _tensor_bytes() -> int:
    """Bytes of all tensors alive, each storage once."""
    gc.collect()
    tensors = [item for item in gc.get_objects() if issubclass(type(item), torch.Tensor)]
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


if __name__ == "__main__":
    main()
