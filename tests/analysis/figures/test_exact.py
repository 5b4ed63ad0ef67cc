"""Figures of exact comparisons: when they are drawn, what they say, and diverging runs that stay in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations import store
from analysis.figures import draw, exact, recorded_panels
from analysis.figures.page import drawing
from analysis.findings.recorded import EXACT, recorded
from analysis.loading import read
from analysis.metrics.values import LARGEST
from tests.analysis.made_up import bands, evidence, make_study, row

pytestmark = pytest.mark.slow

AT = [1000, 2000, 3000, 4000]
SMALL, LARGE = "ablations/GridTable3-v0", "ablations/GridTable5-v0"


def with_exact(
    folder: Path, states: Mapping[str, int], regret: Mapping[str, list[float]], error: Any = 0.5
) -> Path:
    """Give the runs of a made-up study comparisons: ``regret`` by label, over ``AT``."""
    for run in read(folder).runs:
        if not run.is_valid or run.label not in regret:
            continue
        columns = {
            "global_step": AT,
            "updates": AT,
            "states": [states[run.env_id]] * 4,
            "q_error_max": [error] * 4,
            "q_error_mean": [error] * 4,
            "overestimation": [-error] * 4,
            "regret": [value + 0.001 * run.seed for value in regret[run.label]],
        }
        table = store.tabulate(store.EXACT, run.env_id, run.label, run.seed, columns)
        tables = {"episodes": run.episodes, "exact": table}
        store.write_run(folder, run.path, run.manifest, tables)
    return folder


def study(folder: Path, envs: Mapping[str, int], regret: Mapping[str, list[float]], **more: Any) -> Path:
    error = more.pop("error", 0.5)
    rows = [row("dqn"), row("double", trunk={"kind": "mlp", "hidden": []})]
    return with_exact(make_study(folder / "s", rows, envs=list(envs), **more), envs, regret, error)


@pytest.fixture(scope="module")
def two_worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = study(
        tmp_path_factory.mktemp("exact"),
        {SMALL: 8, LARGE: 24},
        {"dqn": [1.0, 0.2, 0.01, 0.0], "double": [1.0, 1.0, 1.0, 1.0]},
    )
    files: dict[str, bytes] = {}
    for _, found in draw(evidence(folder)):
        files |= found
    return folder, files


def test_each_world_has_its_comparison_and_several_sizes_have_one_of_efficiency(
    two_worlds: tuple[Path, dict[str, bytes]],
) -> None:
    names = {"ablations_GridTable3-v0-exact", "ablations_GridTable5-v0-exact", "sample-efficiency"}
    for end in ("png", "pdf", "svg", "csv"):
        assert {f"{name}.{end}" for name in names} <= set(two_worlds[1])


def test_the_csv_holds_mean_interval_and_every_seed(two_worlds: tuple[Path, dict[str, bytes]]) -> None:
    text = two_worlds[1]["ablations_GridTable3-v0-exact.csv"].decode()
    lines = [each for each in csv.DictReader(io.StringIO(text)) if each["variant"] == "dqn"]
    assert {line["quantity"] for line in lines} == {"q_error_max", "overestimation", "regret"}
    line = next(each for each in lines if each["quantity"] == "regret" and each["step"] == "2000")
    assert [float(line[f"seed_{seed}"]) for seed in range(3)] == [0.2, 0.201, 0.202]
    assert float(line["mean"]) == pytest.approx(0.201)
    assert float(line["low"]) <= 0.201 <= float(line["high"])
    assert line["n"] == "3"


def test_efficiency_is_the_first_good_step_and_says_who_never_got_there(
    two_worlds: tuple[Path, dict[str, bytes]],
) -> None:
    lines = list(csv.DictReader(io.StringIO(two_worlds[1]["sample-efficiency.csv"].decode())))
    found = {(line["variant"], line["states"]): line for line in lines}
    assert set(found) == {("dqn", "8"), ("dqn", "24"), ("double", "8"), ("double", "24")}
    assert found["dqn", "8"]["median"] == "3000"
    assert found["dqn", "8"]["function"] == "network"
    assert found["double", "24"]["function"] == "table"
    assert (found["double", "24"]["median"], found["double", "24"]["missed"]) == ("", "3")


def test_a_study_of_one_size_has_no_figure_of_efficiency(tmp_path: Path) -> None:
    folder = study(tmp_path, {SMALL: 8}, {"dqn": [0.0] * 4})
    shown = bands(folder, SMALL)
    compared = recorded([one.summary for one in shown.drawn], EXACT)
    assert list(compared) == ["dqn"]
    assert evidence(folder).world_sizes == []
    with drawing():
        assert exact.draw(shown, compared).save(["svg"])["svg"].startswith(b"<?xml")


def test_runs_without_a_comparison_have_none(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", [row("dqn")])
    assert recorded([one.summary for one in bands(folder).drawn], EXACT) == {}


def test_a_run_beyond_single_precision_stays_in_the_mean(tmp_path: Path) -> None:
    states = {("dqn", seed): "diverged" for seed in range(3)}
    folder = study(tmp_path, {SMALL: 8}, {"dqn": [0.0] * 4}, error=float("inf"), states=states)
    shown = bands(folder, SMALL)
    compared = recorded([one.summary for one in shown.drawn], EXACT)
    assert compared["dqn"].bands["q_error_max"].mean.tolist() == [LARGEST] * 4
    with drawing():
        assert exact.draw(shown, compared).save(["svg"])["svg"].startswith(b"<?xml")


def test_a_quantity_that_is_zero_throughout_is_left_out(tmp_path: Path) -> None:
    folder = study(tmp_path, {SMALL: 8}, {"dqn": [0.0] * 4, "double": [0.0] * 4}, seeds=1, error=0.0)
    assert exact.shown(recorded([one.summary for one in bands(folder, SMALL).drawn], EXACT)) == [
        "q_error_max"
    ]


def test_powers_of_ten_are_few_even_and_within_the_axis() -> None:
    assert recorded_panels.powers(-0.005, 1.5, 0.01) == [0.0, 0.1, 1.0]
    assert recorded_panels.powers(-2.0, 30.0, 0.01) == [-1.0, -0.1, 0.0, 0.1, 1.0, 10.0]
    wide = recorded_panels.powers(-0.005, 1e20, 0.01)
    assert len(wide) <= 7
    assert np.allclose(np.diff(np.log10(wide[1:])), np.log10(wide[2] / wide[1]))


def test_large_powers_are_written_as_powers() -> None:
    assert [recorded_panels.power_text(v) for v in (0.0, -0.1, 100.0, 1e3, -1e12)] == [
        "0",
        "-0.1",
        "100",
        "10³",
        "-10¹²",
    ]
