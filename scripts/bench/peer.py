"""One side of `make bench-peers`, in a process of its own and held to one core: gets ready, then takes turns.

    echo 16 | python -m scripts.bench.peer dqn --lanes 16 --seconds 1

It answers in lines of JSON. The first says that it is ready (or what failed), with versions; after that each line read,
a number of lanes, is answered by one turn of that many, in lane-steps (environment step and update) per second. What
gets it ready (compiling, filling the buffer, first updates) is never in a turn.

The work, on every side: one update per environment step, Adam, hard target every 100 steps, a buffer that is full
when timed; and either CartPole-v1, two hidden layers of 64, ReLU, batch 64, or frames of 10 x 10 x 4 (a made-up world,
for the peers in JAX gymnax's Breakout), MinAtar's network, batch 32.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from scripts.bench.turns import Turn, timed

TARGET_PERIOD, LEARNING_RATE, GAMMA, EPSILON = 100, 1e-3, 0.99, 0.05


class Work(NamedTuple):
    """What differs between vectors and frames."""

    env: str
    gymnax: str
    batch: int
    buffer: int
    turn: int  # lane-steps of a turn, where it has no length


WORKS = {
    "vectors": Work("CartPole-v1", "CartPole-v1", 64, 10_000, 64_000),
    "frames": Work("bench/Frames-v0", "Breakout-MinAtar", 32, 500, 1_600),
}
FRAMES = WORKS["frames"]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def dqn(work: Work, lanes: int, seconds: float, checkout: Path) -> Turn:
    """This project's `dqn`: a cohort of so many lanes, on the best engine here."""
    from ablations import engines
    from ablations.dqn.trunk import MinAtarCnn
    from scripts.bench import world  # noqa: F401 (registers it)
    from scripts.bench.cohorts import cohort

    slots = {"trunk": MinAtarCnn()} if work is FRAMES else {}
    numbers = {"batch_size": work.batch, "buffer_size": work.buffer}
    return cohort("dqn", lanes, engines.available()[0], seconds, slots, work.env, **numbers).turn


def lessons(work: Work, lanes: int, seconds: float, checkout: Path) -> Turn:
    """The lessons' loop: 1,000 steps a turn; on frames a plain one for which stepping costs nothing."""
    from scripts.bench import frames, speeds

    return frames.plain("minatar-cnn") if work is FRAMES else speeds.lessons


def sb3(work: Work, lanes: int, seconds: float, checkout: Path) -> Turn:
    """Stable-Baselines3's DQN as it comes: Huber loss, gradients clipped."""
    import torch
    from stable_baselines3 import DQN
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from torch import nn

    from scripts.bench.world import Frames

    class Extractor(BaseFeaturesExtractor):  # type: ignore[misc]
        def __init__(self, space: Any) -> None:
            super().__init__(space, 128)
            self.layers = nn.Sequential(
                nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU()
            )

        def forward(self, obs: Any) -> Any:
            return self.layers(obs)

    torch.set_num_threads(1)
    env: Any = work.env
    policy: dict[str, Any] = {"net_arch": [64, 64]}
    if work is FRAMES:
        env = Frames((4, 10, 10))  # torch has channels first
        policy = {"net_arch": [], "features_extractor_class": Extractor}
    model = DQN(
        "MlpPolicy",
        env,
        policy_kwargs=policy,
        learning_rate=LEARNING_RATE,
        gamma=GAMMA,
        buffer_size=work.buffer,
        learning_starts=work.buffer,
        batch_size=work.batch,
        train_freq=1,
        target_update_interval=TARGET_PERIOD,
        exploration_initial_eps=EPSILON,
        exploration_final_eps=EPSILON,
        device="cpu",
        seed=0,
    )

    def advance(steps: int = 200) -> int:
        model.learn(steps, log_interval=None, reset_num_timesteps=False)
        return steps

    advance(work.buffer)  # without an update: learning starts after these
    advance()
    return lambda: timed(advance, seconds)


def rejax(work: Work, lanes: int, seconds: float, checkout: Path) -> Turn:
    """rejax's DQN, seeds vmapped, Double switched off; `train` picks up where it stopped."""
    import flax.linen as nn
    import jax
    from rejax import DQN
    from rejax.networks import DiscreteQNetwork, EpsilonGreedyPolicy

    class Agent(DiscreteQNetwork):  # type: ignore[misc]
        @nn.compact  # type: ignore[untyped-decorator]
        def __call__(self, obs: Any) -> Any:
            return _network(work)(self.action_dim)(obs)

    steps = work.turn // 128
    algorithm = DQN.create(
        env=work.gymnax,
        learning_rate=LEARNING_RATE,
        gamma=GAMMA,
        buffer_size=work.buffer,
        fill_buffer=work.batch,
        batch_size=work.batch,
        num_envs=1,
        ddqn=False,
        target_update_freq=TARGET_PERIOD,
        polyak=0.0,
        eps_start=EPSILON,
        eps_end=EPSILON,
        total_timesteps=steps,
        eval_freq=steps,
        skip_initial_evaluation=True,
    ).replace(eval_callback=lambda *_: ())
    actions = algorithm.env.action_space(algorithm.env_params).n
    algorithm = algorithm.replace(
        agent=EpsilonGreedyPolicy(Agent)(hidden_layer_sizes=(), activation=nn.relu, action_dim=actions)
    )
    train = jax.jit(jax.vmap(lambda state: algorithm.train(train_state=state)[0]), donate_argnums=0)
    state = jax.jit(jax.vmap(algorithm.init_state))(jax.random.split(jax.random.key(0), lanes))

    def advance() -> int:
        nonlocal state
        state = jax.block_until_ready(train(state))
        return steps * lanes

    for _ in range(work.buffer // steps):
        advance()
    return lambda: timed(advance, seconds)


def purejaxrl(work: Work, lanes: int, seconds: float, checkout: Path) -> Turn:
    """PureJaxRL's `dqn.py`, seeds vmapped, from a checkout.

    It always trains from the beginning. So a turn times a call that fills the buffer and goes on with updates, and a
    call that only fills it; the difference is what the steps with updates took. The file's network has 120 and 84
    units: it is given the common one.
    """
    import jax

    module = _load(checkout / "purejaxrl" / "dqn.py")
    module.QNetwork = _network(work)
    updates = work.turn // lanes
    seeds = jax.random.split(jax.random.PRNGKey(0), lanes)

    def program(steps: int) -> Callable[[], float]:
        config = {
            "ENV_NAME": work.gymnax,
            "NUM_ENVS": 1,
            "TOTAL_TIMESTEPS": steps,
            "BUFFER_SIZE": work.buffer,
            "LEARNING_STARTS": work.buffer,
            "BUFFER_BATCH_SIZE": work.batch,
            "TRAINING_INTERVAL": 1,
            "TARGET_UPDATE_INTERVAL": TARGET_PERIOD,
            "TAU": 1.0,
            "LR": LEARNING_RATE,
            "GAMMA": GAMMA,
            "EPSILON_START": EPSILON,
            "EPSILON_FINISH": EPSILON,
            "EPSILON_ANNEAL_TIME": 1,
        }
        train = jax.jit(jax.vmap(module.make_train(config)))

        def took() -> float:
            start = time.process_time()
            jax.block_until_ready(train(seeds))
            return time.process_time() - start

        took()  # and compiled
        return took

    fill, fill_and_learn = program(work.buffer), program(work.buffer + updates)
    return lambda: lanes * updates / (fill_and_learn() - fill())


SIDES: dict[str, tuple[Callable[[Work, int, float, Path], Turn], tuple[str, ...]]] = {
    "dqn": (dqn, ("torch", "gymnasium")),
    "lessons": (lessons, ("torch", "gymnasium")),
    "sb3": (sb3, ("stable-baselines3", "torch", "gymnasium")),
    "rejax": (rejax, ("rejax", "gymnax", "jax")),
    "purejaxrl": (purejaxrl, ("flashbax", "gymnax", "jax")),
}
"""What gets a side ready, and the distributions whose versions decide its speed."""


def main() -> None:
    """Get ready, say so, and answer every line with a turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--work", choices=WORKS, default="vectors")
    parser.add_argument("--lanes", type=int, nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=1.0, help="a turn's length where it has one")
    parser.add_argument("--checkout", type=Path, default=Path(), help="folder of PureJaxRL")
    parser.add_argument("--core", type=int, help="the core to be held to")
    options = parser.parse_args()

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    os.environ.update(ONE_THREAD)
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})  # before any library counts cores

    def say(**answer: object) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    get_ready, distributions = SIDES[options.side]
    try:
        work = WORKS[options.work]
        turns = {lanes: get_ready(work, lanes, options.seconds, options.checkout) for lanes in options.lanes}
        say(versions=_engine(options.side) | {name: version(name) for name in distributions})
        for line in sys.stdin:
            say(lane_steps_per_second=turns[int(line)]())
    except Exception as error:  # whatever it is, the others are still measured
        traceback.print_exc()
        say(failed=f"{type(error).__name__}: {error}".splitlines()[0])
        sys.exit(1)


def _engine(side: str) -> dict[str, str]:
    """What computes, of our own side."""
    if side != "dqn":
        return {}
    from scripts.bench.speeds import with_instructions

    return {"engine": with_instructions()}


def _network(work: Work) -> Callable[[int], Any]:
    """Makes the common network in flax, of the number of actions; frames may come as rows."""
    import flax.linen as nn

    def made(action_dim: int) -> Any:
        if work is FRAMES:
            convolution = [lambda x: x.reshape(-1, 10, 10, 4), nn.Conv(16, (3, 3), padding="VALID"), nn.relu]
            hidden = [*convolution, lambda x: x.reshape(len(x), -1), nn.Dense(128), nn.relu]
        else:
            hidden = [nn.Dense(64), nn.relu, nn.Dense(64), nn.relu]
        return nn.Sequential([*hidden, nn.Dense(action_dim)])

    return made


def _load(path: Path) -> Any:
    """The module in a file. It asks for wandb, which is never called here, so an empty one will do."""
    sys.modules.setdefault("wandb", ModuleType("wandb"))
    spec = importlib.util.spec_from_file_location("purejaxrl_dqn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
