"""Data flows one way: ablations -> results -> analysis. Only the left half knows torch."""

from __future__ import annotations

import ast

import pytest

from tests.setup.sources import imported, modules, package_of


def test_analysis_imports_from_ablations_only_the_store():
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules("analysis")
        for name in imported(tree, package_of(path))
        if name.startswith("ablations.") and not f"{name}.".startswith("ablations.store.")
    ]
    assert not wrong


def test_analysis_and_the_store_hold_no_import_of_torch():
    wrong = [
        path
        for path, tree in modules("analysis", "ablations")
        if path.startswith(("analysis/", "ablations/store"))
        if any(name.split(".")[0] == "torch" for name in imported(tree, package_of(path)))
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch.nn", {"torch.nn"}),
        ("def f():\n    from ablations import store", {"ablations", "ablations.store"}),
        ("from . import ring", {"ablations.dqn.replay", "ablations.dqn.replay.ring"}),
        ("from ..layers import Parameter", {"ablations.dqn.layers", "ablations.dqn.layers.Parameter"}),
        ("if TYPE_CHECKING:\n    import torch", set()),
        ("if TYPE_CHECKING:\n    import torch\nelse:\n    import numpy", {"numpy"}),
    ],
)
def test_the_reader_of_imports_sees_every_form(source, expected):
    assert set(imported(ast.parse(source), "ablations.dqn.replay")) == expected
