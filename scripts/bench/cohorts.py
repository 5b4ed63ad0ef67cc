"""A cohort to be timed: on the work that all speeds are quoted for, past its warm-up, with a full buffer.

The work: CartPole-v1, two hidden layers of 64, batch 64, one update per environment step, Adam, hard target every 100
updates, one torch thread.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from ablations import engines
from ablations.dqn.facts import Facts
from ablations.dqn.learner import Learner, learn
from ablations.dqn.network import Network
from ablations.dqn.settings import Settings
from ablations.dqn.types import Transition
from ablations.dqn.variants import NAMED, Change, changed, in_bounds
from scripts.bench.turns import Turn, timed

ENV = "CartPole-v1"
BUFFER = 10_000
"""Transitions: what is timed draws from a full buffer."""
Slots = Mapping[str, Change]
NONE: Slots = MappingProxyType({})
BOUNDS = (0.0, 100.0)
"""Of CartPole's discounted returns."""
SECONDS = 0.5
"""How long a configuration is timed in each turn."""


@dataclass(frozen=True)
class Timed:
    """A cohort as something to be timed."""

    turn: Turn
    bytes_per_lane: float  # of its tensors
    flops_per_step: float  # multiplications and additions of a lane's step


def cohort(
    name: str,
    lanes: int,
    engine: str,
    seconds: float = SECONDS,
    slots: Slots = NONE,
    env_id: str = ENV,
    **settings: Any,
) -> Timed:
    """Variant ``name`` under ``lanes`` seeds on an engine; ``slots`` and ``settings`` replace pieces and settings."""
    before = _tensor_bytes()
    learner = warm(name, lanes, engine, slots, env_id, **settings)
    memory = (_tensor_bytes() - before) / lanes
    moments = learn(learner)
    while learner.updates < 50:
        next(moments)

    def advance() -> int:
        next(moments)
        return lanes

    return Timed(lambda: timed(advance, seconds), memory, flops(learner))


def warm(
    name: str, lanes: int, engine: str, slots: Slots = NONE, env_id: str = ENV, **settings: Any
) -> Learner:
    """A learner whose buffer is full, of transitions that all look alike."""
    torch.set_num_threads(1)
    shared = {"total_timesteps": 10_000_000, "learning_starts": 256, "buffer_size": BUFFER}
    chosen, seeds, ops = Settings(**{**shared, **settings}), range(lanes), engines.of(engine)
    envs = ops.lanes(env_id, {}, 0, seeds)
    variant = in_bounds(changed(NAMED[name].variant, slots), BOUNDS)
    learner = Learner(variant, chosen, envs, 0, seeds, ops)
    nothing = torch.zeros(lanes)
    obs = torch.zeros_like(torch.as_tensor(envs.obs))
    filler = Transition(obs, nothing.long(), nothing, nothing, obs, nothing)
    for _ in range(chosen.buffer_size):
        learner.variant.replay.add(learner.memory, filler)
    return learner


def flops(learner: Learner) -> float:
    """Multiplications and additions of one lane's environment step and update in the products of its network.

    Forward: acting on one state; Q and Q- on the batch, and once more where the bootstrap asks both of them. Backward:
    by the weights everywhere, by the inputs everywhere but in the first layer.
    """
    v = learner.variant
    batch: int = learner.memory.ones.shape[-1]
    weights, inner = products(learner.network)
    facts: Facts = v.bootstrap.facts()
    forwards = 2 + (facts.selects != facts.evaluates)
    return 2.0 * (weights * (1 + batch * (forwards + 1)) + batch * inner)


def products(network: Network) -> tuple[int, int]:
    """(multiplications of one observation in all layers, in those that don't see the observation)."""
    positions = {f"{name}.weight": of.positions for name, of in network.convolutions.items()}
    weights = {
        each.name: each.size * positions.get(each.name, 1)
        for each in network.parameters
        if len(each.shape) > 1
    }
    total, first = sum(weights.values()), weights.get("trunk_0.weight", 0)
    return total, total - first if first else 0


def _tensor_bytes() -> int:
    """Bytes of all tensors alive, each storage once."""
    gc.collect()
    tensors = [item for item in gc.get_objects() if issubclass(type(item), torch.Tensor)]
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
