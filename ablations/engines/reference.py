"""The reference engine: everything in torch, op by op over all lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ablations.dqn.network import Network, Trainable
from ablations.dqn.replay.frames import Frames
from ablations.dqn.settings import Settings
from ablations.dqn.types import Transition
from ablations.dqn.variants import Variant
from ablations.engines.descent import ReferenceOptimizer
from ablations.envs.gym import GymLanes, Lanes
from ablations.rng.draws import Draws
from ablations.rng.streams import Role

NUMPY = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.int64: np.int64,
    torch.uint8: np.uint8,
    torch.bool: np.bool_,
}
"""numpy's name of a type."""


def device() -> str:
    return "cpu"


def synchronize() -> None:
    """Nothing is under way once a call has returned."""


def draws(entropy: int, seeds: Sequence[int], role: Role, width: int) -> Draws:
    return Draws(entropy, seeds, role, width)


def lanes(
    env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int], own_generators: bool = False
) -> Lanes:
    """One by one, as Gymnasium does."""
    return GymLanes(env_id, args, entropy, seeds, own_generators=own_generators)


def tensor(numbers: npt.NDArray[Any], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(numbers.astype(NUMPY[dtype], copy=False))


def compile(function: Callable[..., Any], envs: object = None) -> Callable[..., Any]:
    return function


def counter(value: int = 0) -> int:
    return value


def advance(position: int, size: int, capacity: int) -> tuple[int, int]:
    return (position + 1) % capacity, min(size + 1, capacity)


def put(rows: Tensor, slot: int, transition: Transition) -> None:
    row = rows[:, slot]  # (L, W)
    d = transition.obs.shape[-1]
    row[:, :d] = transition.obs
    row[:, d : 2 * d] = transition.next_obs
    row[:, 2 * d] = transition.action
    row[:, 2 * d + 1] = transition.reward
    row[:, 2 * d + 2] = transition.discount
    row[:, 2 * d + 3] = transition.ended


def take(rows: Tensor, index: Tensor, features: int) -> Transition:
    lanes, capacity, width = rows.shape
    flat, d = rows.view(-1, width), features  # (L N, W)
    which = (index + _starts(lanes, capacity, index.device)).view(-1)
    taken = flat.index_select(0, which).view(*index.shape, width)  # (L, B, W)
    return Transition(
        obs=taken[..., :d],
        next_obs=taken[..., d : 2 * d],
        action=taken[..., 2 * d].long(),
        reward=taken[..., 2 * d + 1],
        discount=taken[..., 2 * d + 2],
        ended=taken[..., 2 * d + 3],
    )


def take_frames(stored: Frames, index: Tensor, after: bool) -> Tensor:
    frames, aside, which = stored.frames, stored.aside, stored.which(index, after)  # (L, B, K)
    (lanes, kept, *frame), others = frames.shape, aside.shape[1]
    place = which.clamp(min=0) + _starts(lanes, kept, which.device)[..., None]
    taken = frames.flatten(0, 1).index_select(0, place.view(-1))  # (L B K, *frame)
    beside = (which < 0).view(-1)
    if beside.any():
        place = -1 - which + _starts(lanes, others, which.device)[..., None]
        taken[beside] = aside.flatten(0, 1)[place.view(-1)[beside]]
    taken = taken.view(*which.shape, *frame)  # (L, B, K, *frame)
    if len(frame) > 1:
        taken = taken.movedim(2, 4).contiguous()  # (L, B, H, W, K, C)
    return taken.view(*index.shape, *stored.observation.shape)


def tree_put(nodes: Tensor, slot: int, value: Tensor) -> None:
    node = nodes.shape[1] // 2 + slot
    nodes[:, node] = value
    while node > 1:
        node //= 2
        nodes[:, node] = nodes[:, 2 * node] + nodes[:, 2 * node + 1]


def tree_set(nodes: Tensor, index: Tensor, value: Tensor) -> None:
    lanes, width = nodes.shape  # width = 2 M, M a power of two
    flat = nodes.view(-1)
    node = index + width // 2  # (L, B)
    nodes.scatter_(1, node, value)
    for _ in range(width.bit_length() - 2):
        node = node >> 1
        child = (2 * node + _starts(lanes, width, index.device)).view(-1)  # (L B,)
        total = flat.take(child) + flat.take(child + 1)
        nodes.scatter_(1, node, total.view(index.shape))


def tree_find(nodes: Tensor, mass: Tensor) -> Tensor:
    lanes, width = nodes.shape
    flat, offset = nodes.view(-1), _starts(lanes, width, nodes.device)
    node = offset.expand_as(mass) + 1  # (L, B): each lane's root, in the flat view
    for _ in range(width.bit_length() - 2):
        child = 2 * node - offset
        left = flat.take(child)
        right = mass >= left
        mass = mass - left * right
        node = child + right
    return node - offset - width // 2


def evaluator(network: Network, flat: Tensor) -> Callable[[Tensor], Tensor]:
    params = network.views(flat)
    return without_gradient(network, lambda obs: network.values(params, obs))


def without_gradient(network: Network, values: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Of values (L, B, *shape) -> (L, B, A) the function that ``evaluator`` gives."""
    axes = 2 + len(network.observation)

    def q(obs: Tensor) -> Tensor:
        with torch.no_grad():
            return values(obs) if obs.dim() == axes else values(obs[:, None]).squeeze(1)

    return q


def body(piece: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def optimizer(online: Trainable, variant: Variant, settings: Settings) -> ReferenceOptimizer:
    return ReferenceOptimizer(online, variant, settings)


@cache
def _starts(lanes: int, numbers: int, device: torch.device) -> Tensor:
    """Where each lane begins in a flat view, (L, 1), if it has so many numbers."""
    return torch.arange(lanes, device=device)[:, None] * numbers
