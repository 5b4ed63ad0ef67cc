"""What a run's environment or numbers may do wrong, and what it costs: that run, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from .outside import (
    SMALL,
    ablations,
    analysis,
    assert_answered,
    assert_refused,
    committed,
    episodes_bytes,
    fingerprint,
    manifest_of,
    names_in,
    read_json,
    runs_in,
    write_study,
)

# Ten steps an episode; where the first reset's seed is odd and nobody has mended it, step 1500 raises: later
# than the random policy, the probes and the evaluations come, whose resets may have odd seeds too.
BROKEN = """
import faulthandler
import os
import pathlib
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete


class Broken(gymnasium.Env):
    observation_space = Box(-1.0, 1.0, (2,), np.float32)
    action_space = Discrete(2)
    snaps = False
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.snaps = seed % 2 == 1
        self.left = 10
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        self.steps += 1
        self.left -= 1
        if self.steps == 1500 and self.snaps and not pathlib.Path(__file__).with_name("mended").exists():
            raise ArithmeticError("the pole snapped")
        observation = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return observation, float(action), self.left == 0, False, {}


class Dies(Broken):
    def step(self, action):
        if self.steps == 1500:
            faulthandler.dump_traceback()
            os._exit(7)
        return super().step(action)


class DictObservation(Broken):
    observation_space = Dict({"position": Box(-1.0, 1.0, (2,), np.float32)})


class ManyActions(Broken):
    action_space = MultiDiscrete([2, 2])


class NoReward(Broken):
    from_step = 0

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, float("nan") if self.steps > self.from_step else reward, terminated, truncated, info


class LateNoReward(NoReward):
    from_step = 1795


gymnasium.register("Broken-v0", Broken)
gymnasium.register("Dies-v0", Dies)
gymnasium.register("NoReward-v0", NoReward)
gymnasium.register("LateNoReward-v0", LateNoReward)
gymnasium.register("DictObservation-v0", DictObservation)
gymnasium.register("ManyActions-v0", ManyActions)
gymnasium.register("inner/Broken-v0", Broken)
"""

SEEDS = 8
ALLOWED = {"allow_modules": ["brokenenv"]}


def with_module(folder: Path) -> Path:
    (folder / "brokenenv.py").write_text(BROKEN, encoding="utf-8")
    return folder


def test_a_run_whose_environment_raises_fails_alone_and_is_tried_again(tmp_path: Path) -> None:
    folder = with_module(tmp_path)
    settings = {"total_timesteps": 1800, "train_frequency": 4}
    record = "[record]\neval_every = 1800\neval_episodes = 1\n"
    write_study(folder, ALLOWED | {"envs": ["brokenenv:Broken-v0"], "seeds": SEEDS}, settings, record)
    results = folder / "results" / "tiny"

    answer = ablations("run", "tiny.toml", "--jobs", "1", cwd=folder)
    assert_answered(answer, 1)
    manifests = {run["path"]: manifest_of(results, run) for run in runs_in(results)}
    failed = {path for path, manifest in manifests.items() if manifest["status"] == "failed"}
    valid = {path for path, manifest in manifests.items() if manifest["status"] == "ok"}
    assert failed
    assert valid
    assert len(failed) + len(valid) == SEEDS
    for path in failed:
        text = (results / path / "manifest.json").read_text(encoding="utf-8")
        assert "the pole snapped" in text
        assert "ArithmeticError" in text
        assert "brokenenv.py" in text
        assert str(folder) not in text
        assert '"/' not in text
        assert 'File \\"/' not in text
    for path in valid:
        assert manifests[path]["steps"] == 1800
        table = pq.read_table(results / path / "episodes.parquet")
        assert table.num_rows == 180
        assert set(table.column("env_id").to_pylist()) == {"brokenenv:Broken-v0"}

    # It doesn't stand, by either reading of the folder, and the tables count it.
    assert_answered(ablations("status", "tiny.toml", cwd=folder), 1)
    assert_answered(ablations("verify", "tiny.toml", cwd=folder), 1)
    assert_answered(analysis("tables", "results/tiny", cwd=folder), 0)
    names, row = (results / "tables" / "summary.csv").read_text(encoding="utf-8").splitlines()
    summary = dict(zip(names.split(","), row.split(","), strict=True))
    assert int(summary["failed"]) == len(failed)
    assert int(summary["ok"]) == len(valid)

    # Mended, the failed ones alone are tried again.
    before = fingerprint(results)
    (folder / "mended").touch()
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=folder), 0)
    after = fingerprint(results)
    assert {path: after[path] for path in before if path.rsplit("/", 1)[0] in valid} == {
        path: before[path] for path in before if path.rsplit("/", 1)[0] in valid
    }
    assert {manifest_of(results, run)["status"] for run in runs_in(results)} == {"ok"}

    # A neighbour that failed changed no bit of those that didn't.
    recorded = episodes_bytes(results)
    answer = ablations("run", "tiny.toml", "--jobs", "1", "--results", "undisturbed", cwd=folder)
    assert_answered(answer, 0)
    assert episodes_bytes(folder / "undisturbed" / "tiny") == recorded


def test_a_slash_in_an_environments_id_is_written_as_two_underlines(tmp_path: Path) -> None:
    folder = with_module(tmp_path)
    (folder / "mended").touch()
    write_study(
        folder, ALLOWED | {"envs": ["brokenenv:inner/Broken-v0"], "seeds": 1}, {"total_timesteps": 100}
    )
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=folder), 0)
    results = folder / "results" / "tiny"
    (run,) = runs_in(results)
    assert run["env_id"] == "brokenenv:inner/Broken-v0"
    assert run["path"].startswith("runs/brokenenv_inner_Broken-v0/dqn/")
    assert committed(results) == {run["path"]}


def test_runs_that_diverge_act_to_the_end_of_their_budget_and_stand(tmp_path: Path) -> None:
    write_study(tmp_path, {"variants": ["dqn", "no-target"]}, {"optimizer": "sgd", "learning_rate": 1e6})
    assert_answered(ablations("run", "tiny.toml", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        assert manifest["status"] == "diverged"
        assert SMALL["learning_starts"] <= manifest["diverged_at"] <= SMALL["total_timesteps"]
        lengths = (
            pq.read_table(results / run["path"] / "episodes.parquet").column("episodic_length").to_pylist()
        )
        assert (
            sum(lengths) + manifest["unfinished"]["length"] == manifest["steps"] == SMALL["total_timesteps"]
        )
    assert_answered(ablations("status", "tiny.toml", cwd=tmp_path), 0)
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)
    before = fingerprint(results)
    assert_answered(ablations("run", "tiny.toml", cwd=tmp_path), 0)
    assert fingerprint(results) == before
    assert_answered(analysis("tables", "results/tiny", cwd=tmp_path), 0)
    lines = (results / "tables" / "summary.csv").read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("diverged")
    assert [line.split(",")[column] for line in lines[1:]] == ["2", "2"]


def test_a_run_whose_last_update_takes_its_parameters_out_of_range_has_diverged(tmp_path: Path) -> None:
    settings = {"learning_rate": 1e39, "learning_starts": 300, "total_timesteps": 300}
    write_study(tmp_path, {"seeds": 1}, settings, tables="[record]\nweights = true\n")
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    (run,) = runs_in(results)
    with np.load(results / run["path"] / "weights.npz", allow_pickle=False) as weights:
        assert not all(np.isfinite(weights[name]).all() for name in weights)
    manifest = manifest_of(results, run)
    assert (manifest["status"], manifest["diverged_at"]) == ("diverged", 300)


@pytest.mark.parametrize("env_id", ["brokenenv:NoReward-v0", "brokenenv:LateNoReward-v0"])
def test_an_environment_whose_reward_is_no_number_costs_no_other_environment(
    env_id: str, tmp_path: Path
) -> None:
    folder = with_module(tmp_path)
    (folder / "mended").touch()
    # The late one turns in the last, unfinished episode: its return then stands in the manifest alone.
    settings = {"total_timesteps": 1799, "train_frequency": 8}
    write_study(folder, ALLOWED | {"envs": [env_id, "CartPole-v1"], "seeds": 1}, settings)
    answer = ablations("run", "tiny.toml", "--jobs", "1", cwd=folder)
    assert answer.returncode in {0, 1}
    assert_answered(answer, answer.returncode)
    results = folder / "results" / "tiny"
    status = {run["env_id"]: manifest_of(results, run)["status"] for run in runs_in(results)}
    assert status["CartPole-v1"] == "ok"
    # A worker of ours that dies of it has recorded nothing: neither the series nor what was wrong.
    assert status[env_id] in {"ok", "diverged", "failed"}


def test_a_run_whose_process_dies_is_recorded_without_absolute_paths(tmp_path: Path) -> None:
    folder = with_module(tmp_path)
    settings = {"total_timesteps": 1800, "train_frequency": 8}
    write_study(folder, ALLOWED | {"envs": ["brokenenv:Dies-v0"], "seeds": 1}, settings)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=folder), 1)
    results = folder / "results" / "tiny"
    (run,) = runs_in(results)
    assert manifest_of(results, run)["status"] == "died"
    text = (results / run["path"] / "manifest.json").read_text(encoding="utf-8")
    assert str(folder) not in text
    assert 'File \\"/' not in text


def test_a_module_that_exits_when_imported_is_refused(tmp_path: Path) -> None:
    (tmp_path / "brokenenv.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    write_study(tmp_path, ALLOWED | {"envs": ["brokenenv:Broken-v0"]})
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "brokenenv:Broken-v0")
    assert names_in(tmp_path) == {"tiny.toml", "brokenenv.py"}


def test_an_environment_that_cannot_be_used_beside_one_that_can_stops_the_whole_study(tmp_path: Path) -> None:
    write_study(tmp_path, {"envs": ["CartPole-v1", "Pendulum-v1"]})
    assert_refused(ablations("run", "tiny.toml", cwd=tmp_path), "tiny.toml", "Pendulum-v1", "Box")
    assert names_in(tmp_path) == {"tiny.toml"}


@pytest.mark.parametrize(
    ("env_id", "space"),
    [
        ("Pendulum-v1", "Box"),
        ("FrozenLake-v1", "Discrete"),
        ("Blackjack-v1", "Tuple"),
        ("brokenenv:DictObservation-v0", "Dict"),
        ("brokenenv:ManyActions-v0", "MultiDiscrete"),
    ],
)
def test_an_environment_with_another_space_is_refused_by_the_spaces_name(
    env_id: str, space: str, tmp_path: Path
) -> None:
    folder = with_module(tmp_path)
    write_study(folder, ALLOWED | {"envs": [env_id]})
    assert_refused(ablations("run", "tiny.toml", cwd=folder), "tiny.toml", "envs", env_id, space)
    assert names_in(folder) == {"tiny.toml", "brokenenv.py"}


def test_arguments_of_an_environment_reach_it_and_the_key(tmp_path: Path) -> None:
    arguments = (
        '[env."CartPole-v1"]\nargs = { sutton_barto_reward = true }\nsettings = { total_timesteps = 150 }\n'
    )
    write_study(tmp_path, {"seeds": 1}, tables=arguments)
    assert_answered(ablations("run", "tiny.toml", "--jobs", "1", cwd=tmp_path), 0)
    results = tmp_path / "results" / "tiny"
    (run,) = runs_in(results)
    manifest = manifest_of(results, run)
    assert manifest["steps"] == manifest["config"]["settings"]["total_timesteps"] == 150
    (environment,) = read_json(results / "study.json")["environments"]
    assert environment["args"] == {"sutton_barto_reward": True}
    assert environment["settings"] == {"total_timesteps": 150}
    # Under these arguments CartPole pays 0 a step and -1 for the fall.
    table = pq.read_table(results / run["path"] / "episodes.parquet")
    assert set(table.column("episodic_return").to_pylist()) == {-1.0}
