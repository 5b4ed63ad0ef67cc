"""Numbers of a study are what the file says: of the right type, canonical, and nothing is made into something else."""

from __future__ import annotations

from typing import Any

import pytest

from ..documents import problems, study


def test_an_integer_for_a_float_is_accepted_and_gives_the_same_key():
    whole, real = (
        study(settings={"gamma": gamma}, slots={"optimizer": {"max_grad_norm": norm}})
        for gamma, norm in ((1, 10), (1.0, 10.0))
    )
    assert [run.key for run in whole.runs()] == [run.key for run in real.runs()]
    assert isinstance(whole.settings.gamma, float)


def test_minus_zero_is_zero():
    keys = [
        [run.key for run in study(slots={"optimizer": {"kind": "sgd", "max_grad_norm": zero}}).runs()]
        for zero in (0.0, -0.0)
    ]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 64.0),
        ("batch_size", "64"),
        ("batch_size", True),
        ("gamma", True),
        ("gamma", "0.9"),
        ("gamma", float("nan")),
        ("bootstrap_truncated", 1),
        ("bootstrap_truncated", "true"),
        ("learning_rate", {}),
        ("learning_rate", 10**400),
    ],
)
def test_no_setting_is_coerced(name: str, value: Any):
    (problem,) = problems(settings={name: value})
    assert problem.key == f"settings.{name}"


@pytest.mark.parametrize(
    ("slot", "number", "value"),
    [
        ("trunk", "hidden", 64),
        ("trunk", "hidden", [64.0]),
        ("trunk", "hidden", [True]),
        ("trunk", "hidden", "64x64"),
        ("optimizer", "eps", "1e-8"),
        ("target", "period", 1.0),
        ("exploration", "schedule", 1),
    ],
)
def test_no_number_of_a_piece_is_coerced(slot: str, number: str, value: Any):
    (problem,) = problems(slots={slot: {number: value}})
    assert problem.key == f"slots.{slot}.{number}"
