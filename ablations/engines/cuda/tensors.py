"""The array namespace of a device: torch, where no question is asked of a tensor but whether all episodes are over."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

KINDS = {float: torch.float64, int: torch.int64, bool: torch.bool}


class Tensors:
    """torch on one device."""

    cos, sin, abs, square, float_power = torch.cos, torch.sin, torch.abs, torch.square, torch.float_power
    minimum, maximum, where = torch.minimum, torch.maximum, torch.where
    asarray, count_nonzero = torch.asarray, torch.count_nonzero
    look_every = 32

    def __init__(self, device: str) -> None:
        self.device = device

    def constant(self, numbers: Any) -> Tensor:
        return torch.as_tensor(numbers, dtype=torch.float64).to(self.device)

    def zeros(self, shape: tuple[int, ...], kind: type) -> Tensor:
        return torch.zeros(shape, dtype=KINDS[kind], device=self.device)

    def full(self, count: int, number: float) -> Tensor:
        return torch.full((count,), number, dtype=torch.float64, device=self.device)

    def rows(self, *rows: Tensor) -> Tensor:
        return torch.stack(rows)

    def math_cos(self, angles: Tensor) -> Tensor:
        return angles.cos()

    def single(self, states: Tensor) -> Tensor:
        return states.float()

    def seen(self, states: Tensor) -> Tensor:
        return states.T.float().contiguous()

    def turned(self, angles: Tensor, pi: Tensor, turn: Tensor) -> Tensor:
        """All turns at once: nobody can look how many."""
        return angles - turn * (angles / turn).round()

    def fetched(self, array: Tensor) -> npt.NDArray[Any]:
        return array.cpu().numpy().copy()
