"""The summary tables: columns, hand-worked numbers, and readable in every format."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from analysis.findings.evidence import collect
from analysis.findings.summary import COLUMNS
from analysis.loading import Results, read
from analysis.tables.pages import files
from analysis.tables.spelling import number_text
from analysis.tables.table import escaped
from tests.analysis.made_up import Episodes, make_study, row


def play_by_seed(row: object, seed: int, steps: int) -> Episodes:
    """Twenty episodes of 100 steps; seed 0 earns 0, then 10; seed 1 always 10; seed 2 always 2."""
    returns = {0: [0.0] * 10 + [10.0] * 10, 1: [10.0] * 20, 2: [2.0] * 20}[seed]
    return [(100 * (place + 1), value) for place, value in enumerate(returns)]


@pytest.fixture
def worked(tmp_path: Path) -> Results:
    folder = make_study(
        tmp_path / "worked", [row("dqn")], steps=2000, threshold=5.0, play=play_by_seed, name="worked_100%"
    )
    return read(folder)


def render(results: Results) -> dict[str, bytes]:
    return files(collect(results))


def table(results: Results) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(results)["summary.csv"].decode())))


def test_the_columns_that_outsiders_read_come_first_and_then_their_intervals(worked: Results):
    columns = list(table(worked)[0])
    assert tuple(columns[:12]) == COLUMNS
    numbers = COLUMNS[6:]
    assert columns[12:24] == [f"{name}_{end}" for name in numbers for end in ("low", "high")]


def test_the_summary_of_a_hand_worked_study(worked: Results):
    (line,) = table(worked)
    assert (line["env_id"], line["variant"], line["n"], line["ok"]) == ("CartPole-v1", "dqn", "3", "3")
    assert float(line["final_return"]) == pytest.approx((10 + 10 + 2) / 3)
    # seed 0's mean of ten reaches 5 at episode 15, seed 1's at 10, seed 2's never: the second of three is the median
    assert float(line["episodes_to_threshold"]) == 15
    assert float(line["steps_to_threshold"]) == 1500
    assert line["steps_to_threshold_note"] == "not reached by 1 of 3"
    assert float(line["solved"]) == pytest.approx(2 / 3, abs=1e-6)
    assert float(line["solved_low"]) == pytest.approx(0.0943, abs=1e-4)
    # only seed 0 varies: k tens among ten have variance k (10 - k); full windows hold from step 1000 to 2000
    value_at = [10 * k * (10 - k) / 10 for k in range(11)]
    mean = (sum(100 * value for value in value_at[:10]) + value_at[10]) / 1001
    assert float(line["running_variance"]) == pytest.approx(mean / 3, rel=1e-6)


def test_runs_that_do_not_stand_are_counted_and_lower_n(tmp_path: Path):
    states = {("dqn", 0): "failed", ("dqn", 1): "died", ("dqn", 2): "diverged", ("dqn", 3): "missing"}
    (line,) = table(read(make_study(tmp_path / "s", [row("dqn")], seeds=5, states=states)))
    assert (line["n"], line["ok"], line["diverged"], line["failed"]) == ("2", "1", "1", "2")
    assert (line["asked"], line["missing"]) == ("5", "1")


def test_a_row_of_which_nothing_stands_is_there_with_empty_numbers(tmp_path: Path):
    states = {("double", seed): "missing" for seed in range(3)}
    lines = table(read(make_study(tmp_path / "s", [row("dqn"), row("double")], states=states)))
    assert (lines[1]["variant"], lines[1]["n"], lines[1]["auc"], lines[1]["solved"]) == (
        "double",
        "0",
        "",
        "",
    )


def test_a_single_seed_has_numbers_without_an_interval(tmp_path: Path):
    (line,) = table(read(make_study(tmp_path / "s", [row("dqn")], seeds=1)))
    assert line["auc"]
    assert line["auc_low"] == line["auc_high"] == ""
    assert line["solved_high"]  # a share of one run has its exact interval


def test_an_environment_without_a_threshold_says_nothing_of_solving(tmp_path: Path):
    (line,) = table(read(make_study(tmp_path / "s", [row("dqn")], threshold=None)))
    assert line["solved"] == line["steps_to_threshold"] == line["steps_to_threshold_note"] == ""


def test_markdown_is_an_aligned_table_with_the_same_columns(worked: Results):
    text = render(worked)["summary.md"].decode()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in rows[0].strip("|").split("|")] == list(COLUMNS)
    assert len({len(line) for line in rows}) == 1
    assert all(set(cell.strip()) == {"-", ":"} for cell in rows[1].strip("|").split("|"))
    assert "not reached" not in rows[2]
    assert "Budget: 2000 environment steps per run." in text


def test_markdown_names_what_diverged_failed_or_is_missing(tmp_path: Path):
    states = {("dqn", 0): "failed", ("dqn", 1): "diverged", ("dqn", 2): "missing"}
    text = render(read(make_study(tmp_path / "s", [row("dqn")], seeds=4, states=states)))[
        "summary.md"
    ].decode()
    assert "dqn, seed 0: failed (ValueError: <b>the pole & the cart</b>); not counted." in text
    assert "dqn, seed 1: diverged at step 2000" in text
    assert "1 of 4 listed runs are missing" in text


def test_a_long_last_episode_is_told_of_where_it_leaves_no_final_return(tmp_path: Path):
    def play(row: object, seed: int, steps: int) -> Episodes:
        return [(500, 500.0)] if seed else [(950, 950.0)]

    results = read(make_study(tmp_path / "s", [row("dqn")], seeds=2, steps=1000, play=play))
    assert table(results)[0]["final_return_n"] == "1"
    assert "1 of 2 runs ended an episode in their last tenth" in render(results)["summary.md"].decode()


def test_latex_is_a_booktabs_table_with_a_caption_and_nothing_unescaped(worked: Results):
    text = render(worked)["summary.tex"].decode()
    assert all(rule in text for rule in ("\\toprule", "\\midrule", "\\bottomrule", "\\caption{"))
    assert "n = 3" in text
    assert "Window: 10 episodes" in text
    assert "Budget: 2000 environment steps" in text
    assert r"worked\_100\%" in text
    assert text.count("{") == text.count("}")


def test_latex_special_characters_are_made_harmless():
    assert escaped(r"50% & $x_1$ \ {a}~^#") == (
        r"50\% \& \$x\_1\$ \textbackslash{} \{a\}\textasciitilde{}\textasciicircum{}\#"
    )


def test_the_same_results_give_the_same_bytes(worked: Results):
    assert render(worked) == render(worked)


def test_equal_returns_give_intervals_of_no_width(tmp_path: Path):
    def play(row: object, seed: int, steps: int) -> Episodes:
        return [(10 * (place + 1), 10.0) for place in range(steps // 10)]

    (line,) = table(read(make_study(tmp_path / "s", [row("dqn")], play=play)))
    assert float(line["auc_low"]) == float(line["auc"]) == float(line["auc_high"]) == 10
    assert float(line["running_variance"]) == 0
    assert not np.isnan(float(line["final_return"]))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("overestimation", 41390414663899324416.0, "4.1e19"),
        ("overestimation", -1e6, "-1.0e6"),
        ("overestimation", 999_999.0, "999999"),
        ("overestimation", 12.34, "12.3"),
        ("steps_to_threshold", 2_500_000.0, "2500000"),
        ("soft_divergence", 0.25, "0.25"),
        ("overestimation", float("inf"), "inf"),
    ],
)
def test_numbers_have_the_digits_that_a_reader_can_use(name: str, value: float, text: str):
    assert number_text(name, value) == text
