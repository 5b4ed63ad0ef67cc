"""The maintenance slot: what is done to the networks now and then, after the target has followed.

``due(updates)`` says whether anything is, after so many finished updates; ``draws(network)`` how many uniform numbers
that takes; ``maintain(online, target_params, optimizer, u)`` does it, with draws ``u`` (L, W): it may change parameters
(L, P) and moments in place, of living lanes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.layers import Parameter
    from ablations.dqn.network import Network, Trainable
    from ablations.dqn.ops import Optimizer
    from ablations.dqn.settings import Settings
    from ablations.dqn.variants import Variant


@dataclass(frozen=True)
class NoMaintenance:
    """Networks are left as training makes them."""

    kind: ClassVar[str] = "none"

    def due(self, updates: int) -> bool:
        return False

    def draws(self, network: Network) -> int:
        return 0

    def maintain(self, online: Trainable, target_params: Tensor, optimizer: Optimizer, u: Tensor) -> None:
        """Never called."""

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class Reset:
    """Every ``every`` updates the last ``layers`` layers of each stream begin anew (Nikishin et al. 2022, section 4).

    theta and theta- get the same fresh draw, and their moments are zero.
    """

    every: Annotated[int, Ge(1)] = 10_000
    layers: Annotated[int, Ge(1)] = 1
    kind: ClassVar[str] = "reset"

    def due(self, updates: int) -> bool:
        return updates % self.every == 0

    def draws(self, network: Network) -> int:
        return sum(parameter.size for parameter in self.parameters(network) if parameter.init.drawn)

    def parameters(self, network: Network) -> list[Parameter]:
        """What is reset."""
        last = {name for stream in network.streams for name in stream[-self.layers :]}
        return [parameter for parameter in network.parameters if parameter.name.rpartition(".")[0] in last]

    def maintain(self, online: Trainable, target_params: Tensor, optimizer: Optimizer, u: Tensor) -> None:
        network, frozen = online.network, optimizer.frozen_at != 0  # (L,)
        moments = (optimizer.moments.first, optimizer.moments.second)
        used = 0
        for parameter in self.parameters(network):
            shape, init = parameter.shape, parameter.init
            size = parameter.size if init.drawn else 0
            drawn = u[:, used : used + size].view(-1, *shape) if size else u.new_zeros(len(u), *shape)
            used += size
            fresh, still = init.of(drawn), frozen.view(-1, *(1 for _ in shape))
            anew = ((online.flat, fresh), (target_params, fresh), *((each, 0.0) for each in moments))
            for flat, value in anew:
                part = network.layout[parameter.name].view(flat)  # (L, *shape)
                part.copy_(part.where(still, value))

    def facts(self) -> Facts:
        return Facts(order=1, dash="solid")

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        if not hasattr(variant.head, "streams") or not hasattr(variant.trunk, "layers"):
            yield "layers", f"'{self.kind}' needs a trunk and a head that name their layers"
