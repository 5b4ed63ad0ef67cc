"""Finished studies, trained once per session (also under pytest-xdist) and never written to by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .once import once
from .outside import QUESTION, SLOW_SOFT, ablations, assert_answered, write_study

SWEPT = '[sweep]\n"target.period" = [5, 50]\n"trunk.hidden" = [[8], [8, 8]]\n'

FACTORS = """[factors]
target = ["none", "hard"]
bootstrap = ["max", "double"]
[sweep]
"target.period" = [5, 50]
"""


def train(folder: Path) -> None:
    assert_answered(ablations("run", "tiny.toml", cwd=folder), 0)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.toml and its finished results: three rows, three seeds."""

    def make(folder: Path) -> None:
        top = {"variants": ["dqn", "per", "slow-soft"], "seeds": 3, "question": QUESTION}
        write_study(folder, top, tables=SLOW_SOFT)
        train(folder)

    return once(tmp_path_factory, "finished", make)


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep over target periods and widths; `soft-target` has no period."""

    def make(folder: Path) -> None:
        write_study(folder, {"variants": ["dqn", "soft-target"]}, {"total_timesteps": 300}, SWEPT)
        train(folder)

    return once(tmp_path_factory, "swept", make)


@pytest.fixture(scope="session")
def factorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished factorial of four cells, one of them an alias, two of them at two points of a sweep."""

    def make(folder: Path) -> None:
        top = {"baseline": "hard+max", "seeds": 1}
        write_study(
            folder, top, {"total_timesteps": 300}, FACTORS, without=["variants"], slots={"loss": "huber"}
        )
        train(folder)

    return once(tmp_path_factory, "factorial", make)


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """The finished study, copied to a place of its own, for a test to change."""
    place = tmp_path / "copied"
    shutil.copytree(finished, place)
    return place


@pytest.fixture
def results(finished: Path) -> Path:
    return finished / "results" / "tiny"


SLOWER = (
    "test_analysis_cli", "test_bad_command_lines", "test_bad_studies", "test_command_line", "test_engines",
    "test_faults_small", "test_rows", "test_run", "test_slots", "test_surroundings", "test_valid_runs",
)  # fmt: skip
"""Files whose many commands take minutes; unit tests ask much of the same."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem in SLOWER:
            item.add_marker(pytest.mark.slow)
