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


class ConsecutiveRing(Ring):
    """A ring that holds a batch and the rows that its returns look ahead to."""

    def __init__(self, space: Space) -> None:
        least = space.batch_size + space.lookahead
        super().__init__(space, max(space.capacity, least), space.batch_size)
        self.lookahead = space.lookahead


@dataclass(frozen=True)
class Consecutive:
    """The last B transitions, oldest first: correlated samples at replay's batch size.

    Where returns look ahead they are the last B whose windows are whole.
    """

    kind: ClassVar[str] = "consecutive"

    def init(self, space: Space) -> ConsecutiveRing:
        return ConsecutiveRing(space)

    def add(self, memory: Ring, transition: Transition) -> None:
        memory.add(transition)

    def sample(self, memory: ConsecutiveRing, u: Tensor, progress: Number) -> tuple[Tensor, Tensor]:
        back = u.new_ones(u.shape).long().cumsum(-1) - 1 - u.shape[-1] - memory.lookahead  # (L, B): -B ... -1
        return (back + memory.position) % memory.capacity, memory.ones

    def feedback(self, memory: Ring, index: Tensor, delta: Tensor) -> None:
        """Nothing to learn from errors."""

    def facts(self) -> Facts:
        return Facts(order=1, off=True, shade=-0.2, dash="dashed")

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        """(setting, sentence): the batch, and what its returns look ahead to, must be there from the start."""
        ahead = variant.returns.facts().lookahead
        needed = settings.batch_size + ahead
        of = f"batch_size + {ahead}" if ahead else "batch_size"
        for name, size in (
            ("buffer_size", settings.buffer_size),
            ("learning_starts", settings.learning_starts),
        ):
            if size < needed and (ahead or name == "buffer_size"):
                yield (
                    name,
                    f"{name} ({size}) is too small: '{self.kind}' needs the last {of} ({needed}) transitions",
                )
