"""The engine of a GPU: the reference's arithmetic with everything on the device, captured in CUDA graphs.

Random numbers are another generator's and sums another library's, so its series differ from those of the other
engines. Matrix products are in full float32, never in TF32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ablations.dqn.types import Transition
from ablations.engines import reference
from ablations.engines.cuda.capture import Captured
from ablations.engines.cuda.draws import DeviceDraws
from ablations.engines.cuda.lanes import DeviceLanes
from ablations.rng.streams import Role

DEVICE = "cuda"
"""Where everything lives. Tests put it on the "cpu", where the same program runs without being captured."""

take, take_frames, tree_find = reference.take, reference.take_frames, reference.tree_find
evaluator, body, optimizer = reference.evaluator, reference.body, reference.optimizer


torch.set_float32_matmul_precision("highest")  # no TF32, whatever the surroundings say


def missing() -> str:
    """Why there is no such device here, or an empty text."""
    if DEVICE != "cuda" or torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} is built without CUDA"
    return f"PyTorch {torch.__version__} sees no CUDA device"


def instruction_set() -> str:
    """The device in words, with what else may change a bit."""
    if DEVICE != "cuda":
        return f"on CPU tensors, {torch.backends.cpu.get_cpu_capability()}"
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}, CUDA {torch.version.cuda}"


def synchronize() -> None:
    """Wait until the device has done all that it was told."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def device() -> str:
    return DEVICE


def draws(entropy: int, seeds: Sequence[int], role: Role, width: int) -> DeviceDraws:
    return DeviceDraws(entropy, seeds, role, width, DEVICE)


def lanes(
    env_id: str, args: Mapping[str, Any], entropy: int, seeds: Sequence[int], own_generators: bool = False
) -> DeviceLanes:
    """The environments, of a kind that ``cuda.refusals`` has nothing against."""
    return DeviceLanes(env_id, args, entropy, seeds, DEVICE)


def tensor(numbers: Any, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(numbers).to(dtype)


def compile(function: Callable[..., Any], envs: object = None) -> Captured:
    return Captured(function, DEVICE, envs.refill if isinstance(envs, DeviceLanes) else None)


def counter(value: int = 0) -> Tensor:
    return torch.full((), value, dtype=torch.int64, device=DEVICE)


def advance(position: Tensor, size: Tensor, capacity: int) -> tuple[Tensor, Tensor]:
    return position.add_(1).remainder_(capacity), size.add_(1).clamp_(max=capacity)


def put(rows: Tensor, slot: Tensor, transition: Transition) -> None:
    obs, action, reward, discount, next_obs, ended = transition
    numbers = torch.stack((action.to(rows.dtype), reward, discount, ended), dim=-1)  # (L, 4)
    row = torch.cat((obs, next_obs, numbers), dim=-1)  # (L, 2 D + 3)
    rows[..., : row.shape[-1]].index_copy_(1, slot.view(1), row[:, None])


def tree_put(nodes: Tensor, slot: Tensor, value: Tensor) -> None:
    """The path from the leaf to the root is the same in every lane."""
    depth = nodes.shape[1].bit_length() - 2
    leaf = slot + nodes.shape[1] // 2
    path = leaf >> torch.arange(depth + 1, device=nodes.device)  # (depth + 1,): leaf, parent, ..., root
    siblings = nodes.index_select(1, path[:-1] ^ 1)  # (L, depth)
    sums = [value]
    for sibling in siblings.unbind(-1):
        sums.append(sums[-1] + sibling)
    nodes.index_copy_(1, path, torch.stack(sums, dim=-1))


def tree_set(nodes: Tensor, index: Tensor, value: Tensor) -> None:
    """The reference's once all duplicates of a leaf carry the last one's value: a device writes in no fixed order."""
    same = index[:, :, None] == index[:, None, :]  # (L, B, B)
    place = torch.arange(index.shape[1], device=index.device)
    last = torch.where(same, place, -1).amax(-1)  # (L, B)
    reference.tree_set(nodes, index, value.gather(1, last))
