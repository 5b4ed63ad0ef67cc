"""tables/verdicts, and everything else that is said of a study that decides by looks."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations import store
from analysis.findings.decide import decide
from analysis.findings.evidence import Evidence
from analysis.report.sentences import answers
from analysis.tables.pages import REPLANNED, files
from tests.analysis.findings.test_evidence import FACTS, rise
from tests.analysis.looks import LOOKS, study_of_looks
from tests.analysis.made_up import evidence, make_study, row, see

COLUMNS = (
    "env_id,variant,metric,primary,n,look,mean,baseline_mean,difference,low,high,p,p_adjusted,p_same,"
    "p_same_adjusted,margin,verdict"
)


@dataclass(frozen=True)
class Made:
    found: Evidence
    tables: Mapping[str, str]

    def verdict(self, variant: str, metric: str, table: str = "verdicts.csv") -> dict[str, str]:
        lines = csv.DictReader(io.StringIO(self.tables[table]))
        (one,) = [line for line in lines if (line["variant"], line["metric"]) == (variant, metric)]
        return one


def make(folder: Path) -> Made:
    found = evidence(folder)
    return Made(found, {name: data.decode() for name, data in files(found).items()})


def judged(folder: Path, change: Callable[[dict[str, Any]], None] = lambda decisions: None) -> Made:
    decisions = decide(folder)
    change(decisions)
    store.write_decisions(folder, decisions)
    return make(folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return judged(study_of_looks(tmp_path_factory.mktemp("verdicts") / "s", look=see))


def test_the_columns_are_those_of_the_contract(made: Made):
    head, *lines = made.tables["verdicts.csv"].splitlines()
    assert head == COLUMNS
    assert {"verdicts.md", "verdicts.tex", "verdicts.txt"} <= set(made.tables)
    assert {line.split(",")[3] for line in lines} == {"true", "false"}
    assert made.verdict("double", "auc")["primary"] == "true"
    assert made.verdict("double", "final_return")["primary"] == "false"


def test_the_primary_metric_is_what_decisions_say(made: Made):
    decisions = made.found.results.decisions or {}
    for one in decisions["looks"][-1]["rows"]:
        line = made.verdict(one["label"], "auc")
        assert (line["verdict"], int(line["n"]), int(line["look"])) == (one["verdict"], one["n"], one["look"])
        names = {"mean": "mean", "baseline_mean": "baseline_mean", "difference": "difference"}
        names |= {"p": "sequential_p", "p_same": "sequential_p_same"}
        names |= {name: name for name in ("p_adjusted", "p_same_adjusted")}
        assert all(float(line[name]) == pytest.approx(one[of]) for name, of in names.items())
        assert float(line["low"]) == pytest.approx(one["interval"]["low"])


def test_secondary_metrics_stop_with_their_row_and_have_sequential_p_values(made: Made):
    line = made.verdict("no-replay", "final_return")
    # eight seeds, all below: 2 / 256, of which the first look may spend one half; Holm over three
    assert (line["n"], line["look"]) == ("8", "1")
    assert float(line["p"]) == pytest.approx(2 / 256 / 0.5)
    assert float(line["p_adjusted"]) == pytest.approx(3 * 2 / 256 / 0.5)
    open_row = made.verdict("dueling", "final_return")
    assert (open_row["n"], open_row["look"]) == ("16", "3")


def test_a_secondary_metric_that_is_the_primary_ones_twin_has_its_p_values(made: Made):
    """Returns are constant here, so that the mean of the curve and the final return are the same."""
    for label in ("no-replay", "double", "dueling"):
        one, other = made.verdict(label, "auc"), made.verdict(label, "final_return")
        for name in ("n", "look", "mean", "difference", "low", "high", "p", "p_same"):
            assert float(one[name]) == pytest.approx(float(other[name])), (label, name)


def test_means_of_rows_that_stopped_early_are_marked_and_undecided_ones_are_not(made: Made):
    lines = {
        line.split()[1]: line for line in made.tables["verdicts.md"].splitlines() if line.startswith("| ")
    }
    assert lines["no-replay"].count("^") == 2
    assert "^" not in lines["dueling"]
    assert "| worse |" in " ".join(lines["no-replay"].split())
    assert "within the margin" in lines["double"]
    assert "undecided" in lines["dueling"]


def test_how_it_was_decided_is_said(made: Made):
    for name in ("verdicts.md", "verdicts.txt"):
        assert (
            "CartPole-v1: 3 of 3 looks judged, the last at 16 seeds; undecided: dueling." in made.tables[name]
        )
    for name in ("verdicts.md", "comparisons.md"):
        text = made.tables[name]
        assert "What stopped a row is auc alone; all other metrics are secondary." in " ".join(text.split())
        assert "0.05 at most, to either 0.1" in " ".join(text.split())
    assert REPLANNED not in "".join(made.tables.values())
    (first, *_) = answers(made.found.comparisons, {})
    assert first.title.endswith(": the primary metric")


def test_a_study_that_was_replanned_says_so_in_every_table(tmp_path: Path, made: Made):
    def replan(decisions: dict[str, Any]) -> None:
        decisions["earlier"] = [{"plan": decisions["plan"], "plan_sha256": "0" * 64, "looks": []}]

    again = judged(shutil.copytree(made.found.results.folder, tmp_path / "s"), replan)
    for name, text in again.tables.items():
        assert name.endswith(".csv") or REPLANNED in text, name


def test_before_the_first_look_everything_is_undecided(tmp_path: Path):
    folder = study_of_looks(tmp_path / "s", seeds=5)
    made = judged(folder)
    line = made.verdict("no-replay", "auc")
    assert (line["n"], line["look"], line["verdict"]) == ("5", "", "undecided")
    assert (line["low"], line["p"], line["p_adjusted"], line["p_same"]) == ("",) * 4
    assert float(line["difference"]) < -100
    assert "0 of 3 looks judged." in made.tables["verdicts.txt"]
    (folder / store.DECISIONS).unlink()  # as if the plan had been lost
    assert make(folder).verdict("no-replay", "auc")["verdict"] == "undecided"


def test_runs_beyond_the_last_judged_look_do_not_count(tmp_path: Path, made: Made):
    folder = shutil.copytree(made.found.results.folder, tmp_path / "s")
    shutil.rmtree(next(folder.glob("runs/*/dueling/seed-0014-*")))
    decisions = store.read_decisions(folder)
    store.write_decisions(folder, {**decisions, "looks": []})
    line = judged(folder).verdict("dueling", "final_return")
    assert (line["n"], line["look"]) == (str(LOOKS[1]), "2")


def test_fixed_seeds_have_no_look_and_plain_p_values(tmp_path: Path):
    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=10, play=rise({"double": 100.0}), facts=FACTS
    )
    made = make(folder)
    line = made.verdict("double", "auc")
    assert (line["look"], line["verdict"], line["primary"]) == ("", "better", "true")
    assert float(line["p"]) == 2 / 2**10
    assert "look" not in made.tables["verdicts.md"].splitlines()[4]
    assert "Decided by looks" not in made.tables["verdicts.md"]


def test_a_difference_smaller_than_the_margin_is_better_by_less_than_it(tmp_path: Path):
    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=10, play=rise({"double": 9.0}), facts=FACTS
    )
    made = make(folder)
    assert made.verdict("double", "auc")["verdict"] == "better"
    assert made.verdict("double", "auc", "comparisons.csv")["by_less_than_margin"] == "yes"
    assert "better by less than the margin" in made.tables["verdicts.md"]
    assert "better=" in made.tables["verdicts.txt"]


def test_a_study_chooses_its_margin_and_metric(tmp_path: Path):
    folder = make_study(
        tmp_path / "s", [row("dqn"), row("double")], seeds=10, play=rise({}), facts={**FACTS, "margin": 1e-3}
    )
    study = store.read_study(folder)
    store.write_study(folder, {**study, "decide": {"metric": "final_return", "alpha": 0.01, "margin": 0.1}})
    made = make(folder)
    final, auc = made.verdict("double", "final_return"), made.verdict("double", "auc")
    assert (final["primary"], auc["primary"]) == ("true", "false")
    assert [float(final["margin"]), float(auc["margin"])] == pytest.approx([1e-3, 45.5])
    assert (final["verdict"], auc["verdict"]) == ("undecided", "same")
    assert np.isclose(float(auc["p_same"]), 1 / 2**10)


def test_intervals_that_do_not_agree_with_the_verdict_bear_a_mark(tmp_path: Path):
    """All ten answers of one side are yes and of the other no: the exact interval is wider than the test."""

    def play(row: Mapping[str, Any], seed: int, steps: int) -> list[tuple[int, float]]:
        solves = row["label"] == "double" and seed < 7
        return [(steps * place // 40, 480.0 if solves else 100.0) for place in range(1, 41)]

    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], seeds=10, play=play, facts=FACTS)
    (solved,) = [one for one in evidence(folder).comparisons if one.metric.name == "solved"]
    assert (solved.verdict, solved.judged.p) == ("better", 2 / 2**7)
    assert solved.is_marked == (solved.judged.low <= 0)
