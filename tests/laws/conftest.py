"""Every law holds for every engine.

The quick tests hold the best engine of a processor to all laws, and the others, for two variants, to equal bits and to
the oracle; the slower suite holds the others to all of them. The device's engine is left out where its own
folder of tests asks the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ablations import engines
from tests.on_engines import BEST, ENGINES, put_on_cpu_tensors

from . import worlds

ALWAYS = ("test_bit_identity.py", "test_every_named_variant_equals_the_textbook", "test_own_pieces.py")
NOT_ON_A_DEVICE = ("test_bit_identity", "test_probes", "test_resuming")
SAME_DRAWS = ("test_oracle", "test_own_pieces")
ON_NO_ENGINE = ("test_products",)
QUICK_ON_OTHERS = ("dqn", "combined", None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    names = (
        (BEST,) if module in ON_NO_ENGINE else engines.available() if module in NOT_ON_A_DEVICE else ENGINES
    )
    metafunc.parametrize("engine", names, indirect=True)


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine that this test's learners use."""
    name = put_on_cpu_tensors(request.param, monkeypatch, same_draws=request.path.stem in SAME_DRAWS)
    monkeypatch.setattr(worlds, "ENGINE", name)
    return name


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        name = parameters.get("engine", BEST)
        always = any(each in item.nodeid for each in ALWAYS)
        if parameters.get("name") not in QUICK_ON_OTHERS:
            always = False
        if name != BEST and not always:
            item.add_marker(pytest.mark.slow)
