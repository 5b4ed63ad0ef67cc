"""The studies that faults are tried on, each run once per session with nothing in its way."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.contract.once import once

from .grounds import Undisturbed, run_undisturbed, undisturbed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who is struck, and whether it lived, is read from /proc."""
    if sys.platform != "linux":
        for item in items:
            if "/tests/faults/" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason="reads processes from /proc"))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Undisturbed]:
    """The undisturbed study of a family of numerical code."""

    def of(family: str) -> Undisturbed:
        folder = once(tmp_path_factory, f"faults-{family}", lambda place: run_undisturbed(place, family))
        return undisturbed(folder, family)

    return of
