"""The replay slot: which stored transitions an update learns from.

``init(space) -> memory``, ``add(memory, transition)``, ``sample(memory, u, progress) -> Batch`` with u uniform draws
(L, B) and progress the share of the run that is done, ``feedback(memory, batch, delta)`` with the TD errors (L, B).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.replay.ring import Batch, Number, Ring, Space, Transition


class Replay(Protocol):
    """What the kernel asks of a replay piece. Its memory is a ``Ring``, or one with more in it."""

    kind: ClassVar[str]

    def init(self, space: Space) -> Ring:
        """An empty memory for ``space.lanes`` lanes."""
        ...

    def add(self, memory: Any, transition: Transition) -> None:
        """Store one environment step of every lane."""
        ...

    def sample(self, memory: Any, u: Tensor, progress: Number) -> Batch:
        """The batch of the next update; all randomness comes from ``u``, float64 in [0, 1)."""
        ...

    def feedback(self, memory: Any, batch: Batch, delta: Tensor) -> None:
        """Tell the memory the TD errors of the batch it gave."""
        ...
