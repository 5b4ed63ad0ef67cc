"""Gradient steps over lanes: one buffer of parameters, one of gradients, one operation per step.

The rules are torch.optim's (Adam: betas 0.9, 0.999; RMSprop: alpha 0.99, eps 1e-8; SGD: plain), element by element, so
lanes cannot see each other. A lane whose loss or gradient is not finite is frozen: its parameters stay as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from ablations.dqn.layers import Layer
from ablations.dqn.network import Network
from ablations.dqn.replay.ring import Batch
from ablations.dqn.settings import Settings
from ablations.engines import Optimizer, Update
from ablations.state import State


class Trainable:
    """The online parameters: a buffer, its gradient, and views of both, layer by layer."""

    def __init__(self, network: Network, flat: Tensor) -> None:
        self.network = network
        self.flat = flat  # (L, P)
        self.grad = torch.zeros_like(flat)  # (L, P): the padding's gradient stays zero
        self.layers = {
            name: Layer(*(part.detach().requires_grad_() for part in layer))
            for name, layer in network.views(flat).items()
        }
        self._leaves = list(network.parameters(self.layers).values())
        self._gradients = list(network.parameters(network.views(self.grad)).values())

    def differentiate(self, loss: Tensor) -> Tensor:
        """The gradient of the scalar ``loss`` by all parameters: ``grad`` (L, P), overwritten."""
        for stored, fresh in zip(self._gradients, torch.autograd.grad(loss, self._leaves), strict=True):
            stored.copy_(fresh)
        return self.grad


class ReferenceOptimizer:
    """Steps a ``Trainable`` down the gradient of per-lane losses, by autograd and torch's own rules."""

    frozen_at: Tensor | None = None

    def __init__(self, online: Trainable, settings: Settings) -> None:
        self.online = online
        self.settings = settings
        self.first = torch.zeros_like(online.flat)  # Adam's m
        self.second = torch.zeros_like(online.flat)  # Adam's v, RMSprop's mean square
        self.count = torch.zeros((), dtype=torch.float32, device=online.flat.device)
        self.alive = torch.ones(len(online.flat), dtype=torch.bool, device=online.flat.device)  # (L,)
        self.all_alive = True
        self._norm: Tensor | None = None  # of the latest gradient before clipping, if it was clipped

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B): the loss of a lane is mean_b weight_b error(y_b - Q(s_b, a_b))."""
        q = self.online.network.values(self.online.layers, batch.obs)  # (L, B, A)
        delta = y - q.gather(-1, batch.action[..., None]).squeeze(-1)  # (L, B)
        loss = (batch.weight * error(delta, self.settings.loss)).mean(-1)  # (L,)
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
            if self.settings.max_grad_norm > 0:
                self._norm = grad.norm(dim=-1, keepdim=True)  # (L, 1)
                size = self._norm.squeeze(-1)
                grad.mul_((self.settings.max_grad_norm / (self._norm + 1e-6)).clamp_(max=1.0))
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
        return state_of(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        put_back(self, state)
        self.all_alive = bool(self.alive.all())

    def _apply(self) -> None:
        flat, grad = [self.online.flat], [self.online.grad]
        match self.settings.optimizer:
            case "adam":
                adam(
                    flat, grad, [self.first], [self.second], [], [self.count],
                    fused=True, amsgrad=False, beta1=0.9, beta2=0.999, lr=self.settings.learning_rate,
                    weight_decay=0.0, eps=self.settings.adam_eps, maximize=False,
                )  # fmt: skip
            case "rmsprop":
                rmsprop(
                    flat, grad, [self.second], [], [], [self.count],
                    foreach=False, lr=self.settings.learning_rate, alpha=0.99, eps=1e-8,
                    weight_decay=0.0, momentum=0.0, centered=False,
                )  # fmt: skip
            case "sgd":
                sgd(
                    flat, grad, [None],
                    foreach=False, weight_decay=0.0, momentum=0.0, lr=self.settings.learning_rate,
                    dampening=0.0, nesterov=False, maximize=False,
                )  # fmt: skip


def state_of(optimizer: Optimizer) -> State:
    """What the coming updates of an optimiser of any family depend on."""
    return {
        "first": optimizer.first,
        "second": optimizer.second,
        "alive": optimizer.alive,
        "count": optimizer.count.item(),
    }


def put_back(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """The other way."""
    optimizer.first.copy_(torch.from_numpy(state["first"]))
    optimizer.second.copy_(torch.from_numpy(state["second"]))
    optimizer.alive.copy_(torch.from_numpy(state["alive"]))
    optimizer.count.fill_(state["count"])


def error(delta: Tensor, loss: str) -> Tensor:
    """Squared: delta^2 / 2. Huber (Mnih et al. 2015: the clipped error): the same within 1, |delta| - 1/2 beyond."""
    if loss == "squared":
        return 0.5 * delta * delta
    size = delta.abs()
    inner = size.clamp(max=1.0)
    return inner * (size - 0.5 * inner)
