"""What stands is read, what doesn't is counted and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import analysis
from ablations import store
from analysis.loading import BadFolder, read
from analysis.tables.spelling import row_name
from tests.analysis.made_up import make_study, row


def test_load_gives_the_columns_of_the_episodes_of_every_run_that_stands(small_study: Path):
    frame = analysis.load(small_study)
    assert list(frame.columns) == store.EPISODES.names
    assert set(zip(frame["variant"], frame["seed"], strict=True)) == {
        (variant, seed) for variant in ("dqn", "no-target") for seed in range(3)
    }
    assert frame["episode"].dtype == "int32"
    assert frame["epsilon"].dtype == "float32"
    assert not frame.attrs


def test_what_is_known_of_whole_runs_is_a_frame_of_its_own(tmp_path: Path):
    states = {("dqn", 0): "failed", ("dqn", 1): "missing", ("dqn", 2): "diverged"}
    folder = make_study(tmp_path / "partial", [row("dqn")], seeds=4, states=states)
    runs = analysis.runs(folder)
    assert list(runs["state"]) == ["failed", "missing", "diverged", "ok"]
    assert list(runs["steps"].fillna(-1)) == [-1, -1, 4000, 4000]
    assert list(runs["diverged_at"].fillna(-1)) == [-1, -1, 2000, -1]
    assert not runs.attrs
    joined = analysis.load(folder).merge(runs, on=["env_id", "variant", "seed"])
    assert set(joined["state"]) == {"diverged", "ok"}


def test_load_is_still_a_function_after_the_package_has_been_used(small_study: Path):
    analysis.load(small_study)
    assert callable(analysis.load)
    assert len(analysis.load(str(small_study)))


def test_load_of_a_study_of_which_nothing_stands_is_an_empty_frame(tmp_path: Path):
    states = {("dqn", seed): "missing" for seed in range(2)}
    frame = analysis.load(make_study(tmp_path / "none", [row("dqn")], seeds=2, states=states))
    assert len(frame) == 0
    assert list(frame.columns) == store.EPISODES.names


def test_every_listed_run_has_a_state(tmp_path: Path):
    states = {("dqn", 0): "failed", ("dqn", 1): "missing", ("dqn", 2): "diverged"}
    results = read(make_study(tmp_path / "partial", [row("dqn")], seeds=4, states=states))
    assert [run.state for run in results.runs] == ["failed", "missing", "diverged", "ok"]
    assert [run.is_valid for run in results.runs] == [False, False, True, True]
    assert results.runs[2].diverged_at == 2000
    assert results.runs[2].steps == 4000
    assert results.runs_text() == "2 of 4 runs (1 diverged, 1 failed, 1 missing)"


def test_a_flipped_byte_makes_a_run_damaged_and_leaves_it_out(small_study: Path):
    path = next(small_study.glob("runs/*/dqn/seed-0001-*/episodes.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    results = read(small_study)
    assert [run.state for run in results.runs].count("damaged") == 1
    assert 1 not in set(analysis.load(small_study).query("variant == 'dqn'")["seed"])


def test_runs_that_the_study_does_not_list_are_named_and_not_read(small_study: Path):
    study = json.loads((small_study / "study.json").read_text())
    gone = study["runs"].pop()
    store.write_study(small_study, study)
    results = read(small_study)
    assert results.unlisted == (gone["path"],)
    assert gone["path"] not in {run.path for run in results.runs}


def test_a_row_has_its_runs_in_the_order_of_the_seeds_and_the_budget_they_trained_with(small_study: Path):
    rows = read(small_study).rows("CartPole-v1")
    assert [r.label for r in rows] == ["dqn", "no-target"]
    assert [run.seed for run in rows[0].runs] == [0, 1, 2]
    assert rows[0].budget == 4000


def test_a_swept_row_is_named_by_its_title_and_its_point(tmp_path: Path):
    rows = [row("dqn", {"trunk.hidden": [64, 64], "target.period": 10})]
    (found,) = read(make_study(tmp_path / "swept", rows, seeds=1)).rows("CartPole-v1")
    assert row_name(found) == "DQN, trunk hidden 64x64, period 10"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no study.json in it"),
        ("", "can't be read"),
        ("[]", "can't be read"),
        ("{}", "schema version None"),
        ('{"schema_version": 2}', "schema version 2 is read by dqn-ablations 0.1"),
        ('{"schema_version": 999}', "schema version 999 is read by a newer version"),
    ],
)
def test_a_text_that_is_no_study_is_refused_with_a_sentence(tmp_path: Path, text: str | None, says: str):
    if text is not None:
        (tmp_path / "study.json").write_text(text)
    with pytest.raises(BadFolder, match=says):
        read(tmp_path)


def test_a_study_that_lacks_what_analysis_relies_on_is_refused_with_a_sentence(small_study: Path):
    study = json.loads((small_study / "study.json").read_text())
    outside = [{**study["runs"][0], "path": "../../etc"}]
    headless = [{**one, "slots": {}} for one in study["rows"]]
    wrongs: dict[str, dict[str, Any]] = {
        "'name' is not a text": {"name": None},
        "'neutral' is no object": {"neutral": None},
        "leads out of the folder": {"runs": outside},
        "lacks a piece for one of its slots": {"rows": headless},
    }
    for says, wrong in wrongs.items():
        store.write_study(small_study, {**study, **wrong})
        with pytest.raises(BadFolder, match=says):
            read(small_study)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadFolder, match="no such folder"):
        read(tmp_path / "nowhere")


def test_the_folder_above_names_the_results_it_holds(small_study: Path):
    with pytest.raises(BadFolder, match="it holds the results folders small"):
        read(small_study.parent)
