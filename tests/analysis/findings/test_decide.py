"""decisions.json on made-up folders: which looks are ready, what they say, and that they are what their runs give."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations import store
from analysis.findings.decide import PRIMARY_METRICS, decide, newly_decided, recompute
from tests.analysis.looks import study_of_looks

Change = Callable[[dict[str, Any]], None]


def rows(document: Mapping[str, Any], look: int) -> dict[str, dict[str, Any]]:
    return {row["label"]: row for row in document["looks"][look - 1]["rows"]}


def ask_for(folder: Path, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
    """The study lists the wanted runs alone."""
    study = store.read_study(folder)
    store.write_study(folder, {**study, "runs": [run for run in study["runs"] if wanted(run)]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study_of_looks(tmp_path_factory.mktemp("looks") / "s")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The folder, to be changed."""
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture(scope="module")
def decided(folder: Path) -> dict[str, Any]:
    return decide(folder)


def test_every_look_that_is_ready_is_judged_and_each_row_decided_once(decided: dict[str, Any]):
    assert [(look["look"], look["seeds"], look["share"]) for look in decided["looks"]] == [
        (1, 8, 0.5), (2, 12, 0.25), (3, 16, 0.25),
    ]  # fmt: skip
    first, last = rows(decided, 1), rows(decided, 3)
    assert {label: row["verdict"] for label, row in last.items()} == {
        "no-replay": "worse", "double": "same", "dueling": "undecided",
    }  # fmt: skip
    assert last["no-replay"]["look"] == last["double"]["look"] == 1
    kept = ("n", "p", "p_same", "sequential_p", "sequential_p_same", "mean", "baseline_mean", "interval")
    assert all(first[label][name] == last[label][name] for label in ("no-replay", "double") for name in kept)
    assert last["dueling"]["n"] == 16


def test_numbers_of_a_look_by_hand(decided: dict[str, Any]):
    worse, same = rows(decided, 1)["no-replay"], rows(decided, 1)["double"]
    assert decided["looks"][0]["margin"] == pytest.approx(0.05 * (475 - 20))
    assert decided["looks"][0]["flips"] == "exact"
    # all eight differences are negative: one of 256 sign vectors is as extreme, twice; a = 1/2; Holm over 3
    assert (worse["hits"], worse["vectors"], worse["p"]) == (1, 256, 2 / 256)
    assert (worse["sequential_p"], worse["p_adjusted"]) == (4 / 256, 12 / 256)
    assert (same["hits_same"], same["p_same"]) == (1, 1 / 256)
    assert (same["sequential_p_same"], same["p_same_adjusted"]) == (2 / 256, 6 / 256)
    assert worse["difference"] == pytest.approx(worse["mean"] - worse["baseline_mean"])


def test_a_look_lists_the_runs_of_undecided_rows_and_the_baseline(decided: dict[str, Any]):
    used = [{(run["label"], run["seed"]) for run in look["runs"]} for look in decided["looks"]]
    assert len(used[0]) == 4 * 8
    assert used[1] == {(label, seed) for label in ("dqn", "dueling") for seed in range(12)}
    (run, *_) = decided["looks"][0]["runs"]
    assert set(run["files"]) == {"episodes.parquet"}


def test_what_was_judged_stays_and_nothing_new_gives_the_same_bytes(copy: Path):
    found = decide(copy)
    store.write_decisions(copy, found)
    stored = (copy / store.DECISIONS).read_bytes()
    store.write_decisions(copy, decide(copy))
    assert (copy / store.DECISIONS).read_bytes() == stored
    assert recompute(copy) == []


def test_looks_judged_one_by_one_are_those_judged_at_once(copy: Path, decided: dict[str, Any]):
    study = store.read_study(copy)
    for n in (8, 12, 16):
        done = rows(store.read_decisions(copy), n // 4 - 2) if n > 8 else {}
        over = {label for label, row in done.items() if row["verdict"] != "undecided"}
        runs = [run for run in study["runs"] if run["seed"] < (8 if run["label"] in over else n)]
        store.write_study(copy, {**study, "seeds": list(range(n)), "runs": runs})
        store.write_decisions(copy, decide(copy))
    assert json.dumps(store.read_decisions(copy)) == json.dumps(decided)


def test_a_look_waits_for_missing_damaged_and_unlisted_runs(copy: Path):
    for label in ("double", "dueling"):  # double is decided by then, and needs no tenth seed
        shutil.rmtree(next(copy.glob(f"runs/*/{label}/seed-0009-*")))
    assert len(decide(copy)["looks"]) == 1
    path = next(copy.glob("runs/*/dqn/seed-0003-*/episodes.parquet"))
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert decide(copy)["looks"] == []
    path.write_bytes(data)
    ask_for(copy, lambda run: run["label"] != "dueling" or run["seed"] < 8)
    assert len(decide(copy)["looks"]) == 1
    study = store.read_study(copy)
    store.write_study(
        copy, {**study, "seeds": study["seeds"][:7], "runs": [r for r in study["runs"] if r["seed"] < 7]}
    )
    assert decide(copy)["looks"] == []


def test_failed_runs_are_finished_and_left_out(tmp_path: Path):
    states = {("no-replay", 2): "failed", ("dqn", 9): "died", ("dueling", 11): "timeout"}
    found = decide(study_of_looks(tmp_path / "s", states=states))
    assert len(found["looks"]) == 3
    assert [row["n"] for row in rows(found, 1).values()] == [7, 8, 8]
    assert rows(found, 1)["no-replay"]["vectors"] == 2**7
    assert rows(found, 2)["dueling"]["n"] == 10
    assert ("dqn", 9) not in {(run["label"], run["seed"]) for run in found["looks"][1]["runs"]}


def test_a_row_without_any_valid_run_is_tested_by_nothing_and_counts_in_holms_family(tmp_path: Path):
    states = {("dueling", seed): "failed" for seed in range(16)}
    found = decide(study_of_looks(tmp_path / "s", states=states))
    dueling = rows(found, 3)["dueling"]
    assert (dueling["n"], dueling["p"], dueling["mean"], dueling["verdict"]) == (0, None, None, "undecided")
    assert rows(found, 1)["no-replay"]["p_adjusted"] == 12 / 256


def test_a_run_that_succeeds_later_enters_at_the_next_look_alone(tmp_path: Path, copy: Path):
    folder = study_of_looks(tmp_path / "s", states={("dueling", 3): "failed", ("dueling", 9): "missing"})
    store.write_decisions(folder, decide(folder))
    store.write_decisions(copy, store.read_decisions(folder))
    found = decide(copy)
    assert [row["n"] for row in (rows(found, k)["dueling"] for k in (1, 2, 3))] == [7, 12, 16]
    store.write_decisions(copy, found)
    assert recompute(copy) == []


def test_many_seeds_are_judged_by_drawn_flips(tmp_path: Path):
    folder = study_of_looks(tmp_path / "s", ("dqn", "dueling"), seeds=20, looks=(16, 20))
    found = decide(folder)
    assert [look["flips"] for look in found["looks"]] == ["exact", 10_000]
    store.write_decisions(folder, found)
    assert recompute(folder) == []


def test_environments_are_judged_by_themselves_in_their_order(tmp_path: Path):
    folder = study_of_looks(tmp_path / "s", envs=("CartPole-v1", "Acrobot-v1"))
    ask_for(folder, lambda run: run["env_id"] == "CartPole-v1" or run["seed"] < 8)
    found = decide(folder)
    assert [(look["env_id"], look["look"]) for look in found["looks"]] == [
        ("CartPole-v1", 1), ("CartPole-v1", 2), ("CartPole-v1", 3), ("Acrobot-v1", 1),
    ]  # fmt: skip


def test_a_margin_in_units_is_the_primary_metrics(copy: Path):
    decisions = store.read_decisions(copy)
    decisions["plan"]["environments"][0]["margin"] = 1e-3
    store.write_decisions(copy, decisions)
    found = decide(copy)
    assert found["looks"][0]["margin"] == 1e-3
    assert rows(found, 3)["double"]["verdict"] == "undecided"


def test_without_a_scale_or_a_margin_nothing_is_the_same(tmp_path: Path):
    found = decide(study_of_looks(tmp_path / "s", facts={"random_policy": None}))
    assert found["looks"][0]["margin"] is None
    double = rows(found, 3)["double"]
    assert (double["verdict"], double["p_same"], double["p_same_adjusted"]) == ("undecided", None, None)


def test_yes_or_no_has_no_p_of_sameness(tmp_path: Path):
    folder = study_of_looks(tmp_path / "s", metric="solved")
    found = decide(folder)
    assert {row["p_same"] for row in rows(found, 3).values()} == {None}
    store.write_decisions(folder, found)
    assert recompute(folder) == []


def test_a_waiting_time_that_nobody_saw_the_end_of_is_not_tested(tmp_path: Path):
    found = decide(study_of_looks(tmp_path / "s", ("dqn", "no-replay"), metric="steps_to_threshold"))
    assert rows(found, 3)["no-replay"]["n"] == 0


def test_a_row_that_is_compared_with_nothing_has_no_hypothesis(copy: Path):
    decisions = store.read_decisions(copy)
    decisions["plan"]["rows"][3]["against"] = None
    store.write_decisions(copy, decisions)
    ask_for(copy, lambda run: run["label"] != "dueling")
    found = decide(copy)
    assert len(found["looks"]) == 1  # then all are decided
    assert list(rows(found, 1)) == ["no-replay", "double"]
    assert rows(found, 1)["no-replay"]["p_adjusted"] == 8 / 256


def test_newly_decided_rows_are_told_in_a_line(folder: Path, decided: dict[str, Any]):
    worse, same = newly_decided(store.read_decisions(folder), decided)
    assert worse == ("CartPole-v1: no-replay is worse: auc -151 [-155, -146] of 304, 8 seeds (look 1 of 3)")
    assert same.startswith("CartPole-v1: double is within the margin: auc -0.769 [")
    assert newly_decided(decided, decided) == []


def change_a_number(found: dict[str, Any]) -> None:
    found["looks"][1]["rows"][2]["hits"] += 1


def change_a_verdict(found: dict[str, Any]) -> None:
    found["looks"][2]["rows"][2]["verdict"] = "better"


def change_a_digest(found: dict[str, Any]) -> None:
    found["looks"][0]["runs"][5]["files"]["episodes.parquet"] = "0" * 64


def change_a_key(found: dict[str, Any]) -> None:
    found["looks"][0]["runs"][5]["key"] = "0" * 12


def leave_a_run_out(found: dict[str, Any]) -> None:
    del found["looks"][0]["runs"][9]


def add_a_look(found: dict[str, Any]) -> None:
    found["looks"].append(found["looks"][-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_a_number, "CartPole-v1, look 2: dueling hits is "),
        (
            change_a_verdict,
            "CartPole-v1, look 3: dueling verdict is 'better' in decisions.json, and 'undecided' by",
        ),
        (change_a_digest, "CartPole-v1, look 1: dqn, seed 5, has other digests than those listed."),
        (
            change_a_key,
            "CartPole-v1, look 1: dqn, seed 5, is no run of study.json with the key 000000000000.",
        ),
        (leave_a_run_out, "CartPole-v1, look 1: no-replay n is 8 in decisions.json, and 7 by its runs."),
        (add_a_look, "CartPole-v1, look 4: the plan has no such look."),
    ],
)
def test_what_the_runs_do_not_give_is_found(folder: Path, decided: dict[str, Any], change: Change, said: str):
    planned = store.read_decisions(folder)
    changed = json.loads(json.dumps(decided))
    change(changed)
    store.write_decisions(folder, changed)
    problems = recompute(folder)
    store.write_decisions(folder, planned)
    assert any(problem.startswith(said) for problem in problems), problems


def test_a_listed_run_that_is_gone_is_found(copy: Path):
    store.write_decisions(copy, decide(copy))
    next(copy.glob("runs/*/double/seed-0002-*/manifest.json")).unlink()
    problems = recompute(copy)
    assert problems[0] == "CartPole-v1, look 1: double, seed 2, is damaged."
    assert problems[1] == "CartPole-v1: what rests on this look was not recomputed."


def test_a_metric_to_decide_by_has_a_better_side_and_a_score_of_each_run():
    assert {"auc", "final_return", "solved", "steps_to_threshold"} <= set(PRIMARY_METRICS)
    assert not {"curve", "overestimation", "dispersion_across_runs", "episodes_to_threshold"} & set(
        PRIMARY_METRICS
    )


def test_deciding_imports_nothing_heavy():
    heavy = "{'torch', 'matplotlib', 'pandas', 'scipy.stats'}"
    code = f"import sys, analysis.findings.decide as d; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
