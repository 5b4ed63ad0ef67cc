"""Studies on a GPU from the command line: refused in words where there is none, run where there is one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from ablations import engines, store
from ablations.cli import main
from ablations.engines import cuda
from ablations.engines.cuda import ops
from ablations.engines.hardware import MOST_LANES
from ablations.envs.classic import CLASSIC_CONTROL
from ablations.runner import grid
from ablations.runner.executors import EXECUTORS
from ablations.studies import load
from tests.ablations.documents import problems, study, tiny

TINY = tiny("dqn", "per", seeds=3, record="probe_every = 50\neval_every = 75\neval_episodes = 2")
without_a_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(TINY)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls the command line: (exit code, standard output, standard error)."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        compile = capsys.readouterr()
        return code, compile.out, compile.err

    return call


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "local", "tests.ablations.engines.cuda.here")


# --- refused


@without_a_gpu
@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("asked", ["file", "option"])
def test_without_a_gpu_the_engine_is_refused_and_nothing_is_made(
    said: Any, monkeypatch: pytest.MonkeyPatch, command: str, asked: str
) -> None:
    monkeypatch.setattr(ops, "DEVICE", "cuda")
    if asked == "file":
        Path("mine.toml").write_text('engine = "cuda"\n' + TINY)
    code, out, err = said(command, "mine.toml", *(["--engine", "cuda"] if asked == "option" else []))
    (line,) = err.splitlines()
    assert (code, out) == (2, "")
    assert "'cuda' does not work here: PyTorch" in line
    assert ("mine.toml: engine:" if asked == "file" else "--engine: engine:") in line
    assert os.listdir() == ["mine.toml"]


def test_an_environment_that_is_not_on_the_device_is_refused_by_name() -> None:
    (problem,) = problems(engine="cuda", envs=["CartPole-v1", "ablations/Grid-v0"])
    assert problem.key == "envs"
    assert "'ablations/Grid-v0' can't be trained with the engine 'cuda'" in problem.message
    assert "CartPole-v1, Acrobot-v1, MountainCar-v0" in problem.message
    args = {"CartPole-v1": {"args": {"sutton_barto_reward": True}}}
    (problem,) = problems(engine="cuda", env=args)
    assert problem.key == 'env."CartPole-v1".args'
    assert "got 'sutton_barto_reward'" in problem.message
    assert study(engine="cuda", env={"CartPole-v1": {"args": {"max_episode_steps": 100}}})


@pytest.mark.parametrize(
    ("engine", "words", "expected"),
    [
        ("auto", ["--engine", "gpu"], "--engine: expected native, reference, cuda, got 'gpu'"),
        ("auto", ["--engine", "cdua"], "did you mean 'cuda'?"),
        ("auto", ["--engine"], "--engine: needs a value"),
        ("auto", ["--device", "cuda"], "--device: unknown option"),
    ],
)
def test_an_engine_that_there_is_not_is_refused(
    said: Any, engine: str, words: list[str], expected: str
) -> None:
    Path("mine.toml").write_text(f'engine = "{engine}"\n' + TINY)
    code, out, err = said("run", "mine.toml", *words)
    assert (code, out) == (2, "")
    assert expected in err
    assert len(err.splitlines()) == 1
    assert os.listdir() == ["mine.toml"]


def test_results_of_one_engine_are_not_continued_by_another(said: Any, in_this_process: None) -> None:
    assert said("run", "mine.toml", "--seeds", "1", "--engine", "cuda")[0] == 0
    assert "'cuda'; choose another --results" in said("run", "mine.toml", "--engine", "reference")[2]
    assert said("run", "mine.toml", "--seeds", "1", "--results", "other")[0] == 0
    code, _, err = said("run", "mine.toml", "--engine", "cuda", "--results", "other")
    assert code == 2
    Path("mine.toml").write_text('engine = "cuda"\n' + TINY)
    assert said("run", "mine.toml", "--results", "other")[0] == 2
    assert f"the stored results come from the engine '{engines.available()[0]}'" in err


def test_an_environment_added_to_a_study_that_began_on_the_device_is_refused(
    said: Any, in_this_process: None
) -> None:
    assert said("run", "mine.toml", "--seeds", "1", "--engine", "cuda")[0] == 0
    more = TINY.replace('["CartPole-v1"]', '["CartPole-v1", "ablations/Grid-v0"]')
    Path("mine.toml").write_text(more)
    code, _, err = said("run", "mine.toml")
    assert code == 2
    assert "'ablations/Grid-v0' can't be trained with the engine 'cuda'" in err


# --- run


def test_a_study_runs_to_its_end_is_found_done_and_verified(said: Any, in_this_process: None) -> None:
    code, out, err = said("run", "mine.toml", "--engine", "cuda")
    assert code == 0, err
    assert "6 of 6 runs are valid (6 trained now)" in out
    folder = Path("results/mine")
    stored = store.read_study(folder)
    assert stored["engine"] == "cuda"
    for run in stored["runs"]:
        manifest = json.loads((folder / run["path"] / store.MANIFEST).read_text())
        assert manifest["config"]["engine"] == "cuda"
        assert manifest["lanes"] == 3
        assert set(manifest["files"]) == {"episodes.parquet", "evaluations.parquet", "probes.parquet"}
        table = store.read_table(folder / run["path"])
        assert table.schema.equals(store.EPISODES)
        assert table.num_rows > 0
    assert "6 of 6 runs are valid (0 trained now)" in said("run", "mine.toml")[1]
    assert said("status", "mine.toml")[0] == 0
    assert said("verify", "mine.toml")[0] == 0


def test_all_seeds_of_a_row_train_together_by_the_thousand() -> None:
    runs = study(engine="cuda", seeds=20_000).runs()
    pieces = grid.cohorts(runs, 1, lambda run: cuda.MOST_LANES)
    assert [len(piece) for piece in pieces] == [10_000] * 4
    assert max(map(len, grid.cohorts(runs, 1))) <= MOST_LANES


def test_the_engine_is_never_chosen_by_itself_and_the_light_list_is_the_true_one() -> None:
    assert "cuda" not in engines.available()
    assert load.from_document({**study().document, "engine": "auto"}).engine != "cuda"
    assert tuple(CLASSIC_CONTROL) == cuda.WORLDS
