"""Gradient descent over lanes in torch: one buffer of parameters, one of gradients, one operation per step.

A lane whose loss or gradient is not finite is frozen: its parameters stay as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ablations.dqn.network import Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.types import Batch, Moments, Update
from ablations.dqn.variants import Variant
from ablations.state import State


class ReferenceOptimizer:
    """Steps a ``Trainable`` down the gradient of per-lane losses, by autograd and torch's own rules."""

    frozen_at: Tensor | None = None

    def __init__(self, online: Trainable, variant: Variant, settings: Settings) -> None:
        self.online = online
        self.loss, self.rule, self.learning_rate = variant.loss, variant.optimizer, settings.learning_rate
        self.moments = moments_of(online.flat)
        self.alive = torch.ones(len(online.flat), dtype=torch.bool, device=online.flat.device)  # (L,)
        self.all_alive = True
        self._norm: Tensor | None = None  # of the latest gradient before clipping, if it was clipped

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B): the loss of a lane is mean_b weight_b error(y_b - Q(s_b, a_b))."""
        q = self.online.network.values(self.online.layers, batch.obs)  # (L, B, A)
        delta = y - q.gather(-1, batch.action[..., None]).squeeze(-1)  # (L, B)
        loss = (batch.weight * self.loss.error(delta)).mean(-1)  # (L,)
        froze = self.step(loss)
        q = q.detach()
        return Update(batch, q, delta.detach(), loss.detach(), q.abs().flatten(1).amax(-1), froze)

    def step(self, loss: Tensor) -> bool:
        """One update from the losses (L,); the **sum** over lanes keeps their gradients apart.

        Returns whether a lane was frozen by this update.
        """
        finite = self.gradient(loss)
        with torch.no_grad():
            newly_frozen = not bool(finite.all()) and bool((self.alive & ~finite).any())
            if newly_frozen:
                self.alive &= finite
                self.all_alive = False
            if self.all_alive:
                self._apply()
            else:
                self.apply_to_living()
        return newly_frozen

    def gradient(self, loss: Tensor) -> Tensor:
        """Take the gradient of the losses (L,), clipped if that is asked for; whose is finite: (L,)."""
        grad = self.online.differentiate(loss.sum())
        with torch.no_grad():
            if self.rule.max_grad_norm > 0:
                self._norm = grad.norm(dim=-1, keepdim=True)  # (L, 1)
                size = self._norm.squeeze(-1)
                grad.mul_((self.rule.max_grad_norm / (self._norm + 1e-6)).clamp_(max=1.0))
            else:
                size = grad.sum(-1)
            return (loss + size).isfinite()  # any NaN or infinity of the gradient shows in its sum or norm

    def apply_to_living(self) -> None:
        """Step down the gradient; the parameters of frozen lanes stay as they were."""
        flat, before = self.online.flat, self.online.flat.clone()
        self._apply()
        torch.where(self.alive[:, None], flat, before, out=flat)

    def gradient_norm(self) -> Tensor:
        """The Euclidean norm of the latest gradient before clipping: (L,)."""
        return self.online.grad.norm(dim=-1) if self._norm is None else self._norm.squeeze(-1)

    def state(self) -> State:
        """Moments, the number of updates, and who is alive. The latest gradient is not part of it."""
        return {**state_of(self.moments), "alive": self.alive}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        put_back(self.moments, state)
        self.alive.copy_(torch.from_numpy(state["alive"]))
        self.all_alive = bool(self.alive.all())

    def _apply(self) -> None:
        self.rule.step(self.online.flat, self.online.grad, self.moments, self.learning_rate)


def moments_of(flat: Tensor) -> Moments:
    """Moments before the first step, for parameters (L, P)."""
    count = torch.zeros((), dtype=torch.float32, device=flat.device)
    return Moments(torch.zeros_like(flat), torch.zeros_like(flat), count)


def state_of(moments: Moments) -> State:
    """What a checkpoint holds of them."""
    return {"first": moments.first, "second": moments.second, "count": moments.count.item()}


def put_back(moments: Moments, state: Mapping[str, Any]) -> None:
    """The other way."""
    moments.first.copy_(torch.from_numpy(state["first"]))
    moments.second.copy_(torch.from_numpy(state["second"]))
    moments.count.fill_(state["count"])
