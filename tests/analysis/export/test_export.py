"""``python -m analysis export``: each format as its tool reads it, and as its bytes are."""

from __future__ import annotations

import csv
import importlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import analysis
from ablations import store
from analysis.__main__ import main
from analysis.export import FORMATS
from analysis.metrics import auc, final_return
from tests.analysis.made_up import make_study, row

Captured = pytest.CaptureFixture[str]
TWO = ("CartPole-v1", "ALE/Some-v5")


def export(folder: Path, kind: str, *more: str | Path) -> int:
    return main(["export", str(folder), "--format", kind, *map(str, more)])


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def edit_study(folder: Path, **by_env: dict[str, Any]) -> None:
    """Change facts of environments in study.json, by the first letters of their ids."""
    study = json.loads((folder / "study.json").read_text())
    for environment in study["environments"]:
        environment.update(by_env.get(environment["env_id"][:3], {}))
    store.write_study(folder, study)


def record(folder: Path, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "export" / kind / f"export-{kind}.json").read_text())
    return found


def theirs(name: str) -> Any:
    """A module of the tool that a format is meant for; none of them is a dependency of ours."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        pytest.skip(f"not read back by its tool: {problem.name} is not installed")
    except Exception as problem:  # rliable is archived and does not import beside pandas 3
        pytest.skip(f"not read back by its tool: {name} can't be imported here ({problem!r})")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rows, two environments, three seeds; the random policy earns 20. Tests leave it as it is."""
    folder = make_study(tmp_path_factory.mktemp("whole") / "s", [row("dqn"), row("double")], envs=TWO)
    edit_study(
        folder, Car={"random_policy": {"mean_return": 20.0}}, ALE={"random_policy": {"mean_return": 0.0}}
    )
    for kind in FORMATS:
        assert export(folder, kind) == 0
    return folder


@pytest.fixture
def partly(tmp_path: Path) -> Path:
    """Of six runs in each of two environments one failed in both, one is missing in one, one diverged."""
    states = {("dqn", 1): "failed", ("double", 2): "diverged"}
    folder = make_study(tmp_path / "s", [row("dqn"), row("double")], envs=TWO, states=states)
    shutil.rmtree(next(folder.glob("runs/ALE_Some-v5/dqn/seed-0000-*")))
    return folder


# ---- the command ----


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_is_the_same_bytes_twice_and_in_another_place(whole: Path, tmp_path: Path, kind: str):
    first = content(whole / "export" / kind)
    assert len(first) >= 2
    assert export(whole, kind, "--out", tmp_path / "a" / "b") == 0
    assert content(tmp_path) == {f"a/b/{name}": data for name, data in first.items()}


def test_what_is_left_out_is_counted_and_named(partly: Path, capsys: Captured):
    stranger = partly / "runs/CartPole-v1/old/seed-0000-0123456789ab"
    stranger.mkdir(parents=True)
    damaged = next(partly.glob("runs/CartPole-v1/double/seed-0000-*"))
    (damaged / "episodes.parquet").write_bytes(b"PAR1")
    assert export(partly, "csv") == 0
    said = capsys.readouterr().out
    for words in (
        "CartPole-v1: 4 of 6 runs (1 damaged, 1 diverged, 1 failed)",
        "failed, left out: 2 runs\n  runs/CartPole-v1/dqn/seed-0001-",
        "missing, left out: 1 run\n  runs/ALE_Some-v5/dqn/seed-0000-",
        "damaged, left out: runs/CartPole-v1/double/seed-0000-",
        "not listed in study.json, left out: 1 run\n  runs/CartPole-v1/old/seed-0000-0123456789ab",
    ):
        assert words in said
    found = record(partly, "csv")
    assert sorted(why.partition(":")[0] for why in found["left_out"].values()) == [
        "damaged",
        "failed",
        "failed",
        "missing",
    ]
    assert found["not_listed"] == ["runs/CartPole-v1/old/seed-0000-0123456789ab"]
    assert len(found["runs"]) == 8


def test_a_smaller_export_leaves_no_old_run_behind_and_keeps_what_was_changed(partly: Path):
    assert export(partly, "sb3") == 0
    out = partly / "export" / "sb3"
    names = list(record(partly, "sb3")["files"])
    changed = out / next(name for name in names if "double/seed-0000" in name)
    changed.write_text("mine")
    (out / "mine.txt").write_text("mine")
    study = json.loads((partly / "study.json").read_text())
    study["runs"] = [run for run in study["runs"] if run["label"] == "dqn"]
    store.write_study(partly, study)
    assert export(partly, "sb3") == 0
    left = {name for name in content(out) if "double" in name or name == "mine.txt"}
    assert left == {changed.relative_to(out).as_posix(), "mine.txt"}


def test_two_formats_share_a_folder(whole: Path, tmp_path: Path):
    for kind in FORMATS:
        assert export(whole, kind, "--out", tmp_path) == 0
    expected = {name: data for kind in FORMATS for name, data in content(whole / "export" / kind).items()}
    assert content(tmp_path) == expected


def test_nothing_to_export_is_said_with_exit_1_and_nothing_is_made(tmp_path: Path, capsys: Captured):
    folder = make_study(tmp_path / "s", [row("dqn")], states={("dqn", seed): "missing" for seed in range(3)})
    assert export(folder, "csv") == 1
    assert "nothing to export: 0 of 3 runs (3 missing)" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["study.json"]


def test_every_mistake_is_told_with_the_nearest_format(tmp_path: Path, capsys: Captured):
    (tmp_path / "file").write_text("")
    assert export(tmp_path / "nowhere", "Clean-RL", "--out", tmp_path / "file" / "below") == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    lines = answer.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["error"] * 3
    assert "did you mean 'cleanrl'?" in lines[0]
    assert "is not a folder" in lines[1]
    assert "nowhere: no such folder" in lines[2]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_format_the_tidy_table_is_written_as_csv(whole: Path):
    assert main(["export", str(whole)]) == 0
    assert (whole / "export" / "csv" / "episodes.csv").exists()


def test_a_strange_format_is_answered_with_all_of_them(whole: Path, capsys: Captured):
    assert export(whole, "zzz") == 2
    for line in capsys.readouterr().err.splitlines():
        assert "rliable, sb3, cleanrl, csv, parquet" in line


@pytest.mark.parametrize("below", ["runs", "runs/CartPole-v1/mine", ".grid/x"])
def test_nothing_is_written_among_the_results(whole: Path, below: str, capsys: Captured):
    assert export(whole, "csv", "--out", whole / below) == 2
    assert "is part of the results" in capsys.readouterr().err
    assert not (whole / below / "episodes.csv").exists()


# ---- csv and parquet ----


def test_the_tidy_tables_hold_the_episodes_of_all_standing_runs(partly: Path):
    assert export(partly, "parquet") == export(partly, "csv") == 0
    table = pq.read_table(partly / "export/parquet/episodes.parquet")
    assert table.schema.names[:10] == store.EPISODES.names
    assert table.schema.types[:10] == store.EPISODES.types
    assert table.schema.metadata is None
    typed = table.to_pandas()
    episodes = analysis.load(partly)
    pd.testing.assert_frame_equal(typed[store.EPISODES.names], episodes, check_dtype=False)
    assert set(typed[typed["status"] == "diverged"]["seed"]) == {2}
    assert (typed["base_variant"] == typed["variant"]).all()
    read = pd.read_csv(partly / "export/csv/episodes.csv", dtype={"epsilon": np.float32})
    pd.testing.assert_frame_equal(read, typed, check_dtype=False, check_exact=True)


def test_swept_values_are_columns_and_empty_where_they_do_not_apply(tmp_path: Path):
    rows = [
        row("dqn", {"target.period": 10, "trunk.hidden": [64, 64]}),
        row("dqn", {"target.period": 50, "trunk.hidden": []}),
        row("soft-target", {"trunk.hidden": [64, 64]}),
    ]
    folder = make_study(tmp_path / "s", rows, seeds=1)
    assert export(folder, "parquet") == export(folder, "csv") == 0
    table = pq.read_table(folder / "export/parquet/episodes.parquet")
    assert {n: str(table.schema.field(n).type) for n in table.schema.names[12:]} == {
        "sweep.target.period": "int64",
        "sweep.trunk.hidden": "string",
    }
    first = [
        {name: lines.iloc[0][name] for name in ("base_variant", "sweep.target.period", "sweep.trunk.hidden")}
        for _, lines in pd.read_csv(folder / "export/csv/episodes.csv").groupby("variant", sort=False)
    ]
    assert [each["base_variant"] for each in first] == ["dqn", "dqn", "soft-target"]
    assert [each["sweep.trunk.hidden"] for each in first] == ["64x64", "none", "64x64"]
    assert [each["sweep.target.period"] for each in first][:2] == [10, 50]
    assert np.isnan(first[2]["sweep.target.period"])


def test_a_label_with_a_comma_or_a_quote_is_one_field(tmp_path: Path):
    strange = {**row("dqn"), "label": 'uniform,"+hard.period=10'}
    folder = make_study(tmp_path / "s", [strange], seeds=1)
    assert export(folder, "csv") == 0
    lines = list(csv.reader(io.StringIO((folder / "export/csv/episodes.csv").read_text())))
    assert {line[1] for line in lines[1:]} == {'uniform,"+hard.period=10'}


# ---- CleanRL ----


def test_cleanrl_columns_hold_every_episode_under_its_names(whole: Path):
    frame = pd.read_csv(whole / "export/cleanrl/cleanrl.csv")
    assert list(frame.columns) == [
        "exp_name",
        "env_id",
        "seed",
        "global_step",
        "charts/episodic_return",
        "charts/episodic_length",
        "charts/epsilon",
    ]
    ours = analysis.load(whole)
    assert frame["exp_name"].tolist() == ours["variant"].tolist()
    assert frame["charts/episodic_return"].tolist() == ours["episodic_return"].tolist()
    assert frame["global_step"].tolist() == ours["global_step"].tolist()


# ---- Stable-Baselines3 ----


def test_a_monitor_file_has_its_header_line_its_columns_and_growing_times(whole: Path):
    files = sorted((whole / "export/sb3").rglob("*.monitor.csv"))
    assert len(files) == 12
    assert len({file.parent for file in files}) == 12
    for file in files:
        head, names, *lines = file.read_text().splitlines()
        assert head[0] == "#"
        facts = json.loads(head[1:])
        run = store.read_table(whole / "runs" / file.parent.relative_to(whole / "export/sb3"))
        assert facts["t_start"] == 0.0
        assert [facts[name] for name in ("env_id", "variant", "seed")] == list(run.to_pylist()[0].values())[
            :3
        ]
        assert names == "r,l,t"
        r, length, t = zip(*(map(float, line.split(",")) for line in lines), strict=True)
        assert list(r) == run["episodic_return"].to_pylist()
        assert list(length) == run["episodic_length"].to_pylist()
        assert list(t) == run["global_step"].to_pylist()


def test_a_monitor_file_says_that_its_times_are_no_wall_time(whole: Path):
    assert "no wall time" in record(whole, "sb3")["notes"][0]


def test_a_run_without_a_finished_episode_has_an_empty_monitor_file_and_is_named(tmp_path: Path):
    folder = make_study(tmp_path / "s", [row("dqn")], seeds=1, play=lambda row, seed, steps: [])
    assert export(folder, "sb3") == 0
    (file,) = (folder / "export/sb3").rglob("*.monitor.csv")
    assert file.read_text().splitlines()[1:] == ["r,l,t"]
    assert "no finished episode in 1: CartPole-v1/dqn/seed-0000-" in record(folder, "sb3")["notes"][1]


def test_stable_baselines3_reads_its_monitor_files(whole: Path):
    monitor, plotter = (theirs(f"stable_baselines3.common.{part}") for part in ("monitor", "results_plotter"))
    folders = sorted(path.parent for path in (whole / "export/sb3").rglob("*.monitor.csv"))
    for folder in folders:
        run = store.read_table(whole / "runs" / folder.relative_to(whole / "export/sb3"))
        frame = monitor.load_results(str(folder))
        steps, returns = plotter.ts2xy(frame, plotter.X_TIMESTEPS)
        assert steps.tolist() == run["global_step"].to_pylist()
        assert returns.tolist() == run["episodic_return"].to_pylist()


# ---- rliable ----


def load_scores(folder: Path, name: str = "final_return") -> dict[str, Any]:
    with np.load(folder / "export" / "rliable" / f"{name}.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def test_a_score_matrix_has_a_line_per_seed_and_a_column_per_environment(whole: Path):
    for name, score in (("final_return", final_return), ("auc", auc)):
        found = load_scores(whole, name)
        assert found["rows"].tolist() == ["dqn", "double"]
        assert found["environments"].tolist() == list(TWO)
        for label in ("dqn", "double"):
            assert found[f"raw_seeds/{label}"].tolist() == [0, 1, 2]
            for seed in range(3):
                for column, env_id in enumerate(TWO):
                    pattern = f"runs/{store.env_folder(env_id)}/{store.row_folder(label)}/seed-{seed:04d}-*"
                    table = store.read_table(next(whole.glob(pattern)))
                    ends, returns = (table[n].to_numpy() for n in ("global_step", "episodic_return"))
                    assert found[f"raw/{label}"][seed, column] == score(ends, returns, 4000)


def test_a_normalised_score_is_0_for_the_random_policy_and_1_at_the_threshold(whole: Path):
    found = load_scores(whole)
    assert found["normalised_environments"].tolist() == list(TWO)
    assert found["random"].tolist() == [20.0, 0.0]
    assert found["threshold"].tolist() == [475.0, 475.0]
    expected = (found["raw/dqn"] - [20.0, 0.0]) / [455.0, 475.0]
    np.testing.assert_allclose(found["normalised/dqn"], expected, rtol=1e-12)


def test_an_environment_that_cannot_be_normalised_is_left_out_of_normalised_matrices_and_named(partly: Path):
    edit_study(partly, Car={"random_policy": {"mean_return": 20.0}}, ALE={"reward_threshold": None})
    assert export(partly, "rliable") == 0
    found = load_scores(partly)
    assert found["normalised_environments"].tolist() == ["CartPole-v1"]
    assert found["normalised_seeds/dqn"].tolist() == [0, 2]
    assert found["normalised/dqn"].shape == (2, 1)
    assert "ALE/Some-v5 is not normalised: it has no reward threshold" in record(partly, "rliable")["notes"]


def test_without_any_scale_there_are_raw_scores_alone(partly: Path):
    edit_study(partly, Car={"random_policy": {"mean_return": 475.0}})
    assert export(partly, "rliable") == 0
    assert not [name for name in load_scores(partly) if name.startswith("normalised")]
    notes = record(partly, "rliable")["notes"]
    assert (
        "CartPole-v1 is not normalised: its threshold, 475, is not above what the random policy earns"
        in notes
    )
    assert "ALE/Some-v5 is not normalised: it has no score of the random policy" in notes


def test_unequal_numbers_of_runs_make_matrices_without_gaps_and_are_said(partly: Path, capsys: Captured):
    assert export(partly, "rliable") == 0
    found = load_scores(partly)
    assert found["raw/dqn"].shape == (1, 2)  # seed 1 failed, seed 0 is missing in one environment
    assert found["raw_seeds/dqn"].tolist() == [2]
    assert found["raw/double"].shape == (3, 2)
    said = capsys.readouterr().out
    assert "final_return, raw, dqn: seed 0 left out, without a score in each of" in said
    assert "final_return, raw: unequal numbers of runs: dqn 1, double 3" in said


def test_a_row_without_a_common_seed_has_no_matrix_and_is_named(partly: Path):
    shutil.rmtree(next(partly.glob("runs/CartPole-v1/dqn/seed-0002-*")))
    assert export(partly, "rliable") == 0
    assert load_scores(partly)["rows"].tolist() == ["double"]
    assert any("dqn: seeds 0, 2 left out" in note for note in record(partly, "rliable")["notes"])


def test_rliable_reads_its_score_matrices(whole: Path):
    library, metrics = (theirs(f"rliable.{part}") for part in ("library", "metrics"))
    found = load_scores(whole)
    scores = {label: found[f"normalised/{label}"] for label in found["rows"].tolist()}
    point, interval = library.get_interval_estimates(
        scores, lambda x: np.array([metrics.aggregate_iqm(x), metrics.aggregate_mean(x)]), reps=50
    )
    for label, matrix in scores.items():
        assert point[label][1] == pytest.approx(matrix.mean())
        assert (interval[label][0] <= point[label]).all()
        assert (point[label] <= interval[label][1]).all()
