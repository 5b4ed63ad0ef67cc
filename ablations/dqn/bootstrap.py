"""The bootstrap slot: the target y of a batch. ``discount`` is gamma * (1 - terminated), so time limits need no case.

``(batch, q, q_target) -> y`` (L, B), in units of discounted return. ``q`` and ``q_target`` map states (L, B, D) to
values (L, B, A); the kernel calls these under no_grad.
Who selects the next action and who evaluates it (van Hasselt et al. 2018 completes the 2 x 2):

================  =========  ===========
piece             selects    evaluates
================  =========  ===========
max               Q-         Q-
double            Q          Q-
inverse-double    Q-         Q
max, no target    Q          Q
================  =========  ===========
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Batch, Values


@dataclass(frozen=True)
class Max:
    """y = r + discount max_a Q-(s', a) (Mnih et al. 2015, Algorithm 1)."""

    kind: ClassVar[str] = "max"

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * q_target(batch.next_obs).amax(-1)

    def facts(self) -> Facts:
        return Facts(off=True, only_chooses=True, selects="target", evaluates="target")


@dataclass(frozen=True)
class Double:
    """y = r + discount Q-(s', argmax_a Q(s', a)) (van Hasselt, Guez and Silver 2016, eq. 4)."""

    kind: ClassVar[str] = "double"

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * _select_and_evaluate(batch.next_obs, q, q_target)

    def facts(self) -> Facts:
        return Facts(order=1, only_chooses=True, selects="online", evaluates="target", dash="solid")


@dataclass(frozen=True)
class InverseDouble:
    """y = r + discount Q(s', argmax_a Q-(s', a)) (van Hasselt et al. 2018, section 2)."""

    kind: ClassVar[str] = "inverse-double"

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * _select_and_evaluate(batch.next_obs, q_target, q)

    def facts(self) -> Facts:
        return Facts(
            order=2, only_chooses=True, selects="target", evaluates="online", shade=-0.15, dash="dashed"
        )


def _select_and_evaluate(states: Tensor, select: Values, evaluate: Values) -> Tensor:
    """evaluate(s)[argmax_a select(s)[a]]: (L, B, D) -> (L, B)."""
    best = select(states).argmax(-1, keepdim=True)  # (L, B, 1)
    return evaluate(states).gather(-1, best).squeeze(-1)
