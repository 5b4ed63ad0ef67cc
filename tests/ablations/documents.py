"""Study documents for tests, as ``tomllib`` would give them."""

from __future__ import annotations

from typing import Any

from ablations.errors import BadInput, Problem
from ablations.studies import load
from ablations.studies.study import Study

BOUNDED = {"CartPole-v1": {"value_bounds": [1.0, 100.0]}}
"""The environment as a section that says where returns lie, which some pieces need."""


def document(**changes: Any) -> dict[str, Any]:
    """A small good study; a change replaces a key, None takes it out."""
    good = {
        "name": "mine",
        "envs": ["CartPole-v1"],
        "seeds": 2,
        "baseline": "dqn",
        "variants": ["dqn", "no-target"],
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def study(**changes: Any) -> Study:
    """The study of a changed document."""
    return load.from_document(document(**changes), "mine.toml")


def problems(**changes: Any) -> list[Problem]:
    """Every mistake of a changed document, which must hold one."""
    try:
        resolved = study(**changes)
    except BadInput as bad:
        return bad.problems
    raise AssertionError(f"accepted with the rows {[row.label for row in resolved.rows]}")


def tiny(*variants: str, name: str = "mine", seeds: int = 2, steps: int = 150, record: str = "") -> str:
    """The text of a study on CartPole that is trained in no time; ``record`` is the body of that table."""
    return f"""
name = "{name}"
envs = ["CartPole-v1"]
seeds = {seeds}
variants = [{", ".join(f'"{variant}"' for variant in variants)}]
[settings]
total_timesteps = {steps}
learning_starts = 40
batch_size = 16
buffer_size = 100
[slots]
trunk = {{ hidden = [8] }}
""" + (f"[record]\n{record}\n" if record else "")


def labels(**changes: Any) -> list[str]:
    """The labels of the rows of a changed document."""
    return [row.label for row in study(**changes).rows]
