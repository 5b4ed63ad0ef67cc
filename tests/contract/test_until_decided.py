"""A study that runs until it is decided, from outside: looks, decisions.json, the options, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from .outside import (
    ablations,
    analysis,
    assert_answered,
    assert_refused,
    begin,
    manifest_of,
    read_json,
    runs_in,
    write_study,
)

TOP: dict[str, Any] = {"seeds": "until-decided", "variants": ["dqn", "wild", "double"]}
WILD = '[variant.wild]\nbase = "dqn"\nexploration = { start_e = 1.0 }\n'
"""Acts at random where the others hardly ever do: on CartPole so early, that is worth twice the return."""
EXPLORATION = {"exploration": {"kind": "epsilon-greedy", "schedule": "constant", "start_e": 0.1}}
LEARNING = {"learning_starts": 50, "learning_rate": 0.01}
LOOKS = [8, 10, 12]
SMALL_MARGIN = '[env."CartPole-v1"]\nmargin = 0.5\n'
"""So small that nothing is found to lie within it."""


def looking(folder: Path, decide: str = f"looks = {LOOKS}\n", settings: dict[str, Any] | None = None) -> Path:
    """tiny.toml, which has two rows to decide."""
    return write_study(
        folder, TOP, LEARNING | (settings or {}), f"{WILD}{SMALL_MARGIN}[decide]\n{decide}", slots=EXPLORATION
    )


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study, run to its end."""
    folder = tmp_path_factory.mktemp("decided")
    looking(folder)
    answer = ablations("run", "tiny.toml", "--jobs", "1", cwd=folder)
    assert_answered(answer, 0)
    (folder / "said").write_text(answer.stdout + answer.stderr)
    return folder


def test_an_obvious_row_is_decided_at_the_first_look_and_gets_no_more_seeds(decided: Path) -> None:
    results = decided / "results" / "tiny"
    seeds = {
        label: sorted(run["seed"] for run in runs_in(results) if run["label"] == label)
        for label in ("dqn", "wild", "double")
    }
    assert seeds == {"dqn": list(range(12)), "wild": list(range(8)), "double": list(range(12))}
    assert "wild" in (decided / "said").read_text()
    told = ablations("status", "tiny.toml", cwd=decided).stdout
    assert "look 3 of 3 was judged, 1 of 2 rows are decided; undecided after 12 seeds: double" in told


def test_decisions_hold_the_plan_and_list_what_each_look_used(decided: Path) -> None:
    results = decided / "results" / "tiny"
    decisions = read_json(results / "decisions.json")
    assert decisions["plan"]["looks"] == LOOKS
    assert [look["look"] for look in decisions["looks"]] == [1, 2, 3]
    manifests = {run["key"]: manifest_of(results, run) for run in runs_in(results)}
    for look in decisions["looks"]:
        for run in look["runs"]:
            assert run["files"] == {
                name: file["sha256"] for name, file in manifests[run["key"]]["files"].items()
            }
            assert "manifest.json" not in run["files"]
    assert {run["label"] for run in decisions["looks"][0]["runs"]} == {"dqn", "wild", "double"}
    assert {run["label"] for run in decisions["looks"][1]["runs"]} == {"dqn", "double"}
    text = (results / "decisions.json").read_text()
    without = {name: value for name, value in decisions.items() if name != "decisions_sha256"}
    spelled = json.dumps(without, indent=1, ensure_ascii=True, allow_nan=False) + "\n"
    assert decisions["decisions_sha256"] == hashlib.sha256(spelled.encode()).hexdigest()
    assert text.endswith("}\n")


def test_the_first_look_is_what_hand_arithmetic_says(decided: Path) -> None:
    """Eight differences of one sign: p = 2 / 2^8, over a_1 = 8 / 12; Holm over two rows."""
    look = read_json(decided / "results" / "tiny" / "decisions.json")["looks"][0]
    rows = {row["label"]: row for row in look["rows"]}
    assert rows["wild"]["p"] == 2 / 2**8
    assert rows["wild"]["sequential_p"] == pytest.approx(2 / 2**8 * 12 / 8)
    assert rows["wild"]["p_adjusted"] == pytest.approx(2 * 2 / 2**8 * 12 / 8)
    assert (rows["wild"]["verdict"], rows["double"]["verdict"]) == ("better", "undecided")


def test_the_tables_of_verdicts_have_the_contracts_columns(decided: Path) -> None:
    assert_answered(analysis("tables", "results/tiny", cwd=decided), 0)
    with open(decided / "results" / "tiny" / "tables" / "verdicts.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == [
        *("env_id", "variant", "metric", "primary", "n", "look", "mean", "baseline_mean", "difference"),
        *("low", "high", "p", "p_adjusted", "p_same", "p_same_adjusted", "margin", "verdict"),
    ]
    primary = {line["variant"]: line for line in lines if line["primary"] == "true"}
    assert set(primary) == {"wild", "double"}
    assert {line["metric"] for line in primary.values()} == {"auc"}
    assert (primary["wild"]["n"], primary["wild"]["look"], primary["wild"]["verdict"]) == ("8", "1", "better")
    assert (primary["double"]["n"], primary["double"]["look"]) == ("12", "3")
    wild = {name: float(primary["wild"][name]) for name in ("mean", "baseline_mean", "difference", "low")}
    assert math.isclose(wild["mean"] - wild["baseline_mean"], wild["difference"], rel_tol=1e-9)
    assert wild["low"] > 0
    for name in ("verdicts.md", "verdicts.tex"):
        assert (decided / "results" / "tiny" / "tables" / name).is_file()


def test_verify_recomputes_the_decisions_and_tells_a_changed_number(decided: Path) -> None:
    assert_answered(ablations("verify", "tiny.toml", cwd=decided), 0)
    path = decided / "results" / "tiny" / "decisions.json"
    before = path.read_bytes()
    changed = json.loads(before)
    changed["looks"][0]["rows"][1]["verdict"] = "same"
    del changed["decisions_sha256"]
    spelled = json.dumps(changed, indent=1) + "\n"
    changed["decisions_sha256"] = hashlib.sha256(spelled.encode()).hexdigest()
    path.write_text(json.dumps(changed, indent=1) + "\n")
    answer = ablations("verify", "tiny.toml", cwd=decided)
    path.write_bytes(before)
    assert answer.returncode == 1
    assert "decisions.json" in answer.stdout


def test_after_a_look_a_changed_plan_is_bad_input_without_replan(decided: Path, tmp_path: Path) -> None:
    results = str(decided / "results")
    looking(tmp_path, f"looks = {LOOKS}\nmargin = 0.1\n")
    answer = ablations("run", "tiny.toml", "--results", results, cwd=tmp_path)
    assert_refused(answer, "margin", "--replan")
    looking(tmp_path)
    answer = ablations("run", "tiny.toml", "--results", results, "--steps", "700", cwd=tmp_path)
    assert_refused(answer, "--steps", "--replan")


@pytest.mark.slow
def test_a_replanned_study_says_so_in_its_tables(tmp_path: Path) -> None:
    looking(tmp_path)
    results = begin(tmp_path, "--seeds", "8")
    looking(tmp_path, "looks = [8, 12]\n")
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "looks", "--replan")
    assert_answered(ablations("run", "tiny.toml", "--replan", cwd=tmp_path), 0)
    assert [len(each["looks"]) for each in read_json(results / "decisions.json")["earlier"]] == [1]
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    assert "plan" in (results / "tables" / "verdicts.md").read_text().lower()
    assert "replan" in (results / "tables" / "verdicts.md").read_text().lower()


@pytest.mark.slow
def test_seeds_stop_after_the_last_look_that_they_reach_and_judge_nothing_below_the_first(
    tmp_path: Path,
) -> None:
    looking(tmp_path)
    results = begin(tmp_path, "--seeds", "3")
    assert len(runs_in(results)) == 9
    assert read_json(results / "decisions.json")["looks"] == []
    begin(tmp_path, "--seeds", "9")
    assert [look["look"] for look in read_json(results / "decisions.json")["looks"]] == [1]
    begin(tmp_path, "--variants", "dqn", "wild")
    assert len(read_json(results / "decisions.json")["looks"]) == 1
    told = ablations("run", "tiny.toml", "--variants", "dqn", cwd=tmp_path)
    assert "the next look waits for double" in told.stdout


def test_plan_says_the_least_and_the_most_and_where_a_look_cannot_decide(tmp_path: Path) -> None:
    looking(tmp_path, "looks = [4, 12]\n")
    answer = ablations("plan", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "4 to 12" in answer.stdout
    assert "at least about" in answer.stdout
    assert "4 (it takes 8)" in answer.stdout  # 1 + log2(2 / (4 / 12 * .05)) = 7.9


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        ('metric = "acu"\n', ("decide.metric", "did you mean 'auc'?")),
        ('metric = "q_max"\n', ("decide.metric",)),
        ("looks = [5, 3]\n", ("decide.looks",)),
        ("alhpa = 0.1\n", ("decide.alhpa", "did you mean 'alpha'?")),
    ],
)
def test_what_cannot_decide_is_refused_by_name(decide: str, words: tuple[str, ...], tmp_path: Path) -> None:
    looking(tmp_path, decide)
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), *words)
    assert not (tmp_path / "results").exists()
