"""Evaluations and probes of a training on the device: what those of the host find, without moving a training bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ablations import store
from ablations.dqn.learner import learn
from ablations.dqn.variants import NAMED
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.probes import ProbeRecorder
from ablations.runner import checkpoints
from ablations.runner.cohort import train
from ablations.runner.machine import bit_maker
from ablations.runner.tasks import CohortJob, LaneJob
from ablations.runner.training import Training
from ablations.studies import load
from tests.configured import split

from .training import trained, untrained

SETTINGS: dict[str, Any] = {
    "total_timesteps": 130,
    "learning_starts": 30,
    "batch_size": 8,
    "buffer_size": 60,
    "hidden": [16],
    "learning_rate": 3e-3,
}


def cohort(folder: Path, variant: str = "dqn", **numbers: Any) -> CohortJob:
    """The job of a cohort of three seeds, as a study makes it."""
    slots, settings = split({**SETTINGS, **numbers})
    document = {
        "name": "device",
        "engine": "cuda",
        "envs": ["CartPole-v1"],
        "seeds": 3,
        "baseline": variant,
        "variants": [variant],
        "settings": settings,
        "slots": slots,
        "record": {"probe_every": 20, "eval_every": 30, "eval_episodes": 2},
    }
    lanes: list[LaneJob] = [
        {"path": run.path, "key": run.key, "config": dict(run.config), "attempts": 1}
        for run in load.from_document(document).runs()
    ]
    return {"folder": str(folder), "label": variant, "weights": True, "lanes": lanes, "git": {}}


def test_looking_on_moves_no_bit_and_probes_are_those_of_the_host(tmp_path: Path) -> None:
    alone, watched = (untrained(NAMED["per"].variant, [2, 0]) for _ in range(2))
    recorders: list[Any] = [
        EvaluationRecorder(watched, 50, 2),
        ProbeRecorder(watched, "CartPole-v1", {}, 25),
    ]
    for record in learn(watched):
        for recorder in recorders:
            recorder.observe(record)
    trained(alone)
    assert torch.equal(watched.online.flat, alone.online.flat)
    table = recorders[1].table(1, "CartPole-v1", "per", 0)
    assert table.column("global_step").to_pylist() == list(range(25, 201, 25))
    numbers = {name: table.column(name).to_numpy()[-1] for name in table.column_names[3:]}
    assert all(np.isfinite(number) for number in numbers.values())
    assert numbers["updates"] == 161
    assert numbers["per_health"] < 1


def test_a_cohorts_results_stand_and_say_where_they_come_from(tmp_path: Path) -> None:
    job = cohort(tmp_path, "combined")
    steps: list[int] = []
    train(job, steps.append)
    assert sum(steps) == 3 * 130
    for lane in job["lanes"]:
        status = store.inspect(tmp_path / lane["path"], lane["key"])
        assert status.state == "ok"
        assert status.manifest is not None
        assert status.manifest["config"]["engine"] == "cuda"
        assert status.manifest["platform"]["instruction_set"].startswith("on CPU tensors")
        episodes = store.read_table(tmp_path / lane["path"])
        covered = sum(episodes.column("episodic_length").to_pylist())
        assert covered + status.manifest["unfinished"]["length"] == 130
        assert store.read_table(tmp_path / lane["path"], "evaluations").num_rows == 8
        assert store.read_table(tmp_path / lane["path"], "probes").num_rows == 6


@pytest.mark.parametrize("variant", ["dqn", "combined", "naive"])
@pytest.mark.parametrize("step", [10, 77])
def test_a_cohort_goes_on_from_a_checkpoint_to_the_same_bits(tmp_path: Path, variant: str, step: int) -> None:
    job = cohort(tmp_path, variant)
    configs, keys = [lane["config"] for lane in job["lanes"]], [lane["key"] for lane in job["lanes"]]
    made, path = bit_maker("cuda"), tmp_path / "checkpoint.npz"
    undisturbed, resumed = Training(job), Training({**job, "lanes": [job["lanes"][2], job["lanes"][0]]})
    for record in learn(undisturbed.learner):
        for recorder in undisturbed.recorders.values():
            recorder.observe(record)
        if record.step == step:
            checkpoints.write(path, configs, range(3), step, undisturbed.parts(), made)
    assert checkpoints.resume(path, [keys[2], keys[0]], resumed.parts(), made).step == step
    for record in learn(resumed.learner, step):
        for recorder in resumed.recorders.values():
            recorder.observe(record)
    for lane, other in ((0, 2), (1, 0)):
        assert torch.equal(resumed.learner.online.flat[lane], undisturbed.learner.online.flat[other])
        for name, recorder in resumed.recorders.items():
            table = recorder.table(lane, "e", "v", 0)
            expected = undisturbed.recorders[name].table(other, "e", "v", 0)
            assert store.parquet_bytes(table) == store.parquet_bytes(expected), name
        assert resumed.episodes.unfinished(lane) == undisturbed.episodes.unfinished(other)
