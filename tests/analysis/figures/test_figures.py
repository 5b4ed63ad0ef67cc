"""Figures: names, bytes, the numbers behind them, and partial results that are marked and never crash."""

from __future__ import annotations

import csv
import io
import math
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from analysis.figures import curves, diagnostics, draw, kinds, page_of, parts
from analysis.figures.layout import lay_out
from analysis.figures.page import WIDTH, drawing
from analysis.findings.recorded import INSIDE, recorded
from analysis.loading import read
from analysis.metrics import curve
from tests.analysis.made_up import Episodes, bands, evidence, make_study, row, see
from tests.analysis.pieces import NAMED

KINDS = ["curves", "variance", "small-multiples"]


def files_of(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for _, found in draw(evidence(folder)):
        files |= found
    return files


def kinds_drawn(folder: Path) -> list[str]:
    """The kinds of figure that a study has, each of them really drawn (as SVG, the fastest)."""
    data = bands(folder)
    with drawing():
        for kind in kinds(data):
            assert page_of(data, kind).save(["svg"])["svg"].startswith(b"<?xml")
    return kinds(data)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    folder = make_study(
        tmp_path_factory.mktemp("drawn") / "study", [row("dqn"), row("no-target"), row("naive")]
    )
    return folder, files_of(folder)


def test_every_figure_has_its_four_files(drawn: tuple[Path, dict[str, bytes]]):
    names = {
        f"CartPole-v1-{kind}.{end}" for kind in (*KINDS, "verdicts") for end in ("png", "pdf", "svg", "csv")
    }
    assert set(drawn[1]) == names


def test_the_files_are_what_their_names_say(drawn: tuple[Path, dict[str, bytes]]):
    for name, data in drawn[1].items():
        begin = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "csv": b"env_id,variant,"}[name[-3:]]
        assert data.startswith(begin), name


def test_drawing_again_gives_the_same_bytes(drawn: tuple[Path, dict[str, bytes]]):
    assert files_of(drawn[0]) == drawn[1]


def test_a_picture_is_a_page_wide_and_sharp(drawn: tuple[Path, dict[str, bytes]]):
    width, height = struct.unpack(">II", drawn[1]["CartPole-v1-curves.png"][16:24])
    assert width == 1400
    assert 600 < height < 2000


def test_no_figure_holds_a_date(drawn: tuple[Path, dict[str, bytes]]):
    for name, data in drawn[1].items():
        assert b"CreationDate" not in data, name
        assert b"<dc:date>" not in data, name


def test_the_csv_holds_the_means_and_the_seeds_that_are_drawn(drawn: tuple[Path, dict[str, bytes]]):
    folder, files = drawn
    lines = list(csv.DictReader(io.StringIO(files["CartPole-v1-curves.csv"].decode())))
    assert {line["quantity"] for line in lines} == {"curve", "running_variance"}
    mine = [line for line in lines if line["variant"] == "naive" and line["quantity"] == "curve"]
    at = np.array([int(line["step"]) for line in mine])
    run = read(folder).rows("CartPole-v1")[2].valid_runs[1]
    np.testing.assert_allclose(
        [float(line["seed_1"] or math.nan) for line in mine],
        curve(run.ends, run.returns, at, run.steps),
        rtol=1e-5,
    )
    last = mine[-1]
    mean = np.mean([float(last[f"seed_{seed}"]) for seed in range(3)])
    assert float(last["mean"]) == pytest.approx(mean, rel=1e-5)
    assert float(last["low"]) <= mean <= float(last["high"])
    assert last["n"] == "3"


def test_the_title_says_how_many_runs_there_are_and_how_many_are_missing(tmp_path: Path):
    states = {("dqn", 0): "missing", ("double", 1): "failed", ("double", 2): "diverged"}
    found = bands(make_study(tmp_path / "s", [row("dqn"), row("double")], states=states))
    assert parts.title(found, "curves") == "CartPole-v1: curves (n = 2)"
    assert parts.counts_text(found) == "Study made-up, 4 of 6 runs (1 diverged, 1 failed, 1 missing)"
    assert [parts.missing_text(one) for one in found.drawn] == ["2 of 3 runs", "2 of 3 runs, 1 diverged"]


def test_a_variant_without_a_single_run_keeps_its_place(tmp_path: Path):
    states = {("double", seed): "missing" for seed in range(3)}
    found = bands(make_study(tmp_path / "s", [row("dqn"), row("double")], states=states))
    assert [one.n for one in found.drawn] == [3, 0]
    assert parts.missing_text(found.drawn[1]) == "0 of 3 runs"
    assert kinds_drawn(tmp_path / "s") == KINDS


def test_the_baseline_may_be_missing(tmp_path: Path):
    states = {("dqn", seed): "missing" for seed in range(3)}
    assert kinds_drawn(make_study(tmp_path / "s", [row("dqn"), row("double")], states=states)) == KINDS


def test_an_environment_in_which_nothing_stands_has_no_figure(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn")], envs=["CartPole-v1", "ALE/Pong-v5"], seeds=2)
    for path in (folder / "runs" / "CartPole-v1").rglob("manifest.json"):
        path.unlink()
    assert all(name.startswith("ALE_Pong-v5-") for name in files_of(folder))


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_are_drawn(tmp_path: Path, seeds: int):
    assert kinds_drawn(make_study(tmp_path / "s", [row("dqn"), row("per")], seeds=seeds)) == KINDS


def test_the_baseline_alone_is_drawn(tmp_path: Path):
    assert kinds_drawn(make_study(tmp_path / "s", [row("dqn")], seeds=2)) == KINDS


def test_runs_in_which_no_episode_finished_are_drawn(tmp_path: Path):
    def play(row: object, seed: int, steps: int) -> Episodes:
        return []

    assert kinds_drawn(make_study(tmp_path / "s", [row("dqn"), row("per")], seeds=2, play=play)) == KINDS


def test_constant_and_negative_returns_without_a_threshold_are_drawn(tmp_path: Path):
    def play(row: object, seed: int, steps: int) -> Episodes:
        return [(200 * (place + 1), -200.0) for place in range(steps // 200)]

    folder = make_study(tmp_path / "s", [row("dqn"), row("per")], seeds=2, play=play, threshold=None)
    assert kinds_drawn(folder) == KINDS


def test_labels_with_signs_of_their_own_are_drawn_as_they_are(tmp_path: Path):
    odd = {**row("per"), "title": "_$x^2$ <&> 100%"}
    assert kinds_drawn(make_study(tmp_path / "s", [row("dqn"), odd], seeds=2)) == KINDS


@pytest.mark.parametrize(
    "rows",
    [
        [row("dqn", {"trunk.hidden": hidden}) for hidden in ([8], [128], [64, 64], [64] * 5)],
        [row("dqn", {"buffer_size": b, "target.period": p}) for b in (1000, 5000) for p in (10, 50, 200)],
        [row(name, {"learning_rate": rate}) for name in ("dqn", "double", "naive") for rate in (1e-3, 4e-3)],
        [row("dqn", {"target.period": p}) for p in (1, 10, 50)] + [row("soft-target", {"target.tau": 0.1})],
        [row("dqn", {"buffer_size": b, "target.period": p}) for b in (10, 20) for p in range(1, 10)],
    ],
    ids=["one key", "two keys", "variants by key", "ragged", "too many for panels"],
)
def test_a_sweep_has_a_figure_of_its_own(tmp_path: Path, rows: list[dict[str, object]]):
    assert kinds_drawn(make_study(tmp_path / "s", rows, seeds=1, steps=1000)) == [*KINDS, "sweep"]


OLDEST = ("head", "replay", "target", "bootstrap")
CLASSIC = [name for name, (_, changes) in NAMED.items() if set(changes) <= set(OLDEST)]


@pytest.mark.parametrize(("names", "most"), [(CLASSIC, 1.4), (list(NAMED), 2.0)], ids=["four slots", "all"])
def test_named_variants_fit_a_readable_page(tmp_path: Path, names: list[str], most: float):
    """Of four slots a sheet of paper; of all ten a page twice as high as it is wide."""
    found = bands(make_study(tmp_path / "s", [row(name) for name in names], seeds=2))
    with drawing():
        assert curves.draw(found).height < most * WIDTH


def test_a_threshold_far_from_all_curves_does_not_squash_them(tmp_path: Path):
    def play(row: object, seed: int, steps: int) -> Episodes:
        return [(50 * (place + 1), 10.0 + place % 7) for place in range(steps // 50)]

    found = bands(make_study(tmp_path / "s", [row("dqn")], seeds=2, play=play))
    assert parts.return_limits(found.drawn, 475.0, seeds=True)[1] < 20
    assert "solved: 475 (beyond the axis)" in parts.general_key(found, None)[1]
    assert parts.return_limits(found.drawn, 18.0, seeds=True)[1] > 18


def test_a_row_of_which_no_run_was_made_has_no_panel_and_is_named(tmp_path: Path):
    rows = [
        row(name, {"learning_rate": rate}) for name in ("dqn", "double", "dueling") for rate in (0.1, 0.2)
    ]
    missing = {
        (one["label"], seed): "missing" for one in rows if one["variant"] == "dueling" for seed in range(2)
    }
    failed = {("double@learning_rate=0.1", seed): "failed" for seed in range(2)}
    folder = make_study(tmp_path / "s", rows, seeds=2, states={**missing, **failed})
    shown = bands(folder)
    assert [panel.title for panel in lay_out(shown).panels if panel] == ["DQN", "Double"]
    assert parts.rows_without_runs_text(shown) == (
        "No run was made yet of: Dueling, learning rate 0.1; Dueling, learning rate 0.2."
    )
    assert parts.n_text(shown.drawn) == "n = 0 to 2"
    with drawing():
        for kind in kinds(shown):
            text = " ".join(re.findall(r"<!-- (.*?) -->", page_of(shown, kind).save(["svg"])["svg"].decode()))
            assert "No run was made yet of: Dueling, learning rate 0.1;" in text, kind
            assert "0 of 2" in text, kind


def test_one_run_of_one_row_has_nothing_to_tell_apart_and_is_drawn(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn")], seeds=1, threshold=None, look=see)
    assert kinds_drawn(folder) == KINDS
    with drawing():
        data = bands(folder)
        page = diagnostics.draw(data, recorded([drawn.summary for drawn in data.drawn], INSIDE))
    assert page.figure.axes
