"""Workers that sleep, exit, crash or eat memory cost their own run; mended, it comes out as undisturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.outside import (
    ablations,
    assert_answered,
    episodes_bytes,
    manifest_of,
    runs_in,
    write_study,
)

from .grounds import ended_by, start
from .session import assert_none_left

# Until the file `mended` lies beside it, its step 1500 goes wrong: later than the random policy and the self-test come.
ODD = """
import os, pathlib, signal, time
import gymnasium
import numpy as np

class Odd(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 10
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        self.steps, self.left = self.steps + 1, self.left - 1
        if self.steps == 1500 and not pathlib.Path(__file__).with_name("mended").exists():
            self.go_wrong()
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), float(action), self.left == 0, False, {}

class Sleeps(Odd):
    def go_wrong(self): time.sleep(3600)

class Leaves(Odd):
    def go_wrong(self): os._exit(0)

class Exits(Odd):
    def go_wrong(self): os._exit(7)

class Crashes(Odd):
    def go_wrong(self): os.kill(os.getpid(), signal.SIGSEGV)

class Eats(Odd):
    def go_wrong(self):
        food = [np.ones(2**24) for _ in range(8)]  # a gigabyte
        time.sleep(3600)

for odd in (Sleeps, Leaves, Exits, Crashes, Eats):
    gymnasium.register(f"{odd.__name__}-v0", odd)
"""
SAID = {
    "Sleeps": ("timeout", "no progress for 10 seconds"),
    "Leaves": ("died", "exit code 0 without a result"),
    "Exits": ("died", "exit code 7"),
    "Crashes": ("died", "signal SIGSEGV"),
    "Eats": ("died", "over the limit of"),
}


@pytest.mark.faults
def test_workers_that_go_wrong_cost_their_own_run_and_the_next_call_gives_what_was_missing(
    tmp_path: Path,
) -> None:
    (tmp_path / "oddenv.py").write_text(ODD, encoding="utf-8")
    write_study(
        tmp_path,
        {
            "envs": ["CartPole-v1", *(f"oddenv:{name}-v0" for name in SAID)],
            "allow_modules": ["oddenv"],
            "seeds": 1,
        },
        {"total_timesteps": 1800, "train_frequency": 8},
        "[record]\nprobe_every = 0\neval_every = 0\n",
    )
    results = tmp_path / "results" / "tiny"
    words = ("run", "tiny.toml", "--jobs", "3", "--timeout", "10", "--memory", "900M")
    process = start(tmp_path, tmp_path / "output", words)
    try:
        assert process.wait(600) == 1, (tmp_path / "output").read_text()
        assert_none_left(process.pid)
    finally:
        ended_by(process)
    assert "Traceback" not in (tmp_path / "output").read_text(encoding="utf-8")
    cart_pole, *odd = runs_in(results)
    for run in odd:
        status, why = SAID[run["env_id"].removeprefix("oddenv:").removesuffix("-v0")]
        manifest = manifest_of(results, run)
        assert (manifest["status"], manifest["files"]) == (status, {})
        assert why in manifest["error"]["message"]
    before = (results / cart_pole["path"] / "manifest.json").stat()
    assert manifest_of(results, cart_pole)["status"] == "ok"

    (tmp_path / "mended").touch()
    assert_answered(ablations(*words, cwd=tmp_path), 0)
    assert (results / cart_pole["path"] / "manifest.json").stat().st_mtime_ns == before.st_mtime_ns
    assert_answered(ablations(*words, "--results", "undisturbed", cwd=tmp_path), 0)
    assert episodes_bytes(results) == episodes_bytes(tmp_path / "undisturbed" / "tiny")
    assert_answered(ablations("verify", "tiny.toml", cwd=tmp_path), 0)
