"""Figures and tables from the command line: exit codes, names, bytes, and what they say of missing runs."""

from __future__ import annotations

import csv
import hashlib
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from .outside import (
    QUESTION,
    SMALL,
    ablations,
    analysis,
    assert_answered,
    imported,
    names_in,
    python,
    rows_in,
    runs_in,
    write_study,
)

FORMATS = ("png", "pdf", "svg", "csv")
PLAIN = ["env_id", "variant", "n", "ok", "diverged", "failed"]
METRICS = ["final_return", "auc", "steps_to_threshold", "episodes_to_threshold", "running_variance", "solved"]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def summary(results: Path) -> list[dict[str, str]]:
    with (results / "tables" / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    """The results of the finished study alone, under another path."""
    target = tmp_path / "results" / "tiny"
    shutil.copytree(finished / "results" / "tiny", target, ignore=shutil.ignore_patterns("figures", "tables"))
    return target


def test_figures_have_the_contracts_names_the_same_bytes_twice_and_need_no_torch(
    place: Path, tmp_path: Path
) -> None:
    answer = python("-X", "importtime", "-m", "analysis", "figures", "results/tiny", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "analysis" in imported(answer)
    assert not imported(answer) & {"torch", "dill"}
    first = digests(place / "figures")
    for name in ("curves", "variance", "small-multiples"):
        for suffix in FORMATS:
            assert f"CartPole-v1-{name}.{suffix}" in first
            assert (place / "figures" / f"CartPole-v1-{name}.{suffix}").stat().st_size > 100

    moved = tmp_path / "moved"
    shutil.copytree(place, moved, ignore=shutil.ignore_patterns("figures"))
    assert_answered(analysis("figures", "moved", cwd=tmp_path), 0)
    assert digests(moved / "figures") == first


@pytest.mark.slow
def test_a_sweep_is_drawn_under_its_name(swept: Path, tmp_path: Path) -> None:
    shutil.copytree(swept / "results", tmp_path / "results")
    assert_answered(analysis("figures", "results/tiny", cwd=tmp_path), 0)
    drawn = names_in(tmp_path / "results" / "tiny" / "figures")
    assert {f"CartPole-v1-sweep.{suffix}" for suffix in FORMATS} <= drawn


def test_the_summary_has_a_line_for_each_row_of_a_sweep_by_its_label(swept: Path, tmp_path: Path) -> None:
    shutil.copytree(swept / "results", tmp_path / "results")
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    assert [row["variant"] for row in summary(results)] == list(rows_in(results))


def test_the_summary_has_the_contracts_columns_and_a_row_for_each_of_the_study(
    place: Path, tmp_path: Path
) -> None:
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    assert {f"summary.{suffix}" for suffix in ("csv", "md", "tex")} <= names_in(place / "tables")
    rows = summary(place)
    names = list(rows[0])
    assert [name for name in names if name in PLAIN + METRICS] == PLAIN + METRICS
    assert {
        f"{metric}_{end}" for metric in ("final_return", "auc", "running_variance") for end in ("low", "high")
    } <= set(names)
    assert [(row["env_id"], row["variant"]) for row in rows] == [
        ("CartPole-v1", label) for label in ("dqn", "per", "slow-soft")
    ]
    for row in rows:
        assert [int(row[name]) for name in ("n", "ok", "diverged", "failed")] == [3, 3, 0, 0]
        for metric in METRICS:
            if row.get(f"{metric}_low", "") and row[metric]:
                assert float(row[f"{metric}_low"]) <= float(row[metric]) <= float(row[f"{metric}_high"])

    first = digests(place / "tables")
    shutil.rmtree(place / "tables")
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    assert digests(place / "tables") == first


def test_the_final_return_is_the_mean_over_seeds_of_the_last_tenth_of_the_budget(
    place: Path, tmp_path: Path
) -> None:
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    found = {row["variant"]: float(row["final_return"]) for row in summary(place)}
    for label, final in found.items():
        means = []
        for run in runs_in(place):
            if run["label"] == label:
                episodes = pd.read_parquet(place / run["path"] / "episodes.parquet")
                late = episodes[episodes.global_step > 0.9 * SMALL["total_timesteps"]]
                means.append(late.episodic_return.mean())
        means = [mean for mean in means if not math.isnan(mean)]
        assert final == pytest.approx(sum(means) / len(means), rel=1e-3)


@pytest.mark.slow
def test_partial_results_are_drawn_and_marked(place: Path, tmp_path: Path) -> None:
    run = runs_in(place)[0]
    (place / run["path"] / "manifest.json").unlink()
    answer = analysis("figures", "results/tiny", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "8 of 9" in answer.stdout + answer.stderr
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    assert [row["n"] for row in summary(place)] == ["2", "3", "3"]


def test_damaged_series_are_left_out_and_said(place: Path, tmp_path: Path) -> None:
    series = place / runs_in(place)[8]["path"] / "episodes.parquet"
    data = bytearray(series.read_bytes())
    data[len(data) // 2] ^= 1
    series.write_bytes(data)
    answer = analysis("tables", "results/tiny", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "8 of 9" in answer.stdout + answer.stderr
    assert [row["n"] for row in summary(place)] == ["3", "3", "2"]
    assert series.read_bytes() == bytes(data)


def test_other_stored_runs_are_counted_and_named_but_never_drawn(copied: Path) -> None:
    write_study(copied, {"variants": ["dqn", "per"], "seeds": 3})
    assert_answered(ablations("run", "tiny.toml", cwd=copied), 0)
    answer = analysis("tables", "results/tiny", cwd=copied)
    assert_answered(answer, 0)
    said = answer.stdout + answer.stderr
    assert "slow-soft" in said
    assert re.search(r"\b3\b", said)
    assert [row["variant"] for row in summary(copied / "results" / "tiny")] == ["dqn", "per"]


@pytest.mark.parametrize("command", ["figures", "tables", "report", "export"])
def test_a_folder_that_is_missing_empty_or_no_study_is_a_bad_folder(command: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "study.json").write_text('{"schema_version": 1, "na', encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in ("missing", "empty", "torn", "file"):
        answer = analysis(command, folder, cwd=tmp_path)
        assert_answered(answer, 2)
        assert folder in answer.stderr
    assert names_in(tmp_path) == {"empty", "torn", "file"}
    assert names_in(tmp_path / "empty") == set()


@pytest.mark.parametrize("command", ["figures", "tables", "report", "export"])
def test_a_study_of_which_no_run_stands_leaves_nothing_to_draw(
    command: str, place: Path, tmp_path: Path
) -> None:
    for manifest in (place / "runs").rglob("manifest.json"):
        manifest.unlink()
    answer = analysis(command, "results/tiny", cwd=tmp_path)
    assert_answered(answer, 1)
    assert (answer.stdout + answer.stderr).strip()
    assert not any(path.suffix in {".png", ".html"} for path in place.rglob("*"))


def test_an_unknown_command_or_option_of_analysis_exits_2(tmp_path: Path) -> None:
    for args in (["figurs", "x"], ["figures"], ["tables", "x", "--sedes", "2"]):
        assert_answered(analysis(*args, cwd=tmp_path), 2)


def test_report_writes_one_html_file_that_asks_the_studys_question(place: Path, tmp_path: Path) -> None:
    assert_answered(analysis("report", "results/tiny", cwd=tmp_path), 0)
    text = (place / "report.html").read_text(encoding="utf-8")
    assert "<html" in text
    assert QUESTION in text


def test_export_of_a_finished_study_exits_0(place: Path, tmp_path: Path) -> None:
    assert_answered(analysis("export", "results/tiny", cwd=tmp_path), 0)


def test_analysis_load_from_python_gives_every_stored_episode(place: Path, tmp_path: Path) -> None:
    code = """
import sys, analysis
analysis.load("results/tiny").to_csv("all.csv", index=False)
print("torch" in sys.modules)
"""
    answer = python("-c", code, cwd=tmp_path)
    assert_answered(answer, 0)
    assert answer.stdout.split()[-1] == "False"
    frame = pd.read_csv(tmp_path / "all.csv")
    stored = pd.concat(
        [pd.read_parquet(place / run["path"] / "episodes.parquet") for run in runs_in(place)],
        ignore_index=True,
    )
    assert set(stored.columns) <= set(frame.columns)
    assert len(frame) == len(stored)
    assert frame.episodic_return.sum() == stored.episodic_return.sum()
