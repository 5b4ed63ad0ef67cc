"""The reference's optimiser for a device: no update asks it whether a lane has diverged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ablations.dqn.network import Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.variants import Variant
from ablations.engines.descent import ReferenceOptimizer
from ablations.state import State


class DeviceOptimizer(ReferenceOptimizer):
    """Each update keeps the parameters of frozen lanes by a mask, and notes on the device which update froze them."""

    def __init__(self, online: Trainable, variant: Variant, settings: Settings) -> None:
        super().__init__(online, variant, settings)
        self.updates = torch.zeros((), dtype=torch.int64, device=online.flat.device)
        self.frozen = self.updates.repeat(len(online.flat))  # (L,): the update that did it; 0: none
        self.frozen_at = self.frozen

    def step(self, loss: Tensor) -> bool:
        """As the reference's, but for its answer, which is always no: ``frozen_at`` knows."""
        finite = self.gradient(loss)
        with torch.no_grad():
            self.updates += 1
            self.frozen.copy_(torch.where(self.alive & ~finite, self.updates, self.frozen))
            self.alive &= finite
            self.apply_to_living()
        return False

    def state(self) -> State:
        """The reference's, and which update froze whom."""
        return {**super().state(), "updates": int(self.updates), "frozen_at": self.frozen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        super().restore(state)
        self.updates.fill_(state["updates"])
        self.frozen.copy_(torch.from_numpy(state["frozen_at"]))
