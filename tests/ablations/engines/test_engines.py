"""Engines: which there are, and what is said where the compiled one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablations import engines
from ablations.dqn import ops
from ablations.dqn.head import Linear
from ablations.dqn.loss import Huber
from ablations.dqn.variants import DQN, Variant
from ablations.engines.native import library
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


class Louder(Linear):
    """A subclass, which may do anything."""


def test_which_rows_are_not_compiled_is_told():
    assert engines.notes("native", {"dqn": DQN}) == []
    (note,) = engines.notes("native", {"dqn": DQN, "mine": Variant(head=Louder())})
    assert note.startswith("mine: ")
    assert "reference" in note


def test_a_compiled_body_is_named_by_a_pieces_own_class_alone():
    assert ops.op_of(Linear()) is ops.Head.LINEAR
    assert ops.op_of(Huber()) is ops.Loss.HUBER
    assert Louder.op is ops.Head.LINEAR
    assert ops.op_of(Louder()) is None
    assert not engines.compiles(Variant(head=Louder()))
    assert engines.compiles(DQN)
