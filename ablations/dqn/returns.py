"""The returns slot: what a sampled transition's reward and successor are, made at sampling from consecutive rows.

``batch(memory, index, weight)`` gives the batch at these slots of the memory, (L, B), with these weights (L, B). How
many rows after a sampled one it reads is ``facts().lookahead``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from ablations.dqn import ops
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
    op: ClassVar[ops.Body] = ops.Body.N_STEP

    def batch(self, memory: Ring, index: Tensor, weight: Tensor) -> Batch:
        import torch

        lanes, samples = index.shape
        newer = (memory.position - 1 - index) % memory.capacity  # (L, B): how many rows follow
        later = torch.arange(self.n, device=index.device)[:, None]  # (n, 1)
        rows = memory.parts(((index[:, None] + later) % memory.capacity).flatten(1))  # (L, n B) of each part
        reward, discount, ended = (
            part.view(lanes, self.n, samples) for part in (rows.reward, rows.discount, rows.ended)
        )
        one = torch.ones_like(reward[:, :1])
        not_ended = torch.cat((one, 1 - ended[:, :-1]), dim=1).cumprod(1)
        open_ = not_ended * (newer[:, None] >= later)  # (L, n, B): 1 inside the window, else 0
        products = torch.cat((one, discount), dim=1).cumprod(1)  # (L, n + 1, B): of the discounts before
        total = (open_ * products[:, :-1] * reward).sum(1)  # (L, B)
        length = open_.sum(1).long()  # (L, B): rows of the window
        product = products.gather(1, length[:, None]).squeeze(1)
        obs, next_obs = memory.obs(index), memory.next_obs((index + length - 1) % memory.capacity)
        return Batch(obs, rows.action[:, :samples], total, product, next_obs, weight, index)

    def facts(self) -> Facts:
        return Facts(order=1, lookahead=self.n - 1, equals=OneStep() if self.n == 1 else None, dash="solid")
