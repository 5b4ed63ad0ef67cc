"""The order of the tests."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the wheel comes first: it takes longest to build, and nobody shall wait for it at the end."""
    items.sort(key=lambda item: "installed" not in getattr(item, "fixturenames", ()))
