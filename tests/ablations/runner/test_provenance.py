"""Which code made a stored run, and whether it has changed since."""

from __future__ import annotations

from typing import Any

import pytest

from ablations import store
from ablations.runner import provenance

HERE = {"commit": "a" * 40, "dirty": False, "diff": None}


def manifest(version: int = store.ALGORITHM_VERSION, **git: Any) -> dict[str, Any]:
    return {"config": {"algorithm_version": version}, "git": {**HERE, **git}}


def test_runs_of_this_code_are_not_told() -> None:
    assert provenance.changes([manifest(), manifest()], HERE) == []
    dirty = {**HERE, "dirty": True, "diff": "abc"}
    assert provenance.changes([manifest(dirty=True, diff="abc")], dirty) == []
    outside = {"commit": None, "dirty": None, "diff": None}
    assert provenance.changes([{**manifest(), "git": outside}], outside) == []


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"commit": "b" * 40}, "commit bbbbbbbbbbbb; this code is commit aaaaaaaaaaaa"),
        ({"dirty": True, "diff": "abc"}, "with uncommitted changes (abc); this code is commit aaaaaaaaaaaa"),
        ({"dirty": True}, "uncommitted changes that were not recorded"),
        ({"commit": None, "dirty": None}, "code outside of a git checkout; this code is commit"),
        ({"version": 0}, f"algorithm version 0; this code has version {store.ALGORITHM_VERSION}"),
    ],
)
def test_runs_of_other_code_are_told_with_what_differs(stored: dict[str, Any], words: str) -> None:
    (told,) = provenance.changes([manifest(), manifest(**stored), manifest(**stored)], HERE)
    assert told.startswith("2 stored runs were made by")
    assert words in told


def test_changes_that_were_not_recorded_are_told_even_where_they_may_be_the_same() -> None:
    dirty = {**HERE, "dirty": True, "diff": None}
    assert len(provenance.changes([manifest(dirty=True)], dirty)) == 1


def test_a_manifest_that_says_nothing_of_its_code_is_told() -> None:
    assert len(provenance.changes([{"config": {"algorithm_version": store.ALGORITHM_VERSION}}], HERE)) == 1
