"""The native engine: compiled code, a lane at a time while its parameters are in the cache.

Sums run in one fixed order per lane, so a run's bits depend neither on the lanes beside it nor on the instruction set.
What has no compiled body (a head of a user's own) is computed in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ablations.dqn.loss import is_penalty
from ablations.dqn.network import Network, Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.types import Transition
from ablations.dqn.variants import Variant
from ablations.engines import reference
from ablations.engines.native import bodies, library
from ablations.engines.native.layers import Layers
from ablations.engines.native.network import compiled_part, empty, function_of
from ablations.engines.native.optimizer import NativeOptimizer
from ablations.engines.native.stepping import CompiledLanes
from ablations.envs.gym import Lanes
from ablations.envs.make import lanes_of

device, synchronize, draws, tensor = (
    reference.device,
    reference.synchronize,
    reference.draws,
    reference.tensor,
)
counter, advance = reference.counter, reference.advance
body = bodies.body


def lanes(
    env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int], own_generators: bool = False
) -> Lanes:
    """All at once where that is known to give Gymnasium's bits."""
    return lanes_of(
        env_id, args, entropy, seeds, fast=True, kind=CompiledLanes, own_generators=own_generators
    )


compile = reference.compile


def put(rows: Tensor, slot: int, transition: Transition) -> None:
    lanes, capacity, width = rows.shape
    t = [part.contiguous() for part in transition]
    if [part.dtype for part in t] != [rows.dtype, torch.int64, *[rows.dtype] * 4]:
        raise TypeError(f"rows of {rows.dtype} take actions of int64 and all else of {rows.dtype}")
    function_of("ring_put", rows.dtype)(
        rows.data_ptr(), lanes, capacity, width, slot, t[0].shape[-1],
        t[0].data_ptr(), t[4].data_ptr(), t[1].data_ptr(), t[2].data_ptr(), t[3].data_ptr(),
        t[5].data_ptr(),
    )  # fmt: skip


def take(rows: Tensor, index: Tensor, features: int) -> Transition:
    lanes, capacity, width = rows.shape
    _, batch = shape = index.shape
    index, dtype = index.contiguous(), rows.dtype
    obs = empty((lanes, batch, features), dtype)
    next_obs = empty((lanes, batch, features), dtype)
    action = empty(shape, torch.int64)
    reward, discount, ended = empty(shape, dtype), empty(shape, dtype), empty(shape, dtype)
    done = function_of("ring_take", dtype)(
        rows.data_ptr(), lanes, capacity, width, index.data_ptr(), batch, features,
        obs.data_ptr(), next_obs.data_ptr(), action.data_ptr(), reward.data_ptr(), discount.data_ptr(),
        ended.data_ptr(),
    )  # fmt: skip
    if not done:
        raise IndexError(f"a replay index is outside 0 ... {capacity - 1}")
    return Transition(obs, action, reward, discount, next_obs, ended)


def tree_put(nodes: Tensor, slot: int, value: Tensor) -> None:
    lanes, width = nodes.shape
    value = value.contiguous()
    if not library.load().tree_put_one(
        nodes.data_ptr(), lanes, width.bit_length() - 2, slot, value.data_ptr()
    ):
        raise IndexError(_outside(width))


def tree_set(nodes: Tensor, index: Tensor, value: Tensor) -> None:
    lanes, width = nodes.shape
    index, value = index.contiguous(), value.contiguous()
    done = library.load().tree_set_many(
        nodes.data_ptr(), lanes, width.bit_length() - 2, index.data_ptr(), index.shape[1], value.data_ptr()
    )
    if not done:
        raise IndexError(_outside(width))


def _outside(width: int) -> str:
    return f"a leaf is outside 0 ... {width // 2 - 1}"


def tree_find(nodes: Tensor, mass: Tensor) -> Tensor:
    lanes, width = nodes.shape
    slot = empty(mass.shape, torch.int64)
    mass = mass.contiguous()
    library.load().tree_find_many(
        nodes.data_ptr(), lanes, width.bit_length() - 2, mass.data_ptr(), mass.shape[1], slot.data_ptr()
    )
    return slot


def evaluator(network: Network, flat: Tensor) -> Callable[[Tensor], Tensor]:
    part = compiled_part(network, flat.dtype)
    if part is None:
        return reference.evaluator(network, flat)
    outputs = partial(part.outputs, flat)
    if not part.whole:
        params = Layers(network, flat, network.views(flat))
        if is_penalty(network.loss):
            return reference.without_gradient(network, lambda obs: network.head.outputs(params, outputs(obs)))
        return reference.without_gradient(
            network, lambda obs: network.loss.values(network.outputs(params, outputs(obs)))
        )
    if not (part.knows_values or is_penalty(network.loss)):
        return reference.without_gradient(
            network, lambda obs: network.loss.values(network.by_action(outputs(obs)))
        )
    return partial(part.outputs, flat, values=True)


def optimizer(online: Trainable, variant: Variant, settings: Settings) -> NativeOptimizer:
    return NativeOptimizer(online, variant, settings)
