"""The exploration slot: from action values to the action that is taken.

``act(values, u, clock)`` maps values (L, A) and two uniform draws per lane (L, 2) to actions (L,); both draws are
consumed at each step whatever the action. ``rate(clock)`` is what recorders call epsilon, NaN where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from ablations.dqn import ops
from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.settings import Settings
    from ablations.dqn.types import Clock, Number
    from ablations.dqn.variants import Variant

Share = Annotated[float, Ge(0.0), Le(1.0)]
Positive = Annotated[float, Gt(0.0), Le(1.0)]


@dataclass(frozen=True)
class EpsilonGreedy:
    """A uniform action with probability epsilon, else argmax_a Q(s, a), the first of equals (Mnih et al. 2015).

    epsilon falls from ``start_e`` to ``end_e``: "linear", over ``exploration_fraction`` of the run's environment
    steps; "exponential", by the factor ``epsilon_decay`` per gradient update; "constant" is ``start_e`` throughout.
    """

    start_e: Share = 1.0
    end_e: Share = 0.05
    schedule: Literal["linear", "exponential", "constant"] = "linear"
    exploration_fraction: Positive = 0.2
    epsilon_decay: Positive = 0.995
    kind: ClassVar[str] = "epsilon-greedy"
    op: ClassVar[ops.Body] = ops.Body.EPSILON_GREEDY

    def act(self, values: Tensor, u: Tensor, clock: Clock) -> Tensor:
        """Of each lane's draws the first is the coin, which falls below epsilon for a pick; the second picks."""
        import torch

        coin, pick = u.unbind(-1)  # (L,), (L,)
        picked = (pick * values.shape[-1]).long()
        return torch.where(coin < self.rate(clock), picked, values.argmax(-1))

    def rate(self, clock: Clock) -> Number:
        """epsilon after ``clock.step`` environment steps and ``clock.updates`` gradient updates."""
        match self.schedule:
            case "linear":
                slope = (self.end_e - self.start_e) / (self.exploration_fraction * clock.total)
                return _at_least(self.end_e, self.start_e + slope * clock.step)
            case "exponential":
                return _at_least(self.end_e, self.start_e * self.epsilon_decay**clock.updates)
            case _:  # constant
                return self.start_e

    def facts(self) -> Facts:
        return Facts(off=True)

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        """(number, sentence) for numbers that cannot stand together."""
        if self.schedule != "constant" and self.end_e > self.start_e:
            yield "end_e", f"end_e ({self.end_e}) is above start_e ({self.start_e}): epsilon would grow"


@dataclass(frozen=True)
class Softmax:
    """An action drawn from pi(a|s) = softmax(Q(s, .) / temperature) (Sutton and Barto 2018, eq. 13.2 of Q).

    The temperature is in units of the return. Of each lane's draws the second picks: the first action whose cumulated
    probability lies above it.
    """

    temperature: Annotated[float, Gt(0.0)] = 1.0
    kind: ClassVar[str] = "softmax"

    def act(self, values: Tensor, u: Tensor, clock: Clock) -> Tensor:
        above = (values.double() - values.amax(-1, keepdim=True)) / self.temperature
        weights = above.exp().cumsum(-1)  # (L, A)
        pick = u[:, 1:] * weights[:, -1:]  # (L, 1)
        return (weights[:, :-1] <= pick).sum(-1)

    def rate(self, clock: Clock) -> float:
        """There is none."""
        return math.nan

    def facts(self) -> Facts:
        return Facts(order=1, dash="solid")


def _at_least(floor: float, value: Number) -> Number:
    return max(floor, value) if isinstance(value, float) else value.clamp(min=floor)
