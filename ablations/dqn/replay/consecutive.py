"""Replay's batch without its shuffling: what `no-replay` confounds with a batch of one, taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.facts import Facts
from ablations.dqn.replay.ring import Ring

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.settings import Settings
    from ablations.dqn.types import Number, Space, Transition
    from ablations.dqn.variants import Variant


@dataclass(frozen=True)
class Consecutive:
    """The last B transitions, oldest first: correlated samples at replay's batch size."""

    kind: ClassVar[str] = "consecutive"

    def init(self, space: Space) -> Ring:
        return Ring(space, max(space.capacity, space.batch_size), space.batch_size)

    def add(self, memory: Ring, transition: Transition) -> None:
        memory.add(transition)

    def sample(self, memory: Ring, u: Tensor, progress: Number) -> tuple[Tensor, Tensor]:
        back = u.new_ones(u.shape).long().cumsum(-1) - 1 - u.shape[-1]  # (L, B): -B ... -1
        return (back + memory.position) % memory.capacity, memory.ones

    def feedback(self, memory: Ring, index: Tensor, delta: Tensor) -> None:
        """Nothing to learn from errors."""

    def facts(self) -> Facts:
        return Facts(order=1, off=True, shade=-0.2, dash="dashed")

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        """(setting, sentence): the batch must fit into the buffer."""
        if settings.buffer_size < settings.batch_size:
            yield (
                "buffer_size",
                f"buffer_size ({settings.buffer_size}) is too small: '{self.kind}' needs the last batch_size "
                f"({settings.batch_size}) transitions",
            )
