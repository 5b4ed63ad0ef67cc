"""Who selects and who evaluates: which rows are corners of one square, and what the table says of them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from analysis.findings.select_evaluate import Quadrant
from analysis.statistics.intervals import proportion_interval
from analysis.tables.select_evaluate import tables as tables_of
from tests.analysis.findings.test_evidence import FACTS, rise, tables
from tests.analysis.made_up import evidence, make_study, row, see


def study(folder: Path, rows: list[dict[str, Any]], **others: Any) -> Path:
    chosen: dict[str, Any] = {"seeds": 4, "look": see, "play": rise({}), "facts": FACTS, **others}
    return make_study(folder, rows, **chosen)


def found(folder: Path, rows: list[dict[str, Any]], **others: Any) -> list[Quadrant]:
    return evidence(study(folder, rows, **others)).quadrants


def test_the_four_corners_stand_in_order_with_who_selects_and_who_evaluates(tmp_path: Path):
    names = ["inverse-double", "double", "dqn", "no-target", "dueling"]
    square = found(tmp_path / "s", [row(name) for name in names])
    assert [(one.summary.row.label, *one.networks) for one in square] == [
        ("no-target", "online", "online"),
        ("dqn", "target", "target"),
        ("double", "online", "target"),
        ("inverse-double", "target", "online"),
    ]
    assert all(one.shared["target"] == {"kind": "hard", "period": 100} and not one.at for one in square)
    assert all("bootstrap" not in one.shared for one in square)


def test_the_table_counts_runs_that_diverged_and_says_when(tmp_path: Path):
    square = found(tmp_path / "s", [row("dqn"), row("no-target")])
    (table,) = tables_of(square)
    without, plain = (dict(zip(table.columns, line, strict=True)) for line in table.rows)
    share = proportion_interval(4, 4)
    assert without["diverged softly"] == f"4 of 4: 1.00 [{share.low:.2f}, 1.00]"
    assert without["first crossing"].startswith("1600")  # see(): the fourth of ten probes of 4000 steps
    assert (plain["diverged softly"], plain["first crossing"]) == (
        "0 of 4: 0.00 [0.00, 0.60]",
        "not reached by 4 of 4",
    )
    assert (without["corner"], without["n"]) == ("no target network", "4")
    assert float(without["overestimation"].split()[0]) == pytest.approx(30 * 5.5 - 60, abs=1)


def test_a_copy_at_every_update_is_the_corner_without_a_target_network(tmp_path: Path):
    rows = [row("dqn", {"target.period": period}) for period in (1, 10, 50)]
    square = found(tmp_path / "s", rows)
    assert [(one.summary.row.label, one.shared["target"]["period"]) for one in square] == [
        ("dqn@target.period=1", 10),
        ("dqn@target.period=10", 10),
        ("dqn@target.period=1", 50),
        ("dqn@target.period=50", 50),
    ]


def test_rows_that_differ_in_more_are_no_corners_of_one_square(tmp_path: Path):
    assert found(tmp_path / "a", [row("dqn"), row("naive")]) == []  # another replay too
    assert found(tmp_path / "b", [row("dqn"), row("dueling")]) == []  # one corner alone
    rates = [row("dqn", {"learning_rate": 0.1}), row("double", {"learning_rate": 0.2})]
    assert found(tmp_path / "c", rates) == []
    same = [row("dqn", {"learning_rate": 0.1}), row("double", {"learning_rate": 0.1})]
    assert [one.at for one in found(tmp_path / "d", same)] == [{"learning_rate": 0.1}] * 2


def test_without_probes_and_evaluations_there_is_no_table_and_with_them_it_is_among_the_tables(
    tmp_path: Path,
):
    rows = [row("dqn"), row("double")]
    assert found(tmp_path / "a", rows, look=None) == []
    made = tables(make_study(tmp_path / "b", rows, look=see, facts=FACTS))
    assert {"who-selects.csv", "who-selects.md", "who-selects.tex"} <= set(made)


def test_a_corner_of_which_no_run_stands_is_left_out(tmp_path: Path):
    states = {("double", seed): "failed" for seed in range(4)}
    square = found(tmp_path / "s", [row("dqn"), row("double"), row("no-target")], states=states)
    assert [one.summary.row.label for one in square] == ["no-target", "dqn"]


def test_csv_markdown_and_latex_hold_the_same_corners(tmp_path: Path):
    made = tables(study(tmp_path / "s", [row("dqn"), row("double"), row("no-target")]))
    records = list(csv.DictReader(io.StringIO(made["who-selects.csv"])))
    assert [one["corner"] for one in records] == ["no target network", "target network", "Double"]
    assert [one["diverged_softly"] for one in records] == ["4", "0", "0"]
    assert records[0]["steps_to_soft_divergence"] == "1600"
    text = made["who-selects.md"]
    assert all(one["corner"] in text for one in records)
    tex = made["who-selects.tex"]
    assert tex.count("{") == tex.count("}")
    assert "n = 4 seeds per row" in tex
    assert "CartPole-v1: target hard 100}" in tex
