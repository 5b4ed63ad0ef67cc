"""The registry: what is named, what differs from the baseline where, and how a variant travels as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest

from ablations.dqn.bootstrap import Double, InverseDouble, Max
from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.head import Dueling, Linear
from ablations.dqn.optimizer import Adam
from ablations.dqn.replay.consecutive import Consecutive
from ablations.dqn.replay.latest import Latest
from ablations.dqn.replay.prioritized import Prioritized
from ablations.dqn.replay.uniform import Uniform
from ablations.dqn.settings import Settings
from ablations.dqn.target import Hard, NoTarget, Soft
from ablations.dqn.trunk import Mlp
from ablations.dqn.variants import (
    DQN,
    NAMED,
    PIECES,
    SLOTS,
    acting,
    changed,
    from_plain,
    ignored_settings,
    objections,
    plain,
    plain_changes,
)

COMBINATIONS = ("naive", "combined")


def slots_unlike_dqn(name: str) -> list[str]:
    return [slot for slot, piece in NAMED[name].variant if piece != getattr(DQN, slot)]


def test_the_baseline_is_uniform_replay_hard_target_max_and_a_linear_head() -> None:
    assert DQN.replay == Uniform()
    assert DQN.target == Hard(100)
    assert DQN.bootstrap == Max()
    assert DQN.head == Linear()
    assert next(iter(NAMED)) == "dqn"
    assert NAMED["dqn"].variant == DQN


@pytest.mark.parametrize("name", [name for name in NAMED if name != "dqn" and name not in COMBINATIONS])
def test_a_named_ablation_differs_from_dqn_in_exactly_one_slot(name: str) -> None:
    assert len(slots_unlike_dqn(name)) == 1


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_differs_in_several_slots(name: str) -> None:
    assert len(slots_unlike_dqn(name)) > 1


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
        "combined": replace(DQN, replay=Prioritized(), bootstrap=Double(), head=Dueling()),
    }
    assert {name: NAMED[name].variant for name in shipped} == shipped


def test_no_two_names_train_alike_and_no_two_titles_are_equal() -> None:
    variants = [acting(named.variant) for named in NAMED.values()]
    assert len(set(variants)) == len(variants)
    assert len({named.title for named in NAMED.values()}) == len(NAMED)


def test_every_piece_is_known_by_its_kind() -> None:
    shipped = {
        "trunk": {"mlp", "minatar-cnn", "nature-cnn"},
        "head": {"linear", "dueling", "bias-free"},
        "exploration": {"epsilon-greedy"},
        "replay": {"uniform", "latest", "consecutive", "prioritized"},
        "returns": {"one-step"},
        "target": {"hard", "none", "soft"},
        "bootstrap": {"max", "double", "inverse-double"},
        "loss": {"squared", "huber"},
        "optimizer": {"adam", "rmsprop", "sgd"},
        "maintenance": {"none"},
    }
    assert tuple(shipped) == SLOTS == tuple(PIECES)
    assert all(kinds <= set(PIECES[slot]) for slot, kinds in shipped.items())
    assert all(piece().kind == kind for kinds in PIECES.values() for kind, piece in kinds.items())


@pytest.mark.parametrize("name", NAMED)
def test_a_variant_survives_the_way_through_json(name: str) -> None:
    variant = NAMED[name].variant
    text = json.dumps(plain(variant), allow_nan=False)
    assert from_plain(json.loads(text)) == variant
    assert from_plain(json.loads(json.dumps(plain_changes(variant)))) == variant


def test_the_plain_form_names_kind_and_numbers_of_every_slot() -> None:
    assert plain(replace(DQN, head=Dueling((8, 4)))) == {
        "trunk": {"kind": "mlp", "hidden": [64, 64], "layer_norm": False},
        "head": {"kind": "dueling", "hidden": [8, 4]},
        "exploration": {
            "kind": "epsilon-greedy", "start_e": 1.0, "end_e": 0.05, "schedule": "linear",
            "exploration_fraction": 0.2, "epsilon_decay": 0.995,
        },
        "replay": {"kind": "uniform"},
        "returns": {"kind": "one-step"},
        "target": {"kind": "hard", "period": 100},
        "bootstrap": {"kind": "max"},
        "loss": {"kind": "squared"},
        "optimizer": {"kind": "adam", "eps": 1e-8, "max_grad_norm": 0.0, "reset_at_sync": False},
        "maintenance": {"kind": "none"},
    }  # fmt: skip


def test_a_configuration_states_no_neutral_piece_and_no_default_number() -> None:
    """Whatever is added later with a neutral default changes no stored key."""
    assert plain_changes(DQN) == {}
    changed_numbers = replace(DQN, target=Hard(50), head=Dueling(), optimizer=Adam(max_grad_norm=10.0))
    assert plain_changes(changed_numbers) == {
        "head": {"kind": "dueling"},
        "target": {"kind": "hard", "period": 50},
        "optimizer": {"kind": "adam", "max_grad_norm": 10.0},
    }


def test_a_line_of_the_registry_without_a_kind_changes_numbers_of_the_piece_that_stands_there() -> None:
    small = replace(DQN, trunk=Mlp((8,)), target=Hard(50))
    variant = changed(small, {"target": {"period": 10}, "head": Dueling()})
    assert variant == replace(DQN, trunk=Mlp((8,)), target=Hard(10), head=Dueling())
    with pytest.raises(TypeError, match="tau"):
        changed(small, {"target": {"tau": 0.1}})


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
    variant = replace(DQN, replay=Prioritized(), target=target, bootstrap=bootstrap, head=Dueling())
    assert acting(variant) == replace(DQN, replay=Prioritized(), target=NoTarget(), head=Dueling())


@pytest.mark.parametrize("target", [Hard(2), Soft(0.999)])
def test_a_target_that_lags_leaves_the_variant_as_it_is(target: Hard | Soft) -> None:
    variant = replace(DQN, target=target, bootstrap=Double())
    assert acting(variant) == variant


@pytest.mark.parametrize(("schedule", "count"), [("linear", 1), ("exponential", 1), ("constant", 0)])
def test_end_e_above_start_e_is_a_mistake_unless_epsilon_is_constant(schedule: Any, count: int) -> None:
    variant = replace(DQN, exploration=EpsilonGreedy(start_e=0.01, schedule=schedule))
    found = list(objections(variant, Settings()))
    assert [key for key, _ in found] == ["exploration.end_e"] * count


def test_a_buffer_that_cannot_hold_a_batch_of_consecutive_transitions_is_refused() -> None:
    assert not list(objections(DQN, Settings(buffer_size=9)))
    ((key, sentence),) = objections(replace(DQN, replay=Consecutive()), Settings(buffer_size=9))
    assert key == "buffer_size"
    assert "64" in sentence


def test_only_latest_ignores_settings() -> None:
    ignored = {name: ignored_settings(named.variant) for name, named in NAMED.items()}
    assert {name for name, settings in ignored.items() if settings} == {"no-replay", "naive"}
    assert ignored["no-replay"] == {"buffer_size", "batch_size"}
