"""Where results lie: the results folder, and a run's place in it, spelled from its environment, row, seed and key."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from .outside import begin, committed, names_in, read_json, rows_in, runs_in, write_study


def row_folder(label: str) -> str:
    """A label as the name of a folder: what is not plain is written as `_`, and then its digest tells labels apart."""
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", label)
    if plain == label:
        return label
    return f"{plain}-{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def environment_folder(env_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", env_id)


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_every_listed_run_lies_where_its_environment_row_seed_and_key_say(
    study: str, request: pytest.FixtureRequest
) -> None:
    results = request.getfixturevalue(study) / "results" / "tiny"
    for run in runs_in(results):
        place = f"runs/{environment_folder(run['env_id'])}/{row_folder(run['label'])}"
        assert run["path"] == f"{place}/seed-{run['seed']:04d}-{run['key']}"
        assert names_in(results / run["path"]) == {"episodes.parquet", "manifest.json"}
    assert committed(results) == {run["path"] for run in runs_in(results)}


def test_a_plain_label_is_its_own_folder_and_the_label_of_a_cell_is_plain(
    finished: Path, factorial: Path
) -> None:
    assert names_in(finished / "results/tiny/runs/CartPole-v1") == {"dqn", "per", "slow-soft"}
    assert "none+max" in names_in(factorial / "results/tiny/runs/CartPole-v1")


def test_a_swept_label_is_a_folder_with_underlines_and_six_digits_of_its_digest(swept: Path) -> None:
    digest = hashlib.sha256(b"soft-target@trunk.hidden=8x8").hexdigest()[:6]
    assert f"soft-target_trunk.hidden_8x8-{digest}" in names_in(swept / "results/tiny/runs/CartPole-v1")


def test_labels_of_reals_truth_values_and_empty_lists_are_folders_by_the_same_rule(tmp_path: Path) -> None:
    sweep = (
        '[sweep]\nlearning_rate = [1e-5, 2.5]\n"replay.stratified" = [true]\n"head.hidden" = [[], [4, 4]]\n'
    )
    mine = '[variant.mine]\nbase = "per"\nhead = { kind = "dueling" }\n'
    top = {"variants": ["dqn", "mine"], "seeds": [12345]}
    write_study(tmp_path, top, {"total_timesteps": 120}, sweep + mine)
    results = begin(tmp_path, "--variants", "dqn")
    assert len(rows_in(results)) == 2 + 4
    for run in runs_in(results):
        assert run["path"] == f"runs/CartPole-v1/{row_folder(run['label'])}/seed-12345-{run['key']}"
    assert len({run["path"].rsplit("/", 1)[0] for run in runs_in(results)}) == 6


def test_an_environments_id_with_a_colon_and_a_slash_is_a_folder_with_underlines(tmp_path: Path) -> None:
    module = (
        "import gymnasium\nfrom gymnasium.envs.classic_control import CartPoleEnv\n"
        'gymnasium.register("inner/Pole-v0", CartPoleEnv, max_episode_steps=50)\n'
    )
    (tmp_path / "poles.py").write_text(module, encoding="utf-8")
    top = {"envs": ["poles:inner/Pole-v0"], "allow_modules": ["poles"], "seeds": 1}
    facts = '[env."poles:inner/Pole-v0"]\nreward_threshold = 45.0\nvalue_bounds = [0.0, 40.0]\n'
    write_study(tmp_path, top, {"total_timesteps": 120}, facts)
    results = begin(tmp_path)
    (run,) = runs_in(results)
    assert run["env_id"] == "poles:inner/Pole-v0"
    assert run["path"] == f"runs/poles_inner_Pole-v0/dqn/seed-0000-{run['key']}"
    assert committed(results) == {run["path"]}
    (environment,) = read_json(results / "study.json")["environments"]
    assert (environment["reward_threshold"], environment["value_bounds"]) == (45.0, [0.0, 40.0])


def test_the_results_folder_holds_nothing_but_what_the_contract_lists(results: Path) -> None:
    made = {"decisions.json", "figures", "tables", "report.html", ".grid"}
    assert {"study.json", "runs"} <= names_in(results) <= {"study.json", "runs"} | made
    stored = {"episodes.parquet", "probes.parquet", "evaluations.parquet", "weights.npz", "manifest.json"}
    assert {path.name for path in (results / "runs").rglob("*") if path.is_file()} <= stored


@pytest.mark.parametrize("study", ["finished", "swept", "factorial"])
def test_no_temporary_file_is_left_behind(study: str, request: pytest.FixtureRequest) -> None:
    results: Path = request.getfixturevalue(study) / "results"
    assert [path for path in results.rglob("*") if path.is_file() and "tmp" in path.name] == []
