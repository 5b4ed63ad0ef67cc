"""Every combination of pieces trains, and what must be equal is equal to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from ablations.dqn.bootstrap import Double, InverseDouble, Max, Munchausen, SoftQ
from ablations.dqn.exploration import EpsilonGreedy, Softmax
from ablations.dqn.learner import learn
from ablations.dqn.maintenance import NoMaintenance, Reset
from ablations.dqn.optimizer import Adam
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.returns import NStep, OneStep
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.variants import Piece, Variant, acting, objections
from tests import configured

from . import worlds
from .covering import CHOICES, SHOWING, name_of
from .worlds import SMALL, covering, drained, trained, untrained

SHORT: dict[str, Any] = {"total_timesteps": 70, "learning_starts": 20}
WIDE: dict[str, Any] = {"env_id": "tests/Walk-v0", "env_args": {"actions": 5}}
"""Five actions, so that two networks which differ soon choose differently; in CartPole they may agree for long."""

SETTINGS = configured.configured(**SMALL)[1]
PAIRS = covering(2)
VARIANTS = {**SHOWING, **PAIRS}
PARTS = 8
"""Of the triples: many short tests keep all processors busy to the end."""
BOOTSTRAPS = (Max(), Double(), InverseDouble())


def assert_trains(variant: Variant) -> None:
    learner = untrained(variant, total_timesteps=44, learning_starts=20)
    start = learner.online.flat.clone()
    before = learner.network.views(start)
    drained(learner)
    assert learner.updates == 25  # three copies of theta, a reset of layers
    assert learner.diverged_at == {}
    assert learner.online.flat.isfinite().all()
    assert learner.target_params.isfinite().all()
    for part_name, part in learner.online.params.items():
        assert (part != before[part_name]).flatten(1).any(-1).all(), part_name  # in every lane
    used = sum(parameter.size for parameter in learner.network.parameters)
    assert learner.online.flat[:, used:].count_nonzero() == 0  # the padding stays out of it


@pytest.mark.parametrize("name", VARIANTS)
def test_every_pair_of_pieces_trains_stays_finite_and_changes_all_its_parameters(name: str) -> None:
    assert_trains(VARIANTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_triple_of_pieces_trains_stays_finite_and_changes_all_its_parameters(part: int) -> None:
    for variant in list(covering(3).values())[part::PARTS]:
        assert_trains(variant)


TARGETLESS = [
    name
    for name, variant in PAIRS.items()
    if not any(objections(replace(variant, target=NoTarget()), SETTINGS))
]


@pytest.mark.parametrize("name", TARGETLESS[::4])
def test_hard_one_no_target_and_soft_one_are_the_same_run_under_every_bootstrap(name: str) -> None:
    trivial: tuple[Piece, ...] = (NoTarget(), Hard(1), Soft(1.0))
    runs = [
        trained(replace(PAIRS[name], target=target, bootstrap=bootstrap), **SHORT).online.flat
        for target, bootstrap in product(trivial, BOOTSTRAPS)
    ]
    assert all(torch.equal(run, runs[0]) for run in runs)


WITHOUT_EFFECT: dict[str, tuple[Variant, Variant]] = {
    "one step of n": (Variant(returns=NStep(1)), Variant(returns=OneStep())),
    "one step of n, online": (
        Variant(returns=NStep(1), replay=Latest()),
        Variant(returns=OneStep(), replay=Latest()),
    ),
    "one step of n, in a row": (
        Variant(returns=NStep(1), replay=Consecutive()),
        Variant(returns=OneStep(), replay=Consecutive()),
    ),
    "a reset after the run": (Variant(maintenance=Reset(every=52)), Variant(maintenance=NoMaintenance())),
    "a sync after the run": (
        Variant(target=Hard(52), optimizer=Adam(reset_at_sync=True)),
        Variant(target=Hard(52), optimizer=Adam()),
    ),
    "a temperature of nothing": (
        Variant(exploration=Softmax(1e-9)),
        Variant(exploration=EpsilonGreedy(0.0, schedule="constant")),
    ),
}
"""Numbers that make a piece another one: (its variant, the other's)."""


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_trick_whose_numbers_leave_it_without_effect_costs_no_bit(name: str) -> None:
    one, other = (trained(variant, **WIDE, **SHORT) for variant in WITHOUT_EFFECT[name])
    assert torch.equal(one.online.flat, other.online.flat)
    assert torch.equal(one.target_params, other.target_params)


def test_munchausen_at_alpha_zero_is_soft_q_at_its_tau() -> None:
    """It asks for states before and after the step together, which may round otherwise."""
    pieces: tuple[Piece, ...] = (Munchausen(alpha=0.0, tau=0.3), SoftQ(tau=0.3), SoftQ(tau=0.03))
    one, other, colder = (
        trained(Variant(bootstrap=piece, target=Hard(7)), dtype=torch.float64, **WIDE, **SHORT).online.flat
        for piece in pieces
    )
    torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)
    assert not torch.allclose(colder, other, rtol=1e-3)


@pytest.mark.parametrize("bootstrap", [Double(), InverseDouble()])
@pytest.mark.parametrize("head", CHOICES["head"], ids=str)
def test_double_is_max_until_the_networks_part_and_differs_after(bootstrap: Piece, head: Piece) -> None:
    """Before the first sync theta- is the start: the first update is equal, later ones are not."""
    both = [
        untrained(Variant(target=Hard(50), bootstrap=each, head=head), hidden=(16, 8), **WIDE, **SHORT)
        for each in (Max(), bootstrap)
    ]
    for one, other in zip(*(learn(each) for each in both), strict=True):
        if one.step == 20:
            assert torch.equal(both[0].online.flat, both[1].online.flat)
            assert torch.equal(one.updates[0].delta, other.updates[0].delta)
    assert not torch.equal(both[0].online.flat, both[1].online.flat)


@cache
def result(variant: Variant, engine: str) -> Tensor:
    """What a variant has learned: action values at fixed states, so that networks of any shape compare."""
    learner = trained(variant, **WIDE, **SHORT)
    states = torch.linspace(-1, 1, 2 * 5 * 4).view(2, 5, 4)
    with torch.no_grad():
        return learner.q(states)


def neighbors(variant: Variant) -> Iterator[Variant]:
    """Variants that differ from one in exactly one slot."""
    for slot, pieces in CHOICES.items():
        others = (replace(variant, **{slot: piece}) for piece in pieces if piece != getattr(variant, slot))
        yield from (other for other in others if not any(objections(other, SETTINGS)))


@pytest.mark.parametrize("name", list(PAIRS)[::8])
def test_a_changed_slot_changes_the_result_except_for_aliases(name: str) -> None:
    one = PAIRS[name]
    for other in neighbors(one):
        alike = acting(one) == acting(other)
        equal = torch.equal(result(one, worlds.ENGINE), result(other, worlds.ENGINE))
        assert equal == alike, f"{name_of(one)} and {name_of(other)}"


def test_every_named_variant_gives_a_result_of_its_own() -> None:
    found: dict[str, Tensor] = {}
    for name, variant in SHOWING.items():
        if isinstance(variant.target, Hard):
            variant = replace(variant, target=Hard(10))
        found[name] = result(variant, worlds.ENGINE)
    for name, values in found.items():
        assert not any(torch.equal(values, found[other]) for other in found if other != name), name
