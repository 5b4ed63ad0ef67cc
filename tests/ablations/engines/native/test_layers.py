"""Products for pieces in torch, forward and back, against torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations.dqn.head import BiasFree, Linear
from ablations.dqn.layers import affine
from ablations.dqn.network import Network, Trainable
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import Piece
from ablations.engines.native.layers import Layers

from .networks import dtypes, needs_library, quick

pytestmark = needs_library


@quick
@given(
    st.integers(1, 70),
    st.integers(1, 40),
    st.integers(1, 70),
    st.sampled_from([Linear(), BiasFree()]),
    dtypes,
    st.integers(0, 99),
)
def test_a_product_and_its_gradients_are_torchs(
    inputs: int, outputs: int, batch: int, head: Piece, dtype: torch.dtype, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    network, lanes = Network((inputs,), outputs, Mlp(()), head), 1 + seed % 4
    online = Trainable(network, network.initial(seed, range(lanes), dtype))
    wide = torch.randn(lanes, batch, inputs + 1, generator=rng, dtype=torch.float64).to(dtype)
    by_output = (
        torch.randn(lanes, outputs, batch, generator=rng, dtype=torch.float64).to(dtype).transpose(1, 2)
    )
    found: list[torch.Tensor] = []
    expected: list[torch.Tensor] = []
    for params, numbers in ((Layers(network, online.flat, online.params), found), (online.params, expected)):
        x = wide[..., :inputs].detach().requires_grad_()
        y = 2 * affine(params, "advantage", x) + affine(params, "advantage", x)  # the same layer twice
        numbers += [y, *torch.autograd.grad(y, [x, *online.params.values()], by_output)]
        with torch.no_grad():
            numbers.append(affine(params, "advantage", x))
    tolerance = 1e-3 if dtype == torch.float32 else 1e-11
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_a_product_of_another_type_is_refused() -> None:
    network = Network((3,), 2, Mlp(()), Linear())
    online = Trainable(network, network.initial(0, range(2), torch.float32))
    with pytest.raises(TypeError, match="float64"):
        affine(
            Layers(network, online.flat, online.params),
            "advantage",
            torch.zeros(2, 4, 3, dtype=torch.float64),
        )
