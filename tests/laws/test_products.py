"""What bit identity rests on: a dense layer's bits, forward and backward, don't depend on the lanes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from ablations.dqn.layers import Dense, Layer, affine
from ablations.dqn.network import ALIGN, Network
from ablations.dqn.trunk import Mlp
from ablations.rng.streams import Role

LANES = 40


class OneLayer:
    """A head that is one dense layer, so that a network without a trunk lays it out as any other."""

    kind: ClassVar[str] = "one"

    def layers(self, features: int, actions: int) -> tuple[Dense, ...]:
        return (Dense("advantage", features, actions, Role.HEAD),)

    def apply(self, layers: Mapping[str, Layer], h: Tensor) -> Tensor:
        return affine(layers["advantage"], h)


def bits(flat: Tensor, x: Tensor, slope: Tensor, network: Network) -> list[Tensor]:
    """Outputs and all gradients of a layer laid out in ``flat``."""
    layer = network.views(flat)["advantage"]
    leaves = [x.detach().requires_grad_(), *(part.detach().requires_grad_() for part in layer)]
    out = affine(Layer(leaves[1], leaves[2]), leaves[0])
    return [out.detach(), *torch.autograd.grad(out, leaves, slope)]


@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 6, 8, 24, 64])
def test_a_layer_has_the_same_bits_alone_and_among_lanes(outputs: int) -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(outputs)
    for inputs, batch in product((1, 2, 3, 4, 6, 24, 64, 128), (1, 5, 7, 32, 33, 64, 100)):
        network = Network(inputs, outputs, Mlp(()), OneLayer())
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
