"""Keys outlive what is added later: a slot, a piece or a number with a neutral default changes none that is stored."""

from __future__ import annotations

from dataclasses import dataclass, fields, make_dataclass, replace
from typing import Any, ClassVar

import pytest

from ablations import store
from ablations.dqn import variants
from ablations.dqn.facts import Facts
from ablations.dqn.settings import Settings
from ablations.dqn.variants import DQN, NAMED, SLOTS, Variant, plain_changes
from ablations.studies import load

CONFIGS = {name: plain_changes(named.variant) for name, named in NAMED.items()}


@dataclass(frozen=True)
class Nothing:
    """The neutral piece of a slot that is added later."""

    kind: ClassVar[str] = "nothing"

    def facts(self) -> Facts:
        return Facts()


@pytest.fixture
def wider(monkeypatch: pytest.MonkeyPatch) -> type[Variant]:
    """The record of slots with an eleventh."""
    record: Any = make_dataclass("Wider", [("eleventh", Any, Nothing())], bases=(Variant,), frozen=True)
    monkeypatch.setattr(variants, "DQN", record())
    return record  # type: ignore[no-any-return]


def test_an_eleventh_slot_changes_no_stored_key(wider: type[Variant]) -> None:
    assert [field.name for field in fields(wider)] == [*SLOTS, "eleventh"]
    for name, named in NAMED.items():
        variant = variants.changed(variants.DQN, named.changes)
        assert type(variant) is wider
        assert plain_changes(variant) == CONFIGS[name]


def test_a_number_added_to_a_piece_changes_no_stored_key() -> None:
    for variant in (named.variant for named in NAMED.values()):
        for slot, piece in variant:
            grown: Any = make_dataclass(
                type(piece).__name__, [("late", float, 0.5)], bases=(type(piece),), frozen=True
            )
            numbers = {field.name: getattr(piece, field.name) for field in fields(piece)}
            later, neutral = grown(**numbers), grown()
            stated = {
                field.name: variants.plain_value(getattr(later, field.name))
                for field in fields(later)
                if getattr(later, field.name) != field.default
            }
            before = plain_changes(replace(DQN, **{slot: piece}))
            after = {slot: {"kind": later.kind, **stated}} if later != neutral or stated else {}
            assert before.get(slot, {"kind": piece.kind}) == after.get(slot, {"kind": piece.kind})
            assert "late" not in stated


def test_a_study_with_an_eleventh_slot_has_the_keys_that_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [run.key for run in load.load("core").runs()]

    def with_more(variant: Variant) -> dict[str, Any]:
        wide: Any = make_dataclass("Wider", [("eleventh", Any, Nothing())], bases=(Variant,), frozen=True)
        neutral = {slot: piece for slot, piece in wide() if piece == getattr(DQN, slot, Nothing())}
        whole = {**dict(variant), "eleventh": Nothing()}
        return {
            slot: plain for slot, plain in plain_changes(variant).items() if whole[slot] != neutral.get(slot)
        }

    monkeypatch.setattr("ablations.studies.study.plain_changes", with_more)
    assert [run.key for run in load.load("core").runs()] == keys


def test_settings_that_hold_their_default_stand_in_no_configuration() -> None:
    assert Settings().plain_changes() == {}
    assert Settings(gamma=0.9).plain_changes() == {"gamma": 0.9}


def test_the_default_baselines_configuration_states_neither_slots_nor_settings() -> None:
    (run, *_) = load.load("core").runs()
    assert (run.config["slots"], run.config["settings"]) == ({}, {})
    assert run.key == store.key_of(run.config)
