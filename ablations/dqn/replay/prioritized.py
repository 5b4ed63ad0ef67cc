"""Proportional prioritised experience replay (Schaul et al. 2016, sections 3.3, 3.4 and Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from ablations.dqn.facts import Facts
from ablations.dqn.replay.ring import Ring
from ablations.dqn.replay.sumtree import SumTree

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.types import Number, Space, Transition
    from ablations.state import State


class PrioritizedRing(Ring):
    """A ring, the tree over p_i ** alpha of its slots, and the largest priority so far: (L, 1) float64.

    ``strata`` (B,) are 0 ... B - 1, the numbers of the equal parts that draws fall into.
    """

    def __init__(self, space: Space) -> None:
        import torch

        super().__init__(space, space.capacity, space.batch_size)
        self.largest = space.zeros((space.lanes, 1)).double().add_(1)
        self.strata = torch.arange(space.batch_size).to(self.largest)
        self.tree = SumTree(space, space.capacity, self.largest.dtype)

    def state(self) -> State:
        """The ring's, the priorities of its slots and the largest so far."""
        return {**super().state(), "priorities": self.tree.first(int(self.size)), "largest": self.largest}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken."""
        import torch

        super().restore(state)
        self.tree.plant(torch.from_numpy(state["priorities"]))
        self.largest.copy_(torch.from_numpy(state["largest"]))


@dataclass(frozen=True)
class Prioritized:
    """P(i) = p_i^alpha / sum_k p_k^alpha with p_i = |delta_i| + eps; w_i = (N P(i))^-beta / max_j w_j.

    The maximum is over the batch. delta is the TD error before weighting. A new transition gets the largest priority
    so far, starting from 1. beta goes linearly from ``beta_start`` to ``beta_end`` over the run. Stratified: the total
    is cut into B equal parts and one draw falls into each. alpha 0 is uniform's marginal law with every weight 1.
    """

    alpha: Annotated[float, Ge(0), Le(2)] = 0.6
    beta_start: Annotated[float, Ge(0), Le(1)] = 0.4
    beta_end: Annotated[float, Ge(0), Le(1)] = 1.0
    eps: Annotated[float, Gt(0)] = 1e-6
    stratified: bool = True
    kind: ClassVar[str] = "prioritized"

    def init(self, space: Space) -> PrioritizedRing:
        return PrioritizedRing(space)

    def add(self, memory: PrioritizedRing, transition: Transition) -> None:
        slot = memory.add(transition)
        memory.tree.set_slot(slot, memory.largest.squeeze(1) ** self.alpha)

    def sample(self, memory: PrioritizedRing, u: Tensor, progress: Number) -> tuple[Tensor, Tensor]:
        tree, size = memory.tree, memory.size
        share = (memory.strata + u) / u.shape[-1] if self.stratified else u
        mass = share * tree.total
        index = tree.find(mass).clamp_(max=size - 1)  # rounding may carry the last draw past the newest leaf
        beta = self.beta_start + (self.beta_end - self.beta_start) * progress
        weight = (size * tree.values(index) / tree.total) ** -beta  # (L, B)
        weight = weight / weight.amax(-1, keepdim=True)
        return index, weight.to(memory.ones.dtype)

    def feedback(self, memory: PrioritizedRing, index: Tensor, delta: Tensor) -> None:
        priority = delta.abs().double() + self.eps  # (L, B)
        memory.tree.set_many(index, priority**self.alpha)
        memory.largest.copy_(memory.largest.maximum(priority.amax(-1, keepdim=True)))

    def facts(self) -> Facts:
        """With alpha 0 nothing is prioritized: a control."""
        flat = self.alpha == 0
        dash: Literal["dotted", "dashdot"] = "dotted" if flat else "dashdot"
        return Facts(order=3, control=flat, shade=(self.alpha - 0.6) * 0.6, dash=dash)
