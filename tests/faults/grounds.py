"""The study that faults are tried on, what it gives undisturbed, and what must hold of its folder at any moment."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.outside import (
    HEAR_CTRL_C,
    ablations,
    assert_answered,
    manifest_of,
    read_json,
    runs_in,
    surroundings,
    write_study,
)

from .session import members

# An environment that Gymnasium steps: a checkpoint keeps the actions since its last reset.
WALK = """
import gymnasium
import numpy as np

class Walk(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.left = self.np_random.uniform(-1, 1, 2), 20
        return self.place.astype(np.float32), {}

    def step(self, action):
        drift = self.np_random.normal(0.1 if action else -0.1, 0.1, 2)
        self.place, self.left = np.clip(self.place + drift, -1, 1), self.left - 1
        return self.place.astype(np.float32), -float(abs(self.place[0])), self.left == 0, False, {}

gymnasium.register("Walk-v0", Walk)
"""
ON_PROCESSOR = ("auto", "reference")
STEPS = {"auto": (3000, 1500), "reference": (800, 500)}
"""Environment steps of a run by family of numerical code: of the lane environment, and of Gymnasium's."""
RECORD = """[record]
probe_every = 500
eval_every = 1000
eval_episodes = 1
checkpoint_minutes = 0.0005
weights = true
"""
FINAL = {"episodes.parquet", "probes.parquet", "evaluations.parquet", "weights.npz", "manifest.json"}
PART = re.compile(r"\..+\.[0-9]+\.part")
RUN = ("run", "tiny.toml", "--jobs", "2")


def lay_out(folder: Path, family: str) -> Path:
    """A study of four cohorts and eight runs, in a folder of its own; gives where its results will lie."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "walkenv.py").write_text(WALK, encoding="utf-8")
    lanes, one_by_one = STEPS[family]
    top = {
        "engine": family,
        "envs": ["CartPole-v1", "walkenv:Walk-v0"],
        "allow_modules": ["walkenv"],
        "variants": ["dqn", "per"],
    }
    tables = f'[env."walkenv:Walk-v0"]\nsettings = {{ total_timesteps = {one_by_one} }}\n{RECORD}'
    write_study(folder, top, {"total_timesteps": lanes}, tables)
    return folder / "results" / "tiny"


@dataclass(frozen=True)
class Undisturbed:
    """What the study gives where nothing goes wrong."""

    family: str
    folder: Path  # of the study; nobody changes it
    study: bytes
    files: Mapping[str, bytes]  # by path below the study's folder; all but manifests
    series: Mapping[str, str]  # series_sha256 by the run's path

    @property
    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.study)["runs"]
        return found


def run_undisturbed(folder: Path, family: str) -> None:
    """The study of that family, run in ``folder`` with nothing in its way."""
    lay_out(folder, family)
    assert_answered(ablations(*RUN, cwd=folder), 0)


def undisturbed(folder: Path, family: str) -> Undisturbed:
    """What ``run_undisturbed`` has left."""
    results = folder / "results" / "tiny"
    series = {run["path"]: manifest_of(results, run)["series_sha256"] for run in runs_in(results)}
    files = {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in (results / "runs").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    return Undisturbed(family, folder, (results / "study.json").read_bytes(), files, series)


def start(folder: Path, output: Path, words: Sequence[str] = RUN, **more: str) -> subprocess.Popen[bytes]:
    """The command line as a shell would start it, leading a session of its own; what it says goes to a file."""
    with output.open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "ablations", *words],
            cwd=folder,
            env=surroundings(folder, **more),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=HEAR_CTRL_C,
        )


# ---- what must hold at any moment when nobody is at work ------------------------------------------------------------


def assert_sound(results: Path, whole: Undisturbed) -> None:
    """Every file is absent or what it would be undisturbed; what is temporary has a temporary name."""
    for path in (results / "runs").rglob("*"):
        if path.is_dir() or PART.fullmatch(path.name):
            continue
        assert path.name in FINAL, f"{path} is no name of a result"
        name = path.relative_to(results).as_posix()
        if path.name == "manifest.json":
            assert_whole_manifest(path, whole)
        else:
            assert path.read_bytes() == whole.files[name], f"{name} has other bytes than undisturbed"
    if (results / "study.json").exists():
        assert_same_study(results / "study.json", whole)
    for path in (results / ".grid" / "checkpoints").glob("*"):
        assert path.suffix == ".npz" or PART.fullmatch(path.name), path.name
        if path.suffix == ".npz":
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                assert archive.testzip() is None, path.name


def assert_whole_manifest(path: Path, whole: Undisturbed) -> None:
    """It is signed, and the files that it lists lie beside it with their digests."""
    manifest = read_json(path)
    signature = manifest.pop("manifest_sha256")
    text = json.dumps(manifest, indent=1, ensure_ascii=True, allow_nan=False) + "\n"
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == signature, f"{path}: not what was signed"
    for name, facts in manifest["files"].items():
        data = (path.parent / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (facts["bytes"], facts["sha256"]), name
    run = path.parent.relative_to(path.parents[4]).as_posix()
    if manifest["status"] == "ok":
        assert manifest["series_sha256"] == whole.series[run]
    else:
        assert manifest["status"] == "died"
        assert manifest["files"] == {}


def assert_same_study(path: Path, whole: Undisturbed) -> None:
    """It is the undisturbed one, or the same before environments were tried."""
    found, expected = read_json(path), json.loads(whole.study)
    for each in (found, expected):
        each.pop("study_sha256", None)
    for theirs, ours in zip(found["environments"], expected["environments"], strict=True):
        for fact in ("random_policy", "repeatability"):
            if theirs.get(fact) is None:
                theirs[fact] = ours[fact]
    assert found == expected


def assert_complete(results: Path, whole: Undisturbed) -> None:
    """All came out as undisturbed, to the byte, and nothing temporary is left."""
    assert (results / "study.json").read_bytes() == whole.study
    found = {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in (results / "runs").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found.keys() == whole.files.keys()
    assert [name for name in found if found[name] != whole.files[name]] == []
    for run in whole.runs:
        manifest = manifest_of(results, run)
        assert (manifest["status"], manifest["series_sha256"]) == ("ok", whole.series[run["path"]])
    assert list((results / ".grid" / "checkpoints").glob("*")) == []
    assert [path for path in results.rglob("*.part") if "quarantine" not in path.parts] == []
    assert {path.name for path in results.iterdir()} <= {"study.json", "runs", "packs", ".grid"}


def status(results: Path, whole: Undisturbed) -> dict[str, int]:
    """When the manifest of each run that stands was written, by path."""
    found = {}
    for run in whole.runs:
        path = results / run["path"] / "manifest.json"
        if path.is_file() and read_json(path)["status"] == "ok":
            found[run["path"]] = path.stat().st_mtime_ns
    return found


def ended_by(process: subprocess.Popen[bytes]) -> None:
    """Whatever a test did, nothing of the session goes on."""
    if members(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
