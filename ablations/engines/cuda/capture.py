"""A function that is launched as one: its operations are recorded once as a CUDA graph and replayed from then on.

Launching some hundred small operations one by one takes a host longer than a device needs to carry them out. A graph
bakes in addresses and the host's numbers, so each argument has a fixed place that is written before each call, and
numbers become tensors without axes. On CPU tensors nothing is recorded, and the function runs as it is on the same
arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ablations.dqn.types import Clock

WARM_UPS = 3
"""Calls that run operation by operation before the recording: libraries set themselves up, allocators settle."""


class Captured:
    """Calls ``function`` with what it is called with. Results keep their place: the next call overwrites them.

    ``refill`` is called before each call, where what the function draws from must not run out.
    """

    def __init__(
        self, function: Callable[..., Any], device: str, refill: Callable[[], None] | None = None
    ) -> None:
        self.function, self.device, self.refill = function, torch.device(device), refill
        self.places: list[Any] | None = None
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Numbers may be given as such; whatever is neither number nor tensor must be the same at each call."""
        if self.refill is not None:
            self.refill()
        if self.places is None:
            self.places = [_placed(argument, self.device) for argument in arguments]
        for place, argument in zip(self.places, arguments, strict=True):
            _refill(place, argument)
        if self.device.type != "cuda":
            return self.function(*self.places)
        self.calls += 1
        if self.calls <= WARM_UPS:
            return self._aside()
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.result = self.function(*(self.places or ()))
        self.graph.replay()
        return self.result

    def _aside(self) -> Any:
        """The function in a stream of its own, as PyTorch asks of calls before a recording."""
        here, aside = torch.cuda.current_stream(self.device), torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            result = self.function(*(self.places or ()))
        here.wait_stream(aside)
        return result


def _refill(place: Any, argument: Any) -> None:
    if isinstance(argument, Tensor):
        place.copy_(argument)
    elif isinstance(argument, int | float):
        place.fill_(argument)
    elif isinstance(argument, Clock):
        for part, number in zip(place, argument, strict=True):
            part.fill_(number)


def _placed(argument: Any, device: torch.device) -> Any:
    if isinstance(argument, Clock):  # in double precision, whatever is made of it
        return Clock(*torch.zeros(len(argument), dtype=torch.float64, device=device).unbind())
    if isinstance(argument, Tensor):
        return torch.empty_like(argument, device=device)
    if isinstance(argument, int | float):
        kind = torch.int64 if isinstance(argument, int) else torch.float64
        return torch.zeros((), dtype=kind, device=device)
    return argument
