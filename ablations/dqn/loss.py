"""The loss slot: from the head's outputs to values, and from a target y to the error that is descended.

``outputs_per_action`` is Z; ``values(outputs)`` maps (L, B, A, Z) to Q (L, B, A); ``error(outputs, action, y)`` gives
the ``Errors`` of a batch before weighting, of actions and targets (L, B). The weight of a sample multiplies its loss,
whatever the loss; a lane's loss is the mean over its batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from ablations.dqn import ops
from ablations.dqn.facts import Facts
from ablations.dqn.types import Errors

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.settings import Settings
    from ablations.dqn.variants import Variant


class ScalarLoss:
    """What losses share whose outputs are the values: a ``penalty`` of the TD error delta = y - Q(s, a)."""

    outputs_per_action: ClassVar[int] = 1

    def values(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(-1)

    def error(self, outputs: Tensor, action: Tensor, y: Tensor) -> Errors:
        delta = y - self.values(outputs).gather(-1, action[..., None]).squeeze(-1)  # (L, B)
        return Errors(self.penalty(delta), delta, delta)

    def penalty(self, delta: Tensor) -> Tensor:
        """(L, B) -> (L, B)."""
        raise NotImplementedError


def is_penalty(loss: Any) -> bool:
    """True for a loss that is a penalty of the TD error and nothing else, so it need not be asked for the rest."""
    kind = type(loss)
    return (
        isinstance(loss, ScalarLoss)
        and kind.values is ScalarLoss.values
        and kind.error is ScalarLoss.error
        and kind.outputs_per_action == 1
    )


@dataclass(frozen=True)
class Squared(ScalarLoss):
    """delta^2 / 2."""

    kind: ClassVar[str] = "squared"
    op: ClassVar[ops.Loss] = ops.Loss.SQUARED

    def penalty(self, delta: Tensor) -> Tensor:
        return 0.5 * delta * delta

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class Huber(ScalarLoss):
    """delta^2 / 2 where |delta| <= 1, |delta| - 1/2 beyond (Huber 1964; the clipped error of Mnih et al. 2015)."""

    kind: ClassVar[str] = "huber"
    op: ClassVar[ops.Loss] = ops.Loss.HUBER

    def penalty(self, delta: Tensor) -> Tensor:
        size = delta.abs()
        inner = size.clamp(max=1.0)
        return inner * (size - 0.5 * inner)

    def facts(self) -> Facts:
        return Facts(order=1)


@dataclass(frozen=True)
class HlGauss:
    """Cross-entropy between a histogram around y and softmax(outputs) (Imani and White 2018; Farebrother et al. 2024).

    The bins are ``atoms`` equal parts of [v_min, v_max], z_i their centers, s their width; Q = sum_i softmax_i z_i. The
    histogram is a normal distribution around y, clamped into the range, with standard deviation ``sigma`` s: p_i =
    Phi((z_i + s/2 - y) / (sigma s)) - Phi((z_i - s/2 - y) / (sigma s)), normalized. Bounds that are not given are
    the environment's ``value_bounds``.
    """

    atoms: Annotated[int, Ge(2), Le(10_000)] = 51
    sigma: Annotated[float, Gt(0)] = 0.75
    v_min: float | None = None
    v_max: float | None = None
    kind: ClassVar[str] = "hl-gauss"
    op: ClassVar[ops.Loss] = ops.Loss.HL_GAUSS

    @property
    def outputs_per_action(self) -> int:
        return self.atoms

    def in_bounds(self, value_bounds: tuple[float, float]) -> HlGauss:
        """The loss where returns lie within these bounds, unless it has its own."""
        low, high = value_bounds
        return replace(
            self,
            v_min=low if self.v_min is None else self.v_min,
            v_max=high if self.v_max is None else self.v_max,
        )

    def values(self, outputs: Tensor) -> Tensor:
        edges = self.edges(outputs)
        values: Tensor = (outputs.softmax(-1) * ((edges[1:] + edges[:-1]) / 2)).sum(-1)
        return values

    def error(self, outputs: Tensor, action: Tensor, y: Tensor) -> Errors:
        at = action[..., None, None].expand(-1, -1, 1, self.atoms)
        chosen = outputs.gather(-2, at).squeeze(-2)  # (L, B, Z)
        loss = -(self.histogram(y) * chosen.log_softmax(-1)).sum(-1)  # (L, B)
        delta = y - self.values(chosen.detach())
        return Errors(loss, delta, delta)

    def histogram(self, y: Tensor) -> Tensor:
        """The target probabilities p_i: (L, B) -> (L, B, Z)."""
        import torch

        edges = self.edges(y)
        inside = y.clamp(edges[0], edges[-1])[..., None]  # or all p_i may be zero
        below = torch.special.ndtr((edges - inside) / (self.sigma * (edges[1] - edges[0])))  # (L, B, Z + 1)
        p: Tensor = below[..., 1:] - below[..., :-1]
        total: Tensor = below[..., -1:] - below[..., :1]
        return p / total

    def edges(self, like: Tensor) -> Tensor:
        """Where the bins begin and the last one ends: (Z + 1,)."""
        import torch

        low, high = self._bounds()
        return torch.linspace(low, high, self.atoms + 1, dtype=like.dtype, device=like.device)

    def facts(self) -> Facts:
        return Facts(order=2, shade=0.35, dash="dotted")

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        """(number, sentence): a range is needed."""
        if self.v_min is None or self.v_max is None:
            yield "v_min", f"'{self.kind}' needs v_min and v_max, or value_bounds of the environment"
        elif self.v_min >= self.v_max:
            yield "v_min", f"v_min ({self.v_min:g}) is not below v_max ({self.v_max:g})"

    def _bounds(self) -> tuple[float, float]:
        if self.v_min is None or self.v_max is None:
            raise ValueError(f"'{self.kind}' without v_min and v_max")
        return self.v_min, self.v_max
