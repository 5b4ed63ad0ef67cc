"""Every setting and every number of a piece changes the result."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ablations.dqn import settings
from ablations.dqn.head import Linear
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.target import Hard, Soft
from ablations.dqn.variants import DQN, Variant
from tests import configured

from .covering import CHOICES
from .worlds import SMALL, trained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}
QUICK: dict[str, Any] = {"total_timesteps": 120, "learning_starts": 30, "exploration_fraction": 0.5}

CHANGED: dict[str, dict[str, Any]] = {
    "learning_rate": {"learning_rate": 1e-3},
    "buffer_size": {"buffer_size": 99},
    "batch_size": {"batch_size": 7},
    "gamma": {"gamma": 0.9},
    "learning_starts": {"learning_starts": 31},
    "train_frequency": {"train_frequency": 2},
    "gradient_steps": {"gradient_steps": 2},
    "start_e": {"start_e": 0.5},
    "end_e": {"end_e": 0.5},
    "epsilon_schedule": {"epsilon_schedule": "exponential"},
    "exploration_fraction": {"exploration_fraction": 0.9},
    "hidden": {"hidden": (17,)},
    "layer_norm": {"layer_norm": True},
    "loss": {"loss": "huber"},
    "optimizer": {"optimizer": "rmsprop"},
    "adam_eps": {"adam_eps": 1e-3},
    "max_grad_norm": {"max_grad_norm": 0.01},
    "total_timesteps": {"total_timesteps": 121},
}


def ends(**changes: Any) -> Tensor:
    """The parameters that `dqn` ends with."""
    return trained(DQN, **{**QUICK, **changes}).online.flat


def test_every_setting_changes_the_result() -> None:
    base = ends()
    assert [name for name, values in CHANGED.items() if torch.equal(ends(**values), base)] == []
    one, other = (ends(epsilon_schedule="exponential", epsilon_decay=decay) for decay in (0.9, 0.99))
    assert not torch.equal(one, other)
    one, other = (
        ends(env_id="tests/Counter-v0", env_args={"length": 9, "cut": True}, bootstrap_truncated=choice)
        for choice in (True, False)
    )
    assert not torch.equal(one, other)
    assert {*CHANGED, "epsilon_decay", "bootstrap_truncated"} == {
        *settings.NAMES,
        *configured.NUMBERS,
        *configured.KINDS,
    }


NUMBERS: list[tuple[Variant, Variant]] = [
    (Variant(target=Hard(7)), Variant(target=Hard(8))),
    (Variant(target=Soft(0.05)), Variant(target=Soft(0.06))),
    *((Variant(head=Linear()), Variant(head=head)) for head in CHOICES["head"] if head != Linear()),
    *(
        (Variant(replay=Prioritized()), Variant(replay=other))
        for other in (
            Prioritized(alpha=0.5),
            Prioritized(beta_start=0.5),
            Prioritized(beta_end=0.9),
            Prioritized(eps=1e-2),
            Prioritized(stratified=False),
        )
    ),
]


@pytest.mark.parametrize(("one", "other"), NUMBERS, ids=str)
def test_every_number_of_a_piece_changes_the_result(one: Variant, other: Variant) -> None:
    assert not torch.equal(trained(one, **SHORT).online.flat, trained(other, **SHORT).online.flat)


def test_small_settings_stay_valid() -> None:
    """The laws' small trainings are settings that a study would accept."""
    assert list(settings.objections(settings.Settings(**SMALL))) == []
