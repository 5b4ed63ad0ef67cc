"""The returns slot: what a sampled transition's reward and successor are, made at sampling from consecutive rows.

``batch(memory, index, weight)`` gives the batch at these slots of the memory, (L, B), with these weights (L, B). How
many rows after a sampled one it reads is ``facts().lookahead``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from ablations.dqn.facts import Facts
from ablations.dqn.types import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.replay.ring import Ring


@dataclass(frozen=True)
class OneStep:
    """r and s' of the transition itself: y = r + discount V(s')."""

    kind: ClassVar[str] = "one-step"

    def batch(self, memory: Ring, index: Tensor, weight: Tensor) -> Batch:
        rows = memory.rows(index)
        return Batch(rows.obs, rows.action, rows.reward, rows.discount, rows.next_obs, weight, index)

    def facts(self) -> Facts:
        return Facts(off=True)


@dataclass(frozen=True)
class NStep:
    """y = sum_{i<n} gamma^i r_{t+i} + gamma^n V(s_{t+n}) (Sutton 1988; Sutton and Barto 2018, eq. 7.1).

    A window ends early at a termination, where nothing is bootstrapped, at a time limit, where its last state is, and
    at the newest row; each with its own power of gamma. That an older policy chose its actions is not corrected for.
    """

    n: Annotated[int, Ge(1), Le(1000)] = 3
    kind: ClassVar[str] = "n-step"

    def batch(self, memory: Ring, index: Tensor, weight: Tensor) -> Batch:
        import torch

        lanes, samples = index.shape
        newer = (memory.position - 1 - index) % memory.capacity  # (L, B): how many rows follow
        later = torch.arange(self.n, device=index.device)[:, None]  # (n, 1)
        rows = memory.rows(((index[:, None] + later) % memory.capacity).flatten(1))  # (L, n B) of each part
        reward, discount, ended = (
            part.view(lanes, self.n, samples).unbind(1) for part in (rows.reward, rows.discount, rows.ended)
        )  # n times (L, B)
        total, product = reward[0], discount[0]
        going, last = ended[0] == 0, torch.zeros_like(index)
        for i in range(1, self.n):
            going = going & (newer >= i)
            total = total + torch.where(going, product * reward[i], 0.0)
            product = torch.where(going, product * discount[i], product)
            last = last + going
            going = going & (ended[i] == 0)
        features = rows.next_obs.shape[-1]
        at = last[:, None, :, None].expand(-1, 1, -1, features)  # (L, 1, B, D)
        next_obs = rows.next_obs.view(lanes, self.n, samples, features).gather(1, at).squeeze(1)
        first = slice(0, samples)
        return Batch(rows.obs[:, first], rows.action[:, first], total, product, next_obs, weight, index)

    def facts(self) -> Facts:
        return Facts(order=1, lookahead=self.n - 1, equals=OneStep() if self.n == 1 else None, dash="solid")
