"""What bit identity rests on: a layer's bits, forward and backward, don't depend on the lanes beside it."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, ClassVar

import pytest
import torch
from torch import Tensor

from ablations.dqn.layers import Parameter, affine, convolve, dense, layer_norm, norm
from ablations.dqn.network import ALIGN, Network
from ablations.dqn.trunk import MinAtarCnn, Mlp
from ablations.rng.streams import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from ablations.dqn.layers import Params

LANES = 40


class OneLayer:
    """A head that is one layer, normalized, so that a network without a trunk lays it out as any other."""

    kind: ClassVar[str] = "one"

    def parameters(self, features: int, actions: int, outputs_per_action: int) -> tuple[Parameter, ...]:
        return (*dense("advantage", features, actions, Role.HEAD), *norm("advantage", actions, Role.HEAD))

    def outputs(self, params: Params, h: Tensor) -> Tensor:
        return affine(params, "advantage", h)


def bits(
    flat: Tensor, x: Tensor, slope: Tensor, network: Network, name: str, layer: Callable[..., Tensor]
) -> list[Tensor]:
    """Outputs and all gradients of a layer laid out in ``flat``, before and behind its norm."""
    x = x.detach().requires_grad_()
    views = {key: part for key, part in network.views(flat).items() if key.startswith(name)}
    params = {key: part.detach().requires_grad_() for key, part in views.items()}
    plain = layer(params, name, x).flatten(2)
    normalized = layer_norm(params, name, plain)
    weights = [x, params[f"{name}.weight"], params[f"{name}.bias"]]
    return [
        plain.detach(),
        normalized.detach(),
        *torch.autograd.grad(plain, weights, slope, retain_graph=True),
        *torch.autograd.grad(normalized, [x, *params.values()], slope),
    ]


def hold(
    network: Network,
    batch: int,
    units: int,
    generator: torch.Generator,
    name: str,
    layer: Callable[..., Tensor],
) -> None:
    """Some lanes by themselves, against all of them together."""
    torch.set_num_threads(1)
    assert network.size % ALIGN == 0
    flat = torch.randn(LANES, network.size, generator=generator)
    x = torch.randn(LANES, batch, *network.observation, generator=generator)
    slope = torch.randn(LANES, batch, units, generator=generator)
    together = bits(flat, x, slope, network, name, layer)
    for start, lanes in product((0, 5), (1, 2, 32)):
        part = slice(start, start + lanes)
        alone = bits(flat[part].clone(), x[part].clone(), slope[part].clone(), network, name, layer)
        for one, all_ in zip(alone, together, strict=True):
            assert torch.equal(one, all_[part]), (network.observation, batch, lanes, start)


@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 6, 8, 24, 64])
def test_a_layer_has_the_same_bits_alone_and_among_lanes(outputs: int) -> None:
    generator = torch.Generator().manual_seed(outputs)
    for inputs, batch in product((1, 2, 3, 4, 6, 24, 64, 128), (1, 5, 7, 32, 33, 64, 100)):
        network = Network((inputs,), outputs, Mlp(()), OneLayer())
        hold(network, batch, outputs, generator, "advantage", affine)


@pytest.mark.parametrize("filters", [1, 2, 3, 16])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_a_convolution_has_the_same_bits_alone_and_among_lanes(
    filters: int, kernel: int, stride: int
) -> None:
    generator = torch.Generator().manual_seed(filters)
    for shape, batch in product(((3, 3, 1), (6, 5, 1), (6, 5, 4), (5, 6, 7)), (1, 7, 32)):
        trunk = MinAtarCnn((filters,), (kernel,), (stride,), (), layer_norm=True)
        network = Network(shape, 2, trunk, OneLayer())
        hold(network, batch, trunk.width(shape), generator, "trunk_0", partial(convolve, stride=stride))
