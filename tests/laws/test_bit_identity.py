"""A run's series is the same bits whatever runs beside it: alone, among 8, 32 or 64 lanes, at any position.

Widths, numbers of actions and batch sizes are chosen to meet every path of the batched products and reductions:
narrow and wide layers, sizes that do and don't fill vector registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ablations.dqn.bootstrap import Munchausen
from ablations.dqn.exploration import Softmax
from ablations.dqn.head import Dueling
from ablations.dqn.loss import HlGauss
from ablations.dqn.maintenance import Reset
from ablations.dqn.optimizer import Adam, RMSprop
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.returns import NStep
from ablations.dqn.target import Hard
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import Variant

from .covering import SHOWING
from .worlds import history, untrained

MOST = 64
TOGETHER = {
    "windows": Variant(
        trunk=Mlp((64, 24), layer_norm=True),
        exploration=Softmax(),
        returns=NStep(),
        loss=HlGauss(atoms=11, v_min=-10.0, v_max=10.0),
        optimizer=RMSprop(centered=True),
        maintenance=Reset(every=40),
    ),
    "soft": Variant(
        head=Dueling(),
        replay=Prioritized(),
        target=Hard(9),
        bootstrap=Munchausen(),
        optimizer=Adam(reset_at_sync=True),
        maintenance=Reset(every=40, layers=2),
    ),
}
"""Variants that hold several tricks, so that few trainings try all."""


@dataclass(frozen=True)
class Run:
    """What is compared to the last bit."""

    online: Tensor  # (P,)
    target_params: Tensor  # (P,)
    moments: Tensor  # (2 P,): the optimiser's
    next_draw: tuple[float, ...]
    episodes: list[tuple[Any, ...]]

    def same(self, other: Run) -> bool:
        mine, its = (torch.cat([run.online, run.target_params, run.moments]) for run in (self, other))
        bits = torch.equal(mine.view(torch.int32), its.view(torch.int32))
        return bits and self.next_draw == other.next_draw and self.episodes == other.episodes


def runs(name: str, seeds: Sequence[int], **numbers: Any) -> dict[int, Run]:
    """{seed: run} of a cohort."""
    learner = untrained({**SHOWING, **TOGETHER}[name], seeds, "tests/Walk-v0", **numbers)
    episodes = history(learner)
    draws = learner.sampling.next().tolist()
    moments = torch.cat([learner.optimizer.moments.first, learner.optimizer.moments.second], dim=-1)
    return {
        seed: Run(learner.online.flat[i], learner.target_params[i], moments[i], tuple(draws[i]), episodes[i])
        for i, seed in enumerate(seeds)
    }


def placed(lanes: int, most: int) -> list[int]:
    """Some of the seeds 0 ... most - 1 in a mixed-up order: the same seed stands elsewhere in every cohort."""
    return [int(seed) for seed in np.random.default_rng(lanes).permutation(most)[:lanes]]


def assert_alike(name: str, cohorts: Sequence[int], most: int, **numbers: Any) -> None:
    reference = runs(name, range(most), **numbers)
    assert not reference[0].same(reference[1])
    assert min(len(run.episodes) for run in reference.values()) > 0
    for lanes in cohorts:
        for seed, run in runs(name, placed(lanes, most), **numbers).items():
            assert run.same(reference[seed]), f"seed {seed} among {lanes} lanes"


QUICK: dict[str, Any] = {
    "total_timesteps": 250,
    "learning_starts": 40,
    "buffer_size": 150,
    "batch_size": 32,
    "hidden": (64, 24),
}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("dqn", {}),
        ("dueling", {}),
        ("dqn", {"batch_size": 33, "hidden": (17, 9), "env_args": {"features": 7, "actions": 9}}),
        ("dqn", {"batch_size": 7, "hidden": (1, 20)}),
        ("dqn", {"batch_size": 10, "hidden": (8,), "env_args": {"features": 3, "actions": 3}}),
        ("combined", {"max_grad_norm": 0.5, "env_args": {"actions": 4}}),
        (
            "dueling-deep",
            {"loss": "huber", "optimizer": "rmsprop", "hidden": (24,), "env_args": {"actions": 3}},
        ),
        ("no-replay", {"optimizer": "sgd", "max_grad_norm": 0.5}),
        ("soft-target", {"max_grad_norm": 0.5, "hidden": (), "env_args": {"features": 5}}),
        ("windows", {"env_args": {"actions": 3}}),
        ("soft", {"max_grad_norm": 0.5}),
    ],
)
def test_a_run_is_the_same_bits_alone_among_8_and_among_32(name: str, numbers: dict[str, Any]) -> None:
    assert_alike(name, (1, 8), 32, **{**QUICK, **numbers})


MIDDLING: dict[str, Any] = {
    "total_timesteps": 240,
    "learning_starts": 41,
    "buffer_size": 100,  # full twice over
    "batch_size": 32,
    "max_grad_norm": 0.5,
}
LONG = {**MIDDLING, "total_timesteps": 1040, "buffer_size": 500}
COHORTS = (1, 3, 7, 10, 32)


@pytest.mark.slow
def test_a_thousand_updates_are_the_same_bits() -> None:
    assert_alike("soft", (1,), 33, **LONG, hidden=(24, 24))


@pytest.mark.slow
@pytest.mark.parametrize("width", [8, 24, 64])
@pytest.mark.parametrize("actions", [2, 3, 4])
def test_two_hundred_updates_are_the_same_bits_at_every_width_and_number_of_actions(
    width: int, actions: int
) -> None:
    cohorts = COHORTS if actions == 2 else COHORTS[::3]
    assert_alike("dqn", cohorts, MOST, **MIDDLING, hidden=(width, width), env_args={"actions": actions})


VARIATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "per": ("per", {}),
    "dueling": ("dueling", {"env_args": {"actions": 3}}),
    "dueling-deep": ("dueling-deep", {"env_args": {"actions": 3}}),
    "combined": ("combined", {"loss": "huber"}),
    "huber": ("dqn", {"loss": "huber"}),
    "rmsprop": ("dqn", {"optimizer": "rmsprop"}),
    "sgd": ("dqn", {"optimizer": "sgd", "learning_rate": 0.05}),
    "no-clipping": ("dqn", {"max_grad_norm": 0.0}),
    "soft": ("soft-target", {}),
    "one-sample": ("naive", {}),
    "consecutive": ("consecutive", {"batch_size": 7}),
    "odd-shapes": (
        "double",
        {"batch_size": 33, "hidden": (9, 31), "env_args": {"features": 7, "actions": 5}},
    ),
    "many-actions": ("dueling", {"hidden": (16,), "env_args": {"features": 17, "actions": 18}}),
    "five-layers": ("inverse-double", {"hidden": (12,) * 5, "batch_size": 10}),
    **{name: (name, {}) for name in ("layer-norm", "hl-gauss", "n-step", "soft-q", "reset")},
    "one-wide-layer": ("dqn", {"hidden": (128,), "batch_size": 64}),
}


@pytest.mark.slow
@pytest.mark.parametrize("variation", VARIATIONS)
def test_two_hundred_updates_are_the_same_bits_under_every_piece_and_rule(variation: str) -> None:
    name, numbers = VARIATIONS[variation]
    assert_alike(name, (1,), 33, **{**MIDDLING, "hidden": (24, 24), **numbers})
