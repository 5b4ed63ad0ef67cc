"""Engines: which there are, and what is said where the compiled one is missing."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from ablations import engines
from ablations.dqn import ops
from ablations.dqn.exploration import EpsilonGreedy
from ablations.dqn.head import Linear
from ablations.dqn.loss import Huber
from ablations.dqn.variants import DQN, NAMED, Variant
from ablations.engines.native import library
from tests import own_pieces as own
from tests.ablations.documents import study


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine on which nothing was compiled."""
    monkeypatch.setattr(library, "HERE", tmp_path)
    library.load.cache_clear()
    library.missing.cache_clear()
    yield
    library.load.cache_clear()
    library.missing.cache_clear()


def test_without_a_compiled_library_the_reference_is_chosen_and_the_loss_is_told(unbuilt):
    assert engines.available() == ("reference",)
    assert study().engine == "reference"
    (note,) = engines.notes("reference", {"dqn": DQN})
    assert "compiler" in note


def test_the_native_engine_asked_for_by_name_is_refused_where_it_is_missing(unbuilt):
    with pytest.raises(Exception, match="compiler"):
        study(engine="native")


def test_a_damaged_library_counts_as_none(unbuilt, tmp_path):
    for name in library.NEEDS:
        (tmp_path / f"_{name}.so").write_bytes(b"not a library")
    assert library.missing()
    assert engines.available() == ("reference",)


def test_which_rows_take_another_path_is_told_with_the_pieces_that_are_not_compiled():
    assert engines.notes("native", {"dqn": DQN}) == []
    found = engines.notes(
        "native", {"dqn": DQN, **{name: own.VARIANTS[name] for name in ("head", "trunk-optimizer")}}
    )
    general, reference = found
    assert general.startswith("head: path native-general; head without")
    assert reference.startswith("trunk-optimizer: path reference; trunk, optimizer without")
    assert engines.notes("cuda", {"mine": own.VARIANTS["all"]}) == []


def test_a_compiled_body_is_named_by_a_pieces_own_class_alone():
    assert ops.op_of(Linear()) is ops.Head.LINEAR
    assert ops.op_of(Huber()) is ops.Loss.HUBER
    assert own.Louder.op is ops.Head.LINEAR
    assert ops.op_of(own.Louder()) is None


OWN = {"trunk": own.TRUNK, "head": own.HEAD, "loss": own.LOSS, "optimizer": own.OPTIMIZER}


@pytest.mark.parametrize("slots", [each for n in range(5) for each in combinations(OWN, n)], ids="-".join)
def test_the_path_follows_from_which_pieces_of_an_update_are_compiled(slots):
    """Without trunk and optimizer nothing is: a head begins where a trunk ends."""
    variant = replace(DQN, **{slot: OWN[slot] for slot in slots})
    neither = "trunk" in slots and "optimizer" in slots
    expected = "reference" if neither else "native-general" if slots else "native"
    assert engines.path("native", variant) == expected
    assert [engines.path(engine, variant) for engine in ("reference", "cuda")] == ["reference", "cuda"]


def test_every_named_variant_is_compiled_whole():
    assert {engines.path("native", named.variant) for named in NAMED.values()} == {"native"}


def test_exploration_replay_and_target_are_no_part_of_the_path():
    """Their numbers are the same whether or not they are compiled."""

    class Contrary(EpsilonGreedy):
        """A subclass, which may do anything."""

    assert (
        engines.path("native", Variant(exploration=Contrary(), replay=own.Own(), target=own.Own()))
        == "native"
    )


def test_a_path_is_computed_by_an_engine():
    assert engines.of("native-general") is engines.of("native")
    assert engines.of("reference") is not engines.of("native")
