"""A piece may keep something of its own per lane: it is written in place, held by checkpoints, and apart by lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ablations.dqn.facts import Facts
from ablations.dqn.learner import Learner, learn
from ablations.dqn.types import Clock, Space
from ablations.dqn.variants import DQN, Variant

from .worlds import drained, trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 90, "learning_starts": 20}
CUT = 57
Kept = dict[str, Tensor]


@dataclass(frozen=True)
class MeanOfTwo:
    """theta- is the mean of theta at the last two copies, one every ten updates: what the last copy was is kept."""

    kind: ClassVar[str] = "mean-of-two"

    def init(self, space: Space) -> Kept:
        return {"last": space.zeros((space.lanes, space.parameters))}

    def follow(self, target_params: Tensor, online_params: Tensor, update: int, state: Kept) -> Tensor:
        if update % 10 == 0:
            target_params.copy_((state["last"] + online_params) / 2)
            state["last"].copy_(online_params)
        return target_params

    def facts(self) -> Facts:
        return Facts(order=9)


@dataclass(frozen=True)
class TurnByTurn:
    """Each action in its turn; whose turn it is is kept by lane, and begins at zero."""

    kind: ClassVar[str] = "turn-by-turn"

    def init(self, space: Space) -> Kept:
        return {"turn": space.zeros((space.lanes,))}

    def act(self, values: Tensor, u: Tensor, clock: Clock, state: Kept) -> Tensor:
        state["turn"] += 1
        return state["turn"].long() % values.shape[-1]

    def rate(self, clock: Clock) -> float:
        return float("nan")

    def facts(self) -> Facts:
        return Facts(order=9)


KEEPING = {
    "target": replace(DQN, target=MeanOfTwo()),
    "exploration": replace(DQN, exploration=TurnByTurn()),
    "both": replace(DQN, target=MeanOfTwo(), exploration=TurnByTurn()),
}


def test_the_mean_of_two_copies_is_what_its_equation_says() -> None:
    a = untrained(KEEPING["target"], **SHORT)
    copies = [torch.zeros_like(a.online.flat)]
    for _ in learn(a):
        if a.updates and a.updates % 10 == 0:
            copies.append(a.online.flat.clone())
            assert torch.equal(a.target_params, (copies[-2] + copies[-1]) / 2)
    assert len(copies) >= 7


@pytest.mark.parametrize("own", KEEPING)
def test_lanes_keep_apart(own: str) -> None:
    three, alone = (trained(KEEPING[own], seeds=seeds, **SHORT) for seeds in ((4, 2, 0), (2,)))
    assert torch.equal(three.online.flat[1], alone.online.flat[0])
    assert not torch.equal(alone.online.flat, trained(DQN, seeds=(2,), **SHORT).online.flat)


@pytest.mark.parametrize("own", KEEPING)
def test_a_training_goes_on_from_what_was_kept(own: str) -> None:
    whole, first = (untrained(KEEPING[own], **SHORT) for _ in range(2))
    drained(whole)
    for record in learn(first):
        if record.step == CUT:
            break
    again = restored(KEEPING[own], first)
    for _ in learn(again, CUT):
        pass
    assert torch.equal(again.online.flat, whole.online.flat)
    assert torch.equal(again.target_params, whole.target_params)


def restored(variant: Variant, first: Learner) -> Learner:
    """Another learner where ``first`` stands, by way of what a checkpoint holds."""
    again = untrained(variant, **SHORT)
    for name, part in first.parts().items():
        again.parts()[name].restore(in_arrays(part.state()))
    return again


def in_arrays(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: kept.numpy().copy() if isinstance(kept, Tensor) else kept for name, kept in state.items()}
