"""Gradient descent over lanes in torch: one buffer of parameters, one of gradients, one operation per step.

A lane whose loss or gradient is not finite is frozen: its parameters stay as they were. No update asks a tensor for its
value, so that the same program runs on a device that is told ahead.
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
    """Steps a ``Trainable`` down the gradient of per-lane losses, by autograd and torch's own rules.

    ``frozen_at`` (L,) is the update that froze a lane, 0 where none did; ``gradient_norm`` (L,) the Euclidean norm of
    the latest gradient before clipping.
    """

    def __init__(self, online: Trainable, variant: Variant, settings: Settings) -> None:
        self.online = online
        self.loss, self.rule, self.learning_rate = variant.loss, variant.optimizer, settings.learning_rate
        self.moments = moments_of(online.flat)
        self.updates = torch.zeros((), dtype=torch.int64, device=online.flat.device)
        self.frozen_at = self.updates.repeat(len(online.flat))  # (L,)
        self.gradient_norm = online.flat.new_zeros(len(online.flat))  # (L,)

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B): the loss of a lane is mean_b weight_b loss_b."""
        outputs = self.outputs(batch.obs)  # (L, B, A, Z)
        errors = self.loss.error(outputs, batch.action, y)
        with torch.no_grad():
            losses = errors.loss.detach()
            loss = (batch.weight * losses).mean(-1)  # (L,)
            q = self.loss.values(outputs.detach())  # (L, B, A)
            largest_q = torch.linalg.vector_norm(q, torch.inf, dim=(1, 2))
        # the gradient of the **sum** of the lanes' losses: it keeps them apart
        self.step(errors.loss, batch.weight * (1 / y.shape[1]), loss)
        return Update(batch, q, errors.delta.detach(), errors.priority.detach(), loss, largest_q)

    def outputs(self, obs: Tensor) -> Tensor:
        """What the online network gives: (L, B, *shape) -> (L, B, A, Z)."""
        network, params = self.online.network, self.online.params
        return network.outputs(params, network.features(params, obs))

    def step(self, losses: Tensor, shares: Tensor, loss: Tensor) -> None:
        """One update down the gradient of the sum of shares * losses, both (L, B), which is ``loss`` (L,) by lane."""
        self.online.differentiate(losses, shares, self.online.params)
        self.apply(loss)

    def apply(self, loss: Tensor) -> None:
        """Step down the gradient that is in ``online.grad``, but for lanes that are frozen."""
        with torch.no_grad():
            finite = self.clip(loss)
            self.updates += 1
            self.frozen_at.copy_(torch.where((self.frozen_at == 0) & ~finite, self.updates, self.frozen_at))
            flat = self.online.flat
            before = flat.clone()
            self.rule.step(flat, self.online.grad, self.moments, self.learning_rate)
            torch.where((self.frozen_at == 0)[:, None], flat, before, out=flat)

    def clip(self, loss: Tensor) -> Tensor:
        """Scale the gradient of lanes above the largest norm, if there is one; whose loss and gradient are finite."""
        grad, most = self.online.grad, self.rule.max_grad_norm
        self.gradient_norm.copy_(grad.norm(dim=-1))
        if not most:
            return (loss + grad.sum(-1)).isfinite()  # any NaN or infinity of the gradient shows in its sum
        grad.mul_((most / (self.gradient_norm + 1e-6)).clamp_(max=1.0)[:, None])
        return (loss + self.gradient_norm).isfinite()

    def synced(self) -> None:
        """The target has copied theta: a rule may have something to do."""
        if hasattr(self.rule, "synced"):
            self.rule.synced(self.moments)

    def state(self) -> State:
        """Moments, the number of updates, and who is frozen. The latest gradient is not part of it."""
        return {**state_of(self.moments), "updates": self.updates.item(), "frozen_at": self.frozen_at}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        put_back(self.moments, state)
        self.updates.fill_(state["updates"])
        self.frozen_at.copy_(torch.from_numpy(state["frozen_at"]))


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
