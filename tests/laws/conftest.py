"""Every law holds for every engine.

The quick tests hold the best engine of a processor to all laws, and the others, for two variants, to equal bits and to
the oracle. The slower suite holds the others to all laws under every piece; under every pair only where an engine's
own arithmetic is compared with the textbook's, for the pieces are the same code on all of them. The device's engine is
left out where its own folder of tests asks the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations import engines
from ablations.dqn.variants import Variant
from tests.on_engines import BEST, ENGINES, put_on_cpu_tensors

from . import worlds
from .covering import SHOWING, each_piece

HERE = Path(__file__).parent
ALWAYS = ("test_bit_identity.py", "test_every_named_variant_equals_the_textbook", "test_own_pieces.py")
NOT_ON_A_DEVICE = ("test_bit_identity", "test_probes", "test_resuming")
SAME_DRAWS = ("test_oracle", "test_own_pieces")
ON_NO_ENGINE = ("test_covering", "test_games", "test_products")
QUICK_ON_OTHERS = ("dqn", "combined", None)
PAIRS = "test_every_pair_of_pieces_equals_the_textbook"
TRIPLES = "test_every_triple_of_pieces_trains_stays_finite_and_changes_all_its_parameters"
"""These the reference is held to whole; the device's engine computes as it does."""
OF_THE_ALGORITHM = (
    *("test_probes.py", "test_a_changed_slot_changes", "test_hard_one_no_target_and_soft_one"),
    "test_a_poisonous_reward_stays_in_its_lane",
)
"""What training comes to, not how it is computed: one variant is enough on other engines."""


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    others = [item for item in items if item.path.parent == HERE and _parameters(item)["engine"] != BEST]
    for item in others:
        always = any(each in item.nodeid for each in ALWAYS)
        if not always or _parameters(item).get("name") not in QUICK_ON_OTHERS:
            item.add_marker(pytest.mark.slow)
    spared = _spared(others)
    items[:] = [item for item in items if item not in spared]
    config.hook.pytest_deselected(items=list(spared))


def _spared(others: list[pytest.Item]) -> dict[pytest.Item, None]:
    """Tests on other engines than the best whose pieces others of the same law hold there."""
    laws: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    spared: dict[pytest.Item, None] = {}
    for item in others:
        law, engine = item.nodeid.split("[")[0], _parameters(item)["engine"]
        if engine == "cuda" and law.endswith(TRIPLES):
            spared[item] = None
        elif engine == "cuda" and item.path.stem == "test_oracle" and not law.endswith(PAIRS):
            spared.update({} if _parameters(item).get("name") in QUICK_ON_OTHERS else {item: None})
        elif engine == "cuda" or (
            not law.endswith((PAIRS, TRIPLES)) and item.path.stem != "test_bit_identity"
        ):
            laws[law, engine].append(item)
    for (law, _), items in laws.items():
        spared.update(_beyond_each_piece(law, items))
    return spared


def _beyond_each_piece(law: str, items: list[pytest.Item]) -> dict[pytest.Item, None]:
    """Of the tests of one law on one engine those that hold no piece which others do not hold."""
    variants: dict[Any, Variant] = {**worlds.covering(2), **SHOWING}
    asked = {_parameters(item).get("name") for item in items}
    rows = {name: variant for name, variant in variants.items() if name in asked}
    kept = {*QUICK_ON_OTHERS, *each_piece(rows)}
    if any(each in law for each in OF_THE_ALGORITHM):
        kept = {"dqn" if "dqn" in rows else next(iter(rows), None)}
    return {item: None for item in items if _parameters(item).get("name") in rows.keys() - kept}


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {"engine": BEST})
    return parameters
