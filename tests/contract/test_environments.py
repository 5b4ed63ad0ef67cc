"""Environments of users' own that are not what Gymnasium's checker would pass: what a study makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .outside import ablations, assert_answered, manifest_of, read_json, runs_in, write_study

MODULE = """
import os
import random
import tempfile
import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete

class Base(gymnasium.Env):
    observation_space = Box(-9.0, 9.0, (3,), np.float32)
    action_space = Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 7
        return self.look(), {}

    def look(self):
        return self.np_random.uniform(-1, 1, 3).astype(np.float32)

    def step(self, action):
        self.left -= 1
        return self.look(), 0.5 * float(action), self.left == 0, False, {}

class Draws(Base):
    def look(self):
        return np.array([random.random(), np.random.rand(), self.np_random.random()], np.float32)

class Shares(Base):
    steps = 0
    def step(self, action):
        Shares.steps += 1
        seen, _, *rest = super().step(action)
        return seen, 1.0 / Shares.steps, *rest

class Entropy(Base):
    def look(self):
        return np.random.default_rng().uniform(-1, 1, 3).astype(np.float32)

class Breaks(Base):
    steps = 0
    def step(self, action):
        self.steps += 1
        seen, *rest = super().step(action)
        if self.steps >= 41:
            seen[1] = np.inf
        return seen, *rest

class Meddles(Base):
    def __init__(self):
        self.env = "plant"
        os.chdir(tempfile.gettempdir())
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(2)
        np.seterr(all="raise")

for kind in (Base, Draws, Shares, Entropy, Breaks, Meddles):
    gymnasium.register(f"{kind.__name__}-v3", kind)
"""
KINDS = ("Base", "Draws", "Shares", "Entropy", "Breaks", "Meddles")


def of(kind: str) -> str:
    return f"oddities:{kind}-v3"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder where a study of all of them was run, and what was said."""
    folder = tmp_path_factory.mktemp("oddities")
    (folder / "oddities.py").write_text(MODULE, encoding="utf-8")
    top = {"envs": list(map(of, KINDS)), "allow_modules": ["oddities"], "variants": ["dqn"], "seeds": 2}
    write_study(folder, top, {"total_timesteps": 300})
    answer = ablations("run", "tiny.toml", "--jobs", "2", cwd=folder)
    assert_answered(answer, 1)
    return folder, answer.stdout + answer.stderr


def environment(ran: tuple[Path, str], kind: str) -> dict[str, Any]:
    study = read_json(ran[0] / "results" / "tiny" / "study.json")
    found: dict[str, Any] = next(env for env in study["environments"] if env["env_id"] == of(kind))
    return found


def test_what_no_network_can_learn_from_fails_its_runs_with_the_thing_and_the_step(
    ran: tuple[Path, str],
) -> None:
    results = ran[0] / "results" / "tiny"
    for run in runs_in(results):
        manifest = manifest_of(results, run)
        assert manifest["status"] == ("failed" if run["env_id"] == of("Breaks") else "ok")
        if run["env_id"] == of("Breaks"):
            assert manifest["error"]["message"].startswith("the observation holds inf in place 1 at step 41;")
    assert "the observation holds inf in place 1 at step 41" in ran[1]
    assert "10 of 12 runs are valid (10 trained now)" in ran[1]


def test_what_one_does_to_the_process_it_is_made_in_changes_no_bit(ran: tuple[Path, str]) -> None:
    results = ran[0] / "results" / "tiny"
    series = {
        (run["env_id"], run["seed"]): manifest_of(results, run)["series_sha256"]
        for run in runs_in(results)
        if run["env_id"] in (of("Base"), of("Meddles"))
    }
    assert series[of("Meddles"), 0] == series[of("Base"), 0]
    assert series[of("Meddles"), 1] == series[of("Base"), 1]


def test_study_json_says_what_can_be_repeated(ran: tuple[Path, str]) -> None:
    plain = {"repeats": True, "reason": None, "shares_state": False, "global_generators": False}
    assert environment(ran, "Base")["repeatability"] == plain
    assert environment(ran, "Draws")["repeatability"] == {**plain, "global_generators": True}
    for kind, shares in (("Shares", True), ("Entropy", False)):
        found = environment(ran, kind)["repeatability"]
        assert (found["repeats"], found["shares_state"], found["global_generators"]) == (False, shares, False)
        assert found["reason"] in ran[1]


def test_nothing_promises_bits_that_cannot_be_kept(ran: tuple[Path, str]) -> None:
    said = [line for line in ran[1].splitlines() if "no checkpoints" in line]
    assert said
    for line in said:
        assert ("to the same bits" in line) == ("Shares" not in line and "Entropy" not in line)


def test_one_that_draws_from_global_generators_is_the_same_bits_again_and_alone(
    ran: tuple[Path, str],
) -> None:
    again = ("run", "tiny.toml", "--jobs", "1", "--lanes", "1", "--results", "alone", "--envs", of("Draws"))
    assert_answered(ablations(*again, cwd=ran[0]), 0)
    for run in runs_in(ran[0] / "results" / "tiny"):
        if run["env_id"] == of("Draws"):
            one, other = (manifest_of(ran[0] / place / "tiny", run) for place in ("results", "alone"))
            assert one["series_sha256"] == other["series_sha256"]


def test_a_rerun_does_not_blame_what_was_known_not_to_repeat(ran: tuple[Path, str]) -> None:
    answer = ablations("verify", "tiny.toml", "--rerun", "10", cwd=ran[0])
    assert_answered(answer, 1)  # for the runs that failed
    assert "FAILS" not in answer.stdout
    assert answer.stdout.count("its environment can't be repeated") == 4
    assert "9 same bits" in answer.stdout  # six runs and the scores of three random policies


def test_a_file_that_was_edited_meanwhile_is_told_everywhere_and_strictly_refused(tmp_path: Path) -> None:
    """Its class, its class's base in another file, and what stands around it."""
    (tmp_path / "parent.py").write_text(MODULE, encoding="utf-8")
    child = (
        "import gymnasium\nfrom gymnasium.wrappers import TimeLimit\nfrom parent import Base\n"
        "class Child(Base):\n    scale = 3.0\n"
        "gymnasium.register('Child-v1', lambda **args: TimeLimit(Child(**args), 5))\n"
    )
    (tmp_path / "child.py").write_text(child, encoding="utf-8")
    top = {"envs": ["child:Child-v1"], "allow_modules": ["child"], "variants": ["dqn", "double"], "seeds": 1}
    write_study(tmp_path, top, {"total_timesteps": 200})
    assert_answered(ablations("run", "tiny.toml", "--variants", "dqn", cwd=tmp_path), 0)
    (run, _) = runs_in(tmp_path / "results" / "tiny")
    stored = manifest_of(tmp_path / "results" / "tiny", run)["environment"]
    assert set(stored["modules"]) == {"child", "parent"}
    for module, source in (("child", child.replace("3.0", "4.0")), ("parent", MODULE + "\n")):
        before = (tmp_path / f"{module}.py").read_text(encoding="utf-8")
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        told = (
            f"1 stored run was trained on another child:Child-v1: the source of '{module}' has changed since"
        )
        for command in (("status", "tiny.toml"), ("verify", "tiny.toml")):
            answer = ablations(*command, cwd=tmp_path)
            assert told in answer.stdout, command
        answer = ablations("run", "tiny.toml", "--strict", cwd=tmp_path)
        assert_answered(answer, 2)
        assert told in answer.stderr
        (tmp_path / f"{module}.py").write_text(before, encoding="utf-8")
    assert "changed" not in ablations("status", "tiny.toml", cwd=tmp_path).stdout.replace(
        "the code changed", ""
    )
    (tmp_path / "child.py").write_text(child.replace("3.0", "4.0"), encoding="utf-8")
    answer = ablations("run", "tiny.toml", cwd=tmp_path)
    assert_answered(answer, 0)
    assert "the source of 'child' has changed since" in answer.stderr


def test_a_manifest_names_the_source_of_a_shipped_environment_and_its_package(ran: tuple[Path, str]) -> None:
    results = ran[0] / "results" / "tiny"
    stored = manifest_of(results, runs_in(results)[0])["environment"]
    assert (stored["package"], stored["version"], list(stored["modules"])) == ("oddities", None, ["oddities"])
