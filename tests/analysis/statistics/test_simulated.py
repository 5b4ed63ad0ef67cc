"""Simulated studies err no more often than they may, at every look and at the stop."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.sequential import ALPHA

from .simulated import LOOKS, STUDIES, normal, skewed, studies

pytestmark = pytest.mark.slow
SHARES = np.array(LOOKS) / LOOKS[-1]
"""Of the error that was spent by each look."""


def most(level: float, count: int) -> float:
    """What a share of so many studies stays below unless the true one lies above ``level``: three standard errors."""
    return level + 3 * float(np.sqrt(level * (1 - level) / count))


@pytest.mark.parametrize(("rows", "count"), [(2, STUDIES), (12, 500)])
def test_where_nothing_differs_few_studies_say_so_by_any_look(rows: int, count: int):
    found = studies(rows, 0.0, skewed, skewed, count=count)
    for share, wrong in zip(SHARES, found.wrong, strict=True):
        assert wrong <= most(ALPHA * share, count)
    assert found.covered >= 1 - ALPHA - 0.01


@pytest.mark.parametrize(("rows", "count"), [(2, STUDIES), (12, 500)])
def test_at_the_border_of_the_margin_few_studies_say_same(rows: int, count: int):
    """An independent draw of the baseline's law plus the margin."""
    found = studies(rows, 1.0, skewed, skewed, margin=1.0, count=count)
    for share, wrong in zip(SHARES, found.same, strict=True):
        assert wrong <= most(ALPHA * share, count)


def test_larger_effects_are_found_more_often_and_with_fewer_seeds():
    found = [
        studies(12, size * np.sqrt(2), normal, normal, margin=0.05, count=40) for size in (0.5, 1.0, 1.5)
    ]
    assert found[0].decided < found[1].decided <= found[2].decided
    assert found[0].seeds > found[1].seeds > found[2].seeds
    assert found[2].decided > 0.99
