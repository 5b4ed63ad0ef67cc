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


def labels(**changes: Any) -> list[str]:
    """The labels of the rows of a changed document."""
    return [row.label for row in study(**changes).rows]
