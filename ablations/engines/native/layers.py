"""Parameters by name as a piece in torch gets them: ``layers.affine`` finds compiled, differentiable products there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ablations.dqn.network import Network
from ablations.engines.native.network import Model, empty, function_of, in_rows, spec_of


class Layers(dict[str, Tensor]):
    """``params`` {name: (L, *shape)} of a network, views into ``flat`` (L, P)."""

    def __init__(self, network: Network, flat: Tensor, params: Mapping[str, Tensor]) -> None:
        super().__init__(params)
        self.network, self.flat = network, flat
        self.products: dict[str, tuple[Product, Tensor, Tensor | None]] = {}

    def affine(self, name: str, x: Tensor) -> Tensor:
        """x W + b by the layer of this name: (L, B, I) -> (L, B, O)."""
        if name not in self.products:
            product = Product(self.network, name, self.flat.dtype)
            self.products[name] = product, self[f"{name}.weight"], self.get(f"{name}.bias")
        product, weight, bias = self.products[name]
        if not torch.is_grad_enabled():
            return product.outputs(self.flat, x)
        y: Tensor = Affine.apply(x, weight, bias, product, self.flat)  # type: ignore[no-untyped-call]
        return y


class Product(Model):
    """A layer by itself, and the way back through it: dense, or filters on patches."""

    def __init__(self, network: Network, name: str, dtype: torch.dtype) -> None:
        spec = spec_of(network, name, False, -1)
        spec.gain = spec.shift = -1  # a norm of the same name is not part of it
        super().__init__([spec], 0, spec.outputs, 0, network, dtype)
        self.place, self.bias = network.layout[f"{name}.weight"], spec.bias
        self._back = function_of("model_through", dtype)

    def back(self, flat: Tensor, x: Tensor, by_output: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """From the gradient by its output to those by x, weight and bias."""
        lanes, stride = flat.shape
        x, by_output = in_rows(x, self.dtype), by_output.contiguous()
        by_lane, by_row, _ = x.stride()
        by_x = empty(tuple(x.shape), self.dtype)
        (*inner, outputs), turned = self.place.shape, self.place.turned
        inputs = math.prod(inner)
        by_weight = empty((lanes, *((outputs, inputs) if turned else (inputs, outputs))), self.dtype)
        by_bias = empty((lanes, outputs), self.dtype)
        self._back(
            self.handle, lanes, x.shape[1], flat.data_ptr(), stride, x.data_ptr(), by_lane, by_row,
            by_output.data_ptr(), by_x.data_ptr(), by_weight.data_ptr(), by_bias.data_ptr(),
        )  # fmt: skip
        by_weight = by_weight.transpose(1, 2) if turned else by_weight.view(lanes, *self.place.shape)
        return by_x, by_weight, by_bias if self.bias >= 0 else None


class Affine(torch.autograd.Function):
    """``layers.affine`` with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, product: Product, flat: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x)
        ctx.product, ctx.flat = product, flat
        return product.outputs(flat, x)

    @staticmethod
    def backward(ctx: Any, by_output: Tensor) -> tuple[Tensor | None, ...]:
        return *ctx.product.back(ctx.flat, *ctx.saved_tensors, by_output), None, None
