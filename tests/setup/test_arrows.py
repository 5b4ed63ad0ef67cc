"""Data flows one way: ablations -> results -> analysis. Only the left half knows torch."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.setup.sources import REPO, imported, modules, package_of

IMPORT_ALL_OF_ANALYSIS = """
import importlib, pkgutil, sys
import analysis, ablations.store
for found in pkgutil.walk_packages(analysis.__path__, "analysis."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""

LIST = """
import runpy, sys
sys.argv = ["ablations", "list"]
try:
    runpy.run_module("ablations", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""

NO_TORCH = "\nassert 'torch' not in sys.modules, 'torch was imported'\n"


def test_ablations_never_imports_analysis():
    wrong = [
        f"{path} imports {name}"
        for path, tree in modules("ablations")
        for name in imported(tree, package_of(path))
        if name.split(".")[0] == "analysis"
    ]
    assert not wrong


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
    "program", [IMPORT_ALL_OF_ANALYSIS, LIST], ids=["the store and all of analysis", "ablations list"]
)
def test_running_it_imports_no_torch(program):
    done = subprocess.run(
        [sys.executable, "-c", program + NO_TORCH],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


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
