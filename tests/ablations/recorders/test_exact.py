"""The exact oracle beside training: what a row says, where there is one, and that looking on changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from ablations import store
from ablations.dqn.head import BiasFree
from ablations.dqn.learner import learn
from ablations.dqn.variants import DQN
from ablations.envs.exact import optimal_q
from ablations.envs.gym import GymLanes
from ablations.envs.worlds import grid
from ablations.recorders.exact import ExactRecorder, model_of
from ablations.runner.cohort import train
from ablations.runner.tasks import CohortJob
from ablations.studies import load
from tests.configured import learner, split

GRID = "ablations/Grid-v0"
SMALL: dict[str, Any] = {
    "total_timesteps": 300,
    "learning_starts": 50,
    "batch_size": 8,
    "buffer_size": 100,
    "hidden": [16],
}


def job(folder: Path, record: dict[str, int], env_id: str = GRID, seeds: int = 3, **more: Any) -> CohortJob:
    slots, settings = split({**SMALL, **more})
    document = {
        "name": "watched",
        "envs": [env_id],
        "seeds": seeds,
        "variants": ["dqn"],
        "settings": settings,
        "slots": slots,
        "record": record,
    }
    runs = load.from_document(document).runs()
    lanes = [{"path": r.path, "key": r.key, "config": dict(r.config), "attempts": 1} for r in runs]
    return {"folder": str(folder), "label": "dqn", "weights": False, "lanes": lanes, "git": {}}  # type: ignore[typeddict-item]


def series(folder: Path, name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob(f"runs/*/*/seed-*/{name}.parquet"))]


def test_a_row_compares_a_known_table_with_the_exact_values() -> None:
    """Two lanes of a 2 x 2 grid: one knows Q* but is 0.1 too high for up, one says 0 everywhere and goes up."""
    args = {"size": 2, "slip": 0.0, "features": "onehot"}
    table, lanes = replace(DQN, head=BiasFree()), GymLanes(GRID, args, 0, [0, 1])
    a = learner(table, lanes, [0, 1], total_timesteps=10, hidden=(), gamma=0.5)
    model = model_of(GRID, args)
    assert model is not None
    knowing = torch.from_numpy(optimal_q(model, 0.5))
    knowing[:3, 0] += 0.1
    with torch.no_grad():
        a.online.params["advantage.weight"].copy_(torch.stack([knowing, torch.zeros_like(knowing)]))
    exact = ExactRecorder(a, model, 5)
    for record in learn(a):
        exact.observe(record)
    first, second = (exact.table(lane, GRID, "dqn", lane).to_pylist() for lane in (0, 1))
    assert [row["global_step"] for row in first] == [5, 10]
    assert first[0]["states"] == 3
    assert first[0]["q_error_max"] == pytest.approx(0.1)
    assert first[0]["q_error_mean"] == pytest.approx(0.1 * 3 / 12)
    assert first[0]["overestimation"] == pytest.approx((0 + 0 + 0) / 3, abs=1e-6)
    assert first[0]["regret"] == pytest.approx(0, abs=1e-9)
    assert second[0]["q_error_max"] == pytest.approx(1.0)
    assert second[0]["overestimation"] == pytest.approx(-(0.49 + 1 + 1) / 3)
    assert second[0]["regret"] == pytest.approx(0.49 + 0.01 / (1 - 0.5))  # 0.01 is paid for ever


def test_a_world_has_a_model_and_another_environment_has_none() -> None:
    model = model_of(GRID, {"size": 3})
    assert model is not None
    np.testing.assert_array_equal(model.transitions, grid(3).model().transitions)
    assert model_of("CartPole-v1", {}) is None


def test_the_oracle_changes_no_training_bit_and_is_the_same_alone(tmp_path: Path) -> None:
    train(job(tmp_path / "blind", {"probe_every": 0, "eval_every": 0}), lambda steps: None)
    train(job(tmp_path / "watched", {"probe_every": 50, "eval_every": 0}), lambda steps: None)
    train(job(tmp_path / "alone", {"probe_every": 50, "eval_every": 0}, seeds=1), lambda steps: None)
    assert len(series(tmp_path / "blind", "episodes")) == 3
    assert series(tmp_path / "blind", "episodes") == series(tmp_path / "watched", "episodes")
    assert series(tmp_path / "blind", "exact") == []
    assert series(tmp_path / "alone", "exact")[0] == series(tmp_path / "watched", "exact")[0]


def test_what_is_stored_has_the_schema_and_stands(tmp_path: Path) -> None:
    train(job(tmp_path, {"probe_every": 100, "eval_every": 0}), lambda steps: None)
    run = next(tmp_path.glob("runs/*/*/seed-0000-*"))
    table = pq.read_table(run / "exact.parquet")
    assert table.schema.equals(store.EXACT)
    assert table["global_step"].to_pylist() == [100, 200, 300]
    assert set(table["states"].to_pylist()) == {24}
    assert store.inspect(run).is_valid


@pytest.mark.parametrize(("env_id", "gamma"), [("CartPole-v1", 0.99), (GRID, 1.0)])
def test_without_exact_values_nothing_is_stored(tmp_path: Path, env_id: str, gamma: float) -> None:
    train(job(tmp_path, {"probe_every": 100, "eval_every": 0}, env_id, 1, gamma=gamma), lambda steps: None)
    assert len(series(tmp_path, "probes")) == 1
    assert series(tmp_path, "exact") == []
