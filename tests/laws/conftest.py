"""Every law holds for every engine family that works here.

Where there are several, the quick tests hold the best one to all laws and the others to equal bits and, for each named
variant, to the oracle; the slower suite holds the others to all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ablations import engines

from . import worlds

ALWAYS = ("test_bit_identity.py", "test_every_named_variant_equals_the_textbook")


@pytest.fixture(autouse=True, params=engines.available())
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The family that this test's learners use."""
    monkeypatch.setattr(worlds, "FAMILY", request.param)
    return str(request.param)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    best = engines.available()[0]
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        always = any(name in item.nodeid for name in ALWAYS)
        if parameters.get("family", best) != best and not always:
            item.add_marker(pytest.mark.slow)
