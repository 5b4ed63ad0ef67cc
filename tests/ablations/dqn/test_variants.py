"""The registry: what is named, what differs from the baseline where, and how a variant travels as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import pytest

from ablations.dqn.bootstrap import Double, InverseDouble, Max
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.variants import (
    DQN,
    NAMED,
    PIECES,
    SLOTS,
    Variant,
    acting,
    differing_slots,
    from_plain,
    plain,
)

COMBINATIONS = ("naive", "combined")


def test_the_baseline_is_uniform_replay_hard_target_max_and_a_linear_head() -> None:
    assert Variant(Uniform(), Hard(100), Max(), Linear()) == DQN
    assert next(iter(NAMED)) == "dqn"
    assert NAMED["dqn"].variant == DQN


@pytest.mark.parametrize("name", [name for name in NAMED if name != "dqn" and name not in COMBINATIONS])
def test_a_named_ablation_differs_from_dqn_in_exactly_one_slot(name: str) -> None:
    assert len(differing_slots(NAMED[name].variant)) == 1


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_differs_in_several_slots(name: str) -> None:
    assert len(differing_slots(NAMED[name].variant)) > 1


def test_the_shipped_names_are_what_they_say() -> None:
    shipped = {
        "dqn": DQN,
        "no-replay": replace(DQN, replay=Latest()),
        "consecutive": replace(DQN, replay=Consecutive()),
        "no-target": replace(DQN, target=NoTarget()),
        "soft-target": replace(DQN, target=Soft(0.005)),
        "double": replace(DQN, bootstrap=Double()),
        "inverse-double": replace(DQN, bootstrap=InverseDouble()),
        "dueling": replace(DQN, head=Dueling()),
        "dueling-deep": replace(DQN, head=Dueling((64,))),
        "per": replace(DQN, replay=Prioritized(0.6, 0.4, 1.0, 1e-6, True)),
        "per-flat": replace(DQN, replay=Prioritized(0.0, 0.4, 1.0, 1e-6, True)),
        "naive": replace(DQN, replay=Latest(), target=NoTarget()),
        "combined": Variant(Prioritized(), Hard(100), Double(), Dueling()),
    }
    assert {name: NAMED[name].variant for name in shipped} == shipped


def test_no_two_names_train_alike_and_no_two_titles_are_equal() -> None:
    variants = [acting(named.variant) for named in NAMED.values()]
    assert len(set(variants)) == len(variants)
    assert len({named.title for named in NAMED.values()}) == len(NAMED)


def test_every_piece_is_known_by_its_kind() -> None:
    shipped = {
        "replay": {"uniform", "latest", "consecutive", "prioritized"},
        "target": {"hard", "none", "soft"},
        "bootstrap": {"max", "double", "inverse-double"},
        "head": {"linear", "dueling"},
    }
    assert all(kinds <= set(PIECES[slot]) for slot, kinds in shipped.items())
    assert all(piece().kind == kind for kinds in PIECES.values() for kind, piece in kinds.items())


@pytest.mark.parametrize("name", NAMED)
def test_a_variant_survives_the_way_through_json(name: str) -> None:
    variant = NAMED[name].variant
    text = json.dumps(plain(variant), allow_nan=False)
    assert from_plain(json.loads(text)) == variant


def test_the_plain_form_names_kind_and_numbers_of_every_slot() -> None:
    assert plain(replace(DQN, head=Dueling((8, 4)))) == {
        "replay": {"kind": "uniform"},
        "target": {"kind": "hard", "period": 100},
        "bootstrap": {"kind": "max"},
        "head": {"kind": "dueling", "hidden": [8, 4]},
    }


@pytest.mark.parametrize("name", NAMED)
def test_specs_are_frozen_hashable_and_comparable(name: str) -> None:
    variant = NAMED[name].variant
    assert hash(variant) == hash(from_plain(plain(variant)))
    for slot in SLOTS:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(variant, slot, None)
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            getattr(variant, slot).number = 1


@pytest.mark.parametrize("target", [NoTarget(), Hard(1), Soft(1.0)])
@pytest.mark.parametrize("bootstrap", [Max(), Double(), InverseDouble()])
def test_a_target_that_is_always_online_makes_every_bootstrap_the_same_variant(
    target: NoTarget | Hard | Soft, bootstrap: Max | Double | InverseDouble
) -> None:
    variant = Variant(Prioritized(), target, bootstrap, Dueling())
    assert acting(variant) == Variant(Prioritized(), NoTarget(), Max(), Dueling())


@pytest.mark.parametrize("target", [Hard(2), Soft(0.999)])
def test_a_target_that_lags_leaves_the_variant_as_it_is(target: Hard | Soft) -> None:
    variant = replace(DQN, target=target, bootstrap=Double())
    assert acting(variant) == variant
