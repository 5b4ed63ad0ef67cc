"""The native optimizer: forward, backward and the rule's step compiled, as far as the pieces are.

*Fused*: trunk, head, loss and rule are known, and an update is one call. *General*: what is known of the network is
compiled up to its features or outputs; from there to the loss torch differentiates, and the gradient by the features or
outputs goes back into compiled code. The rules are those of ``ReferenceOptimizer``.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from ablations.dqn import ops
from ablations.dqn.network import Trainable
from ablations.dqn.settings import Settings
from ablations.dqn.types import Batch, Update
from ablations.dqn.variants import Variant
from ablations.engines.descent import ReferenceOptimizer
from ablations.engines.native import library
from ablations.engines.native.network import compiled_part, empty, function_of, in_rows

NO_RULE = -1


class NativeOptimizer(ReferenceOptimizer):
    """Steps the online parameters, compiled where the pieces are known."""

    def __init__(self, online: Trainable, variant: Variant, settings: Settings) -> None:
        super().__init__(online, variant, settings)
        dtype = online.flat.dtype
        self.part = compiled_part(online.network, dtype)
        rule, loss = ops.op_of(variant.optimizer), ops.op_of(variant.loss)
        self.knows_rule = rule is not None
        self.fused = self.part is not None and self.part.whole and loss is not None and self.knows_rule
        compiled = {f"{name}." for name in self.part.names} if self.part else set()
        self._by_torch = [name for name in online.params if not name.startswith(tuple(compiled) or "\0")]
        self._descend, self._backward, self._step = (
            function_of(name, dtype) for name in ("model_descend", "model_backward", "rule_step")
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
            loss_kind=loss if loss is not None else 0,
            learning_rate=settings.learning_rate,
            eps=getattr(variant.optimizer, "eps", 0.0),
            max_norm=variant.optimizer.max_grad_norm,
        )

    def descend(self, batch: Batch, y: Tensor) -> Update:
        """One update towards the targets y (L, B)."""
        if not self.fused or self.part is None:
            return super().descend(batch, y)
        dtype, (lanes, samples) = self.online.flat.dtype, y.shape
        obs = in_rows(batch.obs, dtype)
        action, y, weight = batch.action.contiguous(), y.contiguous(), batch.weight.contiguous()
        if not y.dtype == weight.dtype == dtype:
            raise TypeError(f"targets of {y.dtype} and weights of {weight.dtype} for a network of {dtype}")
        q = empty((lanes, samples, self.part.columns), dtype)
        delta = empty((lanes, samples), dtype)
        loss, largest = empty((lanes,), dtype), empty((lanes,), dtype)
        a = self._arguments
        a.batch = samples
        a.obs, (a.obs_lane, a.obs_row, _) = obs.data_ptr(), obs.stride()
        a.action, a.y, a.weight = action.data_ptr(), y.data_ptr(), weight.data_ptr()
        a.q, a.delta, a.loss, a.largest = q.data_ptr(), delta.data_ptr(), loss.data_ptr(), largest.data_ptr()
        if not self._descend(self.part.handle, ctypes.byref(a)):
            raise IndexError(f"an action is outside 0 ... {self.part.columns - 1}")
        return Update(batch, q, delta, delta, loss, largest)

    def outputs(self, obs: Tensor) -> Tensor:
        """What the online network gives: (L, B, D) -> (L, B, A, Z)."""
        if self.part is None:
            return super().outputs(obs)
        self._obs = in_rows(obs, self.online.flat.dtype)
        network, self._leaf = self.online.network, self.part.outputs(self.online.flat, self._obs, keep=True)
        if self.part.whole:
            self._leaf = network.by_action(self._leaf)
            return self._leaf.requires_grad_()
        return network.outputs(self.online.params, self._leaf.requires_grad_())

    def step(self, losses: Tensor, shares: Tensor, loss: Tensor) -> None:
        """One update: torch's part of the gradient first, then all that is compiled."""
        if self.part is None and not self.knows_rule:
            super().step(losses, shares, loss)
            return
        leaves = [self.online.params[name] for name in self._by_torch]
        if self.part is not None:
            leaves.append(self._leaf)
        by_leaf = list(torch.autograd.grad(losses, leaves, shares))
        a = self._arguments
        a.loss = loss.data_ptr()
        if self.part is None:
            self.store(by_leaf)
            self._step(ctypes.byref(a))
            return
        by_output = by_leaf.pop().contiguous()  # (L, B, ...)
        self.store(by_leaf)
        a.batch, a.by_output = by_output.shape[1], by_output.data_ptr()
        a.obs, (a.obs_lane, a.obs_row, _) = self._obs.data_ptr(), self._obs.stride()
        self._backward(self.part.handle, ctypes.byref(a))
        if not self.knows_rule:
            self.apply(loss)

    def store(self, parts: list[Tensor]) -> None:
        """Put torch's part of the gradient beside the compiled one."""
        for name, part in zip(self._by_torch, parts, strict=True):
            self.online.grads[name].copy_(part)
