"""The maintenance slot: what is done to the networks now and then, after the target has followed.

``maintain(online, target_params, optimizer, updates)`` is called after each gradient update with the number of
finished ones; it may change parameters (L, P) and moments in place, of living lanes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.network import Trainable
    from ablations.dqn.ops import Optimizer


@dataclass(frozen=True)
class NoMaintenance:
    """Networks are left as training makes them."""

    kind: ClassVar[str] = "none"

    def maintain(self, online: Trainable, target_params: Tensor, optimizer: Optimizer, updates: int) -> None:
        """Nothing to do."""

    def facts(self) -> Facts:
        return Facts(off=True)
