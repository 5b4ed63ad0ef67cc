"""The native optimizer: forward, backward and the rule's step compiled, as far as the pieces are.

*Fused*: trunk, head, loss and rule are known, and an update is one call. *General*: what is known of the network is
compiled up to its features or outputs, or, if the loss is a penalty, up to the TD errors; from there to the loss torch
differentiates, and the gradient goes back into compiled code. The rules are those of ``ReferenceOptimizer``.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.loss import is_penalty
from ablations.dqn.network import Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.types import Batch, Update
from ablations.dqn.variants import Variant
from ablations.engines.descent import ReferenceOptimizer
from ablations.engines.native import library
from ablations.engines.native.layers import Layers
from ablations.engines.native.network import Compiled, compiled_part, empty, function_of

NO_RULE = -1


class NativeOptimizer(ReferenceOptimizer):
    """Steps the online parameters, compiled where the pieces are known."""

    def __init__(self, online: Trainable, variant: Variant, settings: Settings) -> None:
        super().__init__(online, variant, settings)
        dtype = online.flat.dtype
        self.part = compiled_part(online.network, dtype)
        rule, loss = ops.op_of(variant.optimizer), ops.op_of(variant.loss)
        self.knows_rule, self.knows_loss = rule is not None, loss is not None
        self.penalizes = is_penalty(variant.loss)
        self.layers = Layers(online.network, online.flat, online.params)
        compiled = tuple(f"{name}." for name in self.part.names) if self.part else ()
        self.by_torch = [name for name in online.params if not name.startswith(compiled)]
        self._descend, self._forward, self._backward = (
            function_of(f"model_{name}", dtype) for name in ("descend", "forward", "backward")
        )
        self._step, self._compare, self._known_penalty, self._by_values = (
            function_of(name, dtype) for name in ("rule_step", "compare", "penalize", "by_values")
        )
        lanes, stride = online.flat.shape
        self._arguments = library.DescentArguments(
            lanes=lanes,
            stride=stride,
            theta=online.flat.data_ptr(),
            grad=online.grad.data_ptr(),
            first=self.moments.first.data_ptr(),
            second=self.moments.second.data_ptr(),
            count=self.moments.count.data_ptr(),
            updates=self.updates.data_ptr(),
            frozen_at=self.frozen_at.data_ptr(),
            norm=self.gradient_norm.data_ptr(),
            rule_kind=rule if self.knows_rule else NO_RULE,
            loss_kind=loss if self.knows_loss else 0,
            learning_rate=settings.learning_rate,
            eps=getattr(variant.optimizer, "eps", 0.0),
            max_norm=variant.optimizer.max_grad_norm,
            decay=getattr(variant.optimizer, "decay", 0.0),
            centered=getattr(variant.optimizer, "centered", False),
        )
        self._reference = ctypes.byref(self._arguments)

    @property
    def fused(self) -> bool:
        """Whether an update is one call."""
        return self.part is not None and self.part.whole and self.knows_loss and self.knows_rule

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B)."""
        if self.part is None or not (self.fused or self.penalizes):
            return super().descend(batch, y)
        dtype, (lanes, samples), actions = self.online.flat.dtype, y.shape, self.part.actions
        action, y, weight = batch.action.contiguous(), y.contiguous(), batch.weight.contiguous()
        if not y.dtype == weight.dtype == dtype:
            raise TypeError(f"targets of {y.dtype} and weights of {weight.dtype} for a network of {dtype}")
        delta = empty((lanes, samples), dtype)
        loss, largest = empty((lanes,), dtype), empty((lanes,), dtype)
        a, arguments = self._arguments, self._reference
        a.action, a.y, a.weight = action.data_ptr(), y.data_ptr(), weight.data_ptr()
        a.delta, a.loss, a.largest = delta.data_ptr(), loss.data_ptr(), largest.data_ptr()
        if self.part.whole:
            self._obs = self.part.rows(batch.obs)
            self._point_at(self.part, self._obs)
            q = empty((lanes, samples, actions), dtype)
            a.q = q.data_ptr()
            done = (self._descend if self.fused else self._forward)(self.part.handle, arguments)
        else:
            outputs = self.outputs(batch.obs)  # (L, B, A, 1)
            q = outputs.detach().squeeze(-1).contiguous()
            a.q, a.batch = q.data_ptr(), samples
            done = self._compare(arguments, actions)
        if not done:
            raise IndexError(f"an action is outside 0 ... {actions - 1}")
        if not self.fused:
            self._penalize(delta, weight, loss, None if self.part.whole else outputs)
        return Update(batch, q, delta, delta, loss, largest)

    def _penalize(self, delta: Tensor, weight: Tensor, loss: Tensor, outputs: Tensor | None) -> None:
        """The rest of an update by the penalty of delta (L, B), and into ``loss`` (L,) the losses.

        What is not known of penalty and head torch differentiates; ``outputs`` (L, B, A, 1) are a head's that is not.
        """
        if self.knows_loss:
            by_delta = empty(tuple(delta.shape), delta.dtype)
            self._known_penalty(self._reference, by_delta.data_ptr())
            if outputs is not None:
                return self.step(outputs, self.by_outputs(by_delta), loss)
            self._arguments.by_delta = by_delta.data_ptr()
            return self._finish(loss)
        if outputs is None:
            self._leaf = errors = delta.detach().requires_grad_()
        else:
            errors = TdErrors.apply(outputs, delta.detach(), self)  # type: ignore[no-untyped-call]
        penalty: Tensor = self.loss.penalty(errors)  # (L, B)
        torch.mean(weight * penalty.detach(), -1, out=loss)
        return self.step(penalty, weight * (1 / delta.shape[1]), loss)

    def by_outputs(self, by_delta: Tensor) -> Tensor:
        """From the gradient by delta (L, B) to that by the outputs (L, B, A, 1)."""
        actions = self.online.network.actions
        by_delta, by_q = by_delta.contiguous(), empty((*by_delta.shape, actions, 1), by_delta.dtype)
        self._by_values(self._reference, actions, by_delta.data_ptr(), by_q.data_ptr())
        return by_q

    def outputs(self, obs: Tensor) -> Tensor:
        """What the online network gives: (L, B, *shape) -> (L, B, A, Z)."""
        if self.part is None:
            return super().outputs(obs)
        self._obs = self.part.rows(obs)
        network = self.online.network
        self._leaf = self.part.outputs_of_rows(self.online.flat, self._obs, keep=True)
        if self.part.whole:
            self._leaf = network.by_action(self._leaf)
            return self._leaf.requires_grad_()
        return network.outputs(self.layers, self._leaf.requires_grad_())

    def step(self, losses: Tensor, shares: Tensor, loss: Tensor) -> None:
        """One update: torch's part of the gradient first, then all that is compiled."""
        others = () if self.part is None else (self._leaf,)
        gradients = self.online.differentiate(losses, shares, self.by_torch, *others)
        if self.part is not None:
            by_leaf = gradients[0].contiguous()  # (L, B, ...)
            self._point_at(self.part, self._obs)
            self._arguments.by_delta = by_leaf.data_ptr() if self._leaf.dim() == 2 else None
            self._arguments.by_output = by_leaf.data_ptr()
        self._finish(loss)

    def _point_at(self, part: Compiled, obs: Tensor) -> None:
        """The observations of the batch, in rows."""
        a = self._arguments
        a.batch, a.obs, (a.obs_lane, a.obs_row, _) = obs.shape[1], obs.data_ptr(), obs.stride()
        a.shown = part.shown(obs)

    def _finish(self, loss: Tensor) -> None:
        """The compiled part's gradient beside torch's, and the rule's step; ``loss`` (L,)."""
        self._arguments.loss = loss.data_ptr()
        if self.part is not None:
            self._backward(self.part.handle, self._reference)
        elif self.knows_rule:
            self._step(self._reference)
        if not self.knows_rule:
            self.apply(loss)


class TdErrors(torch.autograd.Function):
    """delta (L, B) as a function of the outputs (L, B, A, 1) that an optimizer has made it from."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, delta: Tensor, optimizer: NativeOptimizer) -> Tensor:
        ctx.optimizer = optimizer
        return delta.view_as(delta)

    @staticmethod
    def backward(ctx: Any, by_delta: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.optimizer.by_outputs(by_delta), None, None
