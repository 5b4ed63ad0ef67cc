"""What bit identity rests on: a layer's bits, forward and backward, don't depend on the lanes beside it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, ClassVar

import pytest
import torch
from torch import Tensor

from ablations.dqn.layers import Parameter, affine, dense, layer_norm, norm
from ablations.dqn.network import ALIGN, Network
from ablations.dqn.trunk import Mlp
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from ablations.dqn.layers import Params

LANES = 40


class OneLayer:
    """A head that is one layer, normalized, so that a network without a trunk lays it out as any other."""

    kind: ClassVar[str] = "one"

    def parameters(self, features: int, actions: int, outputs_per_action: int) -> tuple[Parameter, ...]:
        return (*dense("advantage", features, actions, Role.HEAD), *norm("advantage", actions, Role.HEAD))

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        return affine(params, "advantage", h)


def bits(flat: Tensor, x: Tensor, slope: Tensor, network: Network) -> list[Tensor]:
    """Outputs and all gradients of a layer laid out in ``flat``, before and behind its norm."""
    x = x.detach().requires_grad_()
    params = {name: part.detach().requires_grad_() for name, part in network.views(flat).items()}
    plain = affine(params, "advantage", x)
    normalized = layer_norm(params, "advantage", plain)
    weights = [x, params["advantage.weight"], params["advantage.bias"]]
    return [
        plain.detach(),
        normalized.detach(),
        *torch.autograd.grad(plain, weights, slope, retain_graph=True),
        *torch.autograd.grad(normalized, [x, *params.values()], slope),
    ]


@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 6, 8, 24, 64])
def test_a_layer_has_the_same_bits_alone_and_among_lanes(outputs: int) -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(outputs)
    for inputs, batch in product((1, 2, 3, 4, 6, 24, 64, 128), (1, 5, 7, 32, 33, 64, 100)):
        network = Network((inputs,), outputs, Mlp(()), OneLayer())
        assert network.size % ALIGN == 0
        flat = torch.randn(LANES, network.size, generator=generator)
        x = torch.randn(LANES, batch, inputs, generator=generator)
        slope = torch.randn(LANES, batch, outputs, generator=generator)
        together = bits(flat, x, slope, network)
        for start, lanes in product((0, 5), (1, 2, 32)):
            part = slice(start, start + lanes)
            alone = bits(flat[part].clone(), x[part].clone(), slope[part].clone(), network)
            for one, all_ in zip(alone, together, strict=True):
                assert torch.equal(one, all_[part]), (inputs, batch, lanes, start)
