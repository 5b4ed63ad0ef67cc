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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Le, Lt

from ablations.dqn import ops
from ablations.dqn.facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ablations.dqn.settings import Settings
    from ablations.dqn.types import Batch, Values
    from ablations.dqn.variants import Variant

Temperature = Annotated[float, Gt(0)]


@dataclass(frozen=True)
class Max:
    """y = r + discount max_a Q-(s', a) (Mnih et al. 2015, Algorithm 1)."""

    kind: ClassVar[str] = "max"
    op: ClassVar[ops.Body] = ops.Body.GREEDY

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * q_target(batch.next_obs).amax(-1)

    def facts(self) -> Facts:
        return Facts(off=True, only_chooses=True, selects="target", evaluates="target")


@dataclass(frozen=True)
class Double:
    """y = r + discount Q-(s', argmax_a Q(s', a)) (van Hasselt, Guez and Silver 2016, eq. 4)."""

    kind: ClassVar[str] = "double"
    op: ClassVar[ops.Body] = ops.Body.GREEDY

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * _select_and_evaluate(batch.next_obs, q, q_target)

    def facts(self) -> Facts:
        return Facts(order=1, only_chooses=True, selects="online", evaluates="target", dash="solid")


@dataclass(frozen=True)
class InverseDouble:
    """y = r + discount Q(s', argmax_a Q-(s', a)) (van Hasselt et al. 2018, section 2)."""

    kind: ClassVar[str] = "inverse-double"
    op: ClassVar[ops.Body] = ops.Body.GREEDY

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * _select_and_evaluate(batch.next_obs, q_target, q)

    def facts(self) -> Facts:
        return Facts(
            order=2, only_chooses=True, selects="target", evaluates="online", shade=-0.15, dash="dashed"
        )


@dataclass(frozen=True)
class SoftQ:
    """y = r + discount sum_a' pi(a'|s') [Q-(s', a') - tau log pi(a'|s')], pi = softmax(Q- / tau).

    The sum is tau log sum_a' exp(Q-(s', a') / tau): the soft target of Vieillard, Pietquin and Geist 2020, eq. 1
    (Munchausen's with alpha 0). tau is in units of reward. Q includes the entropy of what follows: it is no return.
    """

    tau: Temperature = 0.03
    kind: ClassVar[str] = "soft-q"

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        return batch.reward + batch.discount * _soft_value(q_target(batch.next_obs), self.tau)

    def facts(self) -> Facts:
        return Facts(
            order=3, no_return=True, control=True, selects="target", evaluates="target", dash="dotted"
        )

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        yield from _object_to_bins(self.kind, variant)


@dataclass(frozen=True)
class Munchausen:
    """y = r + alpha [tau log pi(a|s)]_clip^0 + discount sum_a' pi(a'|s') [Q-(s', a') - tau log pi(a'|s')].

    pi = softmax(Q- / tau) (Vieillard, Pietquin and Geist 2020, eqs. 2 and 3); what is added to the reward lies between
    ``clip`` and 0. tau is in units of reward.
    """

    alpha: Annotated[float, Ge(0), Le(1)] = 0.9
    tau: Temperature = 0.03
    clip: Annotated[float, Lt(0)] = -1.0
    kind: ClassVar[str] = "munchausen"
    op: ClassVar[ops.Body] = ops.Body.MUNCHAUSEN

    def __call__(self, batch: Batch, q: Values, q_target: Values) -> Tensor:
        import torch

        values = q_target(torch.cat((batch.obs, batch.next_obs), dim=1))  # (L, 2 B, A)
        soft_now, soft_next = _soft_value(values, self.tau).chunk(2, dim=1)  # (L, B), (L, B)
        now = values[:, : batch.action.shape[1]]
        log_policy = now.gather(-1, batch.action[..., None]).squeeze(-1) - soft_now  # tau log pi(a|s): (L, B)
        return batch.reward + self.alpha * log_policy.clamp(self.clip, 0.0) + batch.discount * soft_next

    def facts(self) -> Facts:
        same = SoftQ(self.tau) if self.alpha == 0 else None
        return Facts(
            order=4, no_return=True, equals=same, selects="target", evaluates="target", dash="dashdot"
        )

    def objections(self, variant: Variant, settings: Settings) -> Iterator[tuple[str, str]]:
        if variant.returns.facts().lookahead:
            yield (
                "alpha",
                f"'{self.kind}' needs returns of one step: its bonus belongs to each step, got "
                f"'{variant.returns.kind}'",
            )
        yield from _object_to_bins(self.kind, variant)


def _object_to_bins(kind: str, variant: Variant) -> Iterator[tuple[str, str]]:
    if variant.loss.outputs_per_action > 1:
        yield (
            "tau",
            f"'{kind}' needs a loss of one output per action: its Q is no return, so no bounds hold it, got "
            f"'{variant.loss.kind}'",
        )


def _soft_value(values: Tensor, tau: float) -> Tensor:
    """tau log sum_a exp(Q(a) / tau): (L, B, A) -> (L, B). tau log pi(a) = Q(a) - this."""
    return tau * (values / tau).logsumexp(-1)


def _select_and_evaluate(states: Tensor, select: Values, evaluate: Values) -> Tensor:
    """evaluate(s)[argmax_a select(s)[a]]: (L, B, D) -> (L, B)."""
    best = select(states).argmax(-1, keepdim=True)  # (L, B, 1)
    return evaluate(states).gather(-1, best).squeeze(-1)
