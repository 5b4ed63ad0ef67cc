"""What environments hold, written down and put back."""

from __future__ import annotations

import random
import threading
from collections import deque
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from ablations.envs import snapshot


class Mood(Enum):
    CALM = 1
    CROSS = 2


class Thing:
    """Something in an environment."""

    def __init__(self, weight: float) -> None:
        self.weight = weight


class Slotted:
    __slots__ = ("hidden",)


def carried(held: Any, stands: Any) -> Any:
    """What a new environment holds in the place of ``stands`` once it was given what another held."""
    fresh = SimpleNamespace(it=stands)
    snapshot.put_back(fresh, snapshot.taken(SimpleNamespace(it=held)))
    return fresh.it


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 2**80, 0.1, float("inf"), "a text", b"bytes", 1 + 2j),
        *([1, [2.5, "x"]], (1, (2,)), {"a": 1, 2: [3], (4, 5): 6}, {1, 2}, frozenset({3}), deque([1, 2], 5)),
        *(np.float32(0.1), np.int64(7), np.bool_(True)),
    ],
    ids=repr,
)
def test_a_value_is_put_back_as_it_was(value: Any) -> None:
    found = carried(value, None)
    assert type(found) is type(value)
    assert found == value


def test_arrays_keep_numbers_shape_and_type_and_are_nobody_elses() -> None:
    held, stands = np.arange(6, dtype=np.int16).reshape(2, 3), np.zeros((2, 3))
    found = carried(held, stands)
    assert (found.dtype, found.tolist()) == (held.dtype, held.tolist())
    found[:] = 0
    assert (held.max(), stands.max()) == (5, 0)


@pytest.mark.parametrize(
    "made", [np.random.default_rng, np.random.RandomState, random.Random], ids=["new", "old", "python"]
)
def test_generators_go_on_where_they_were_in_place(made: Any) -> None:
    held, stands = made(1), made(2)
    held.random()
    assert carried(held, stands) is stands
    made_anew = carried(held, None)
    assert stands.random() == made_anew.random() == held.random()


@pytest.mark.parametrize("used", [False, True])
def test_spaces_stay_and_are_sampled_from_where_they_were(used: bool) -> None:
    held, stands = Discrete(1000), Discrete(1000)
    if used:
        held.seed(1)
        held.sample()
    assert carried(held, stands) is stands
    if used:
        assert [stands.sample() for _ in range(5)] == [held.sample() for _ in range(5)]


def test_what_is_held_twice_is_one_thing_again() -> None:
    generator = np.random.default_rng(1)
    held = {"one": generator, "other": generator, "list": [Thing(1.0)] * 2}
    other = np.random.default_rng(2)
    found = carried(held, {"one": other, "other": np.random.default_rng(3), "list": []})
    assert found["one"] is found["other"] is other
    assert found["list"][0] is found["list"][1]
    loop: list[Any] = []
    loop.append(loop)
    found = carried(loop, None)
    assert found[0] is found


def test_objects_are_filled_in_where_they_stand_and_made_where_there_is_none() -> None:
    here = Thing(1.0)
    found = carried([Thing(2.0), Thing(3.0)], [here])
    assert found[0] is here
    assert [type(each) for each in found] == [Thing, Thing]
    assert [each.weight for each in found] == [2.0, 3.0]
    here.__dict__["more"] = 1
    assert vars(carried(Thing(4.0), here)) == {"weight": 4.0}


def test_moods_are_found_by_name() -> None:
    assert carried(Mood.CROSS, Mood.CALM) is Mood.CROSS


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        Slotted(),
        (count for count in range(3)),
        np.array([object()]),
        (lambda x: lambda: x)(1),
    ],
    ids=["lock", "slots", "iterator", "objects", "closure"],
)
def test_what_lies_behind_foreign_code_is_named(value: Any) -> None:
    with pytest.raises(snapshot.Opaque, match=r"^\.it\['deep'\]\[1\]$"):
        snapshot.taken(SimpleNamespace(it={"deep": [0, value]}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["object","os","Nothing",{}]', "no class os.Nothing"),
        ('["object","builtins","len",{}]', "no class builtins.len"),
        ('["generator","Dice",1]', "'Dice' is no generator"),
        ('["window",1]', "'window' is nothing"),
    ],
)
def test_a_text_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        snapshot.put_back(None, text)
