"""Probes and evaluations: what they measure, and that looking on changes no bit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from ablations import store
from ablations.dqn.learner import Learner, learn
from ablations.dqn.variants import NAMED
from ablations.envs.gym import GymLanes
from ablations.recorders.evaluations import EvaluationRecorder
from ablations.recorders.probes import ProbeRecorder, dormant_share, effective_rank, probe_states
from ablations.runner.cohort import train
from ablations.runner.tasks import CohortJob
from ablations.studies import load
from tests import configured

SMALL: dict[str, Any] = {
    "total_timesteps": 300,
    "learning_starts": 50,
    "batch_size": 8,
    "hidden": (16, 8),
    "buffer_size": 100,
}


def learner(name: str = "dqn", seeds: tuple[int, ...] = (0, 1), **settings: Any) -> Learner:
    lanes = GymLanes("CartPole-v1", {}, 0, seeds)
    return configured.learner(NAMED[name].variant, lanes, seeds, **{**SMALL, **settings})


def test_a_unit_is_dormant_when_it_is_far_below_the_mean_of_its_layer() -> None:
    lively = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])  # (L = 1, N = 2, width 2)
    sleepy = torch.tensor([[[4.0, 0.05], [0.0, 0.05]]])  # means 2 and 0.05: 0.05 / 1.025 > 0.025
    asleep = torch.tensor([[[4.0, 0.02], [0.0, 0.02]]])  # 0.02 / 1.01 < 0.025
    assert dormant_share([lively]).tolist() == [0.0]
    assert dormant_share([sleepy]).tolist() == [0.0]
    assert dormant_share([asleep]).tolist() == [0.5]
    assert dormant_share([lively, asleep]).tolist() == [0.25]


def test_a_layer_of_zeros_is_dormant_throughout() -> None:
    assert dormant_share([torch.zeros(1, 3, 4)]).tolist() == [1.0]


def test_the_effective_rank_counts_singular_values_up_to_99_percent() -> None:
    flat = torch.diag(torch.tensor([1.0, 1.0, 1.0, 1.0]))
    steep = torch.diag(torch.tensor([100.0, 0.5, 0.3, 0.2]))  # 100 / 101 > 0.99
    edge = torch.diag(torch.tensor([90.0, 9.5, 0.5, 0.0]))  # 90 + 9.5 of 100
    broken = torch.full((4, 4), math.nan)
    ranks = effective_rank(torch.stack([flat, steep, edge, broken]))
    np.testing.assert_array_equal(ranks, [4, 1, 2, math.nan])


def test_probe_states_belong_to_a_seed_and_not_to_a_variant() -> None:
    (first, other), failures = probe_states("CartPole-v1", {}, 0, [3, 4], fast=False)
    assert first.shape == (128, 4)
    assert not failures
    np.testing.assert_array_equal([first], probe_states("CartPole-v1", {}, 0, [3], fast=False)[0])
    assert not np.array_equal(first, other)
    assert (np.abs(first[:, 2]) < 0.2095).all()  # no pole has fallen in any of them


def test_a_row_tells_what_the_networks_say_at_its_step() -> None:
    a = learner()
    probes = ProbeRecorder(a, "CartPole-v1", {}, 100)
    before = None
    for record in learn(a):
        probes.observe(record)
        if record.step == 199:
            before = a.q(probes.states).argmax(-1)[1]
        if record.step == 200:
            break
    row = probes.table(1, "CartPole-v1", "dqn", 1).to_pylist()[-1]
    q = a.q(probes.states)[1]
    assert before is not None
    assert row["global_step"] == 200
    assert row["updates"] == 151
    assert row["q_mean"] == pytest.approx(q.mean().item(), rel=1e-5)
    assert (row["q_min"], row["q_max"]) == (q.min().item(), q.max().item())
    assert row["action_gap"] == pytest.approx((q[:, 0] - q[:, 1]).abs().mean().item(), rel=1e-5)
    assert row["churn"] == (q.argmax(-1) != before).double().mean().item()
    difference = (a.online.flat[1] - a.target_params[1]).norm() / a.online.flat[1].norm()
    assert row["target_lag"] == pytest.approx(difference.item(), rel=1e-5)
    assert row["per_health"] == 1.0
    stored = torch.as_tensor(a.memory.state()["rows"])[1, :, 2 * 4 + 2]  # discounts
    assert row["terminal_share"] == (stored == 0).double().mean().item()


def test_the_largest_q_is_of_the_batches_since_the_previous_row() -> None:
    a = learner()
    probes = ProbeRecorder(a, "CartPole-v1", {}, 100)
    seen: list[list[float]] = [[], [], []]
    for record in learn(a):
        for update in record.updates:
            seen[(record.step - 1) // 100].append(float(update.q[0].abs().max()))
        probes.observe(record)
    rows = probes.table(0, "CartPole-v1", "dqn", 0).to_pylist()
    assert [row["batch_q_abs_max"] for row in rows] == [max(each) for each in seen]


def test_without_an_update_there_is_no_churn_no_loss_and_no_largest_q() -> None:
    a = learner(total_timesteps=40)
    probes = ProbeRecorder(a, "CartPole-v1", {}, 20)
    for record in learn(a):
        probes.observe(record)
    for row in probes.table(0, "CartPole-v1", "dqn", 0).to_pylist():
        assert all(math.isnan(row[name]) for name in ("churn", "loss", "gradient_norm", "batch_q_abs_max"))
        assert not math.isnan(row["q_mean"])


def test_without_a_hidden_layer_no_unit_is_dormant_and_the_observations_are_the_features() -> None:
    a = learner(total_timesteps=100, hidden=())
    probes = ProbeRecorder(a, "CartPole-v1", {}, 100)
    for record in learn(a):
        probes.observe(record)
    for lane in (0, 1):
        (row,) = probes.table(lane, "CartPole-v1", "dqn", lane).to_pylist()
        assert math.isnan(row["dormant_share"])
        assert 1 <= row["effective_rank"] <= 4


def test_the_target_lag_without_a_target_network_is_zero() -> None:
    a = learner("no-target")
    probes = ProbeRecorder(a, "CartPole-v1", {}, 300)
    for record in learn(a):
        probes.observe(record)
    assert probes.table(0, "CartPole-v1", "no-target", 0)["target_lag"].to_pylist() == [0.0]


def test_prioritised_weights_that_differ_lower_the_health_of_the_batch() -> None:
    a = learner("per")
    probes = ProbeRecorder(a, "CartPole-v1", {}, 300)
    for record in learn(a):
        probes.observe(record)
    (health,) = probes.table(0, "CartPole-v1", "per", 0)["per_health"].to_pylist()
    assert 1 / 8 <= health < 1


def test_evaluations_start_from_the_same_states_and_follow_the_greedy_policy() -> None:
    a = learner()
    evaluations = EvaluationRecorder(a, 150, 3)
    for record in learn(a):
        evaluations.observe(record)
    rows = evaluations.table(0, "CartPole-v1", "dqn", 0).to_pylist()
    assert [row["global_step"] for row in rows] == [150] * 3 + [300] * 3
    assert [row["start_seed"] for row in rows[:3]] == [row["start_seed"] for row in rows[3:]]
    for row in rows:  # every reward is 1: the discounted return is a geometric sum
        expected = sum(0.99**t for t in range(row["episodic_length"]))
        assert row["discounted_return"] == pytest.approx(expected)
        assert row["episodic_return"] == row["episodic_length"]
        assert row["tail_discount"] == (0.0 if row["terminated"] else 0.99 ** row["episodic_length"])

    env = GymLanes("CartPole-v1", {}, 0, [0]).envs[0]
    last = rows[-1]
    obs, _ = env.reset(seed=last["start_seed"])
    assert last["predicted_q"] == a.q(torch.from_numpy(obs).expand(2, 1, 4))[0].max().item()
    length, over = 0, False
    while not over:
        action = a.q(torch.from_numpy(obs).expand(2, 1, 4))[0].argmax().item()
        obs, _, terminated, truncated, _ = env.step(action)
        length, over = length + 1, terminated or truncated
    assert last["episodic_length"] == length


def job(folder: Path, record: dict[str, Any], seeds: int = 3, **more: Any) -> CohortJob:
    slots, settings = configured.split(SMALL)
    study = load.from_document(
        {
            "name": "watched",
            "envs": ["CartPole-v1"],
            "seeds": seeds,
            "variants": ["dqn"],
            "settings": settings,
            "slots": slots,
            "record": record,
        }
    )
    lanes = [{"path": r.path, "key": r.key, "config": dict(r.config), "attempts": 1} for r in study.runs()]
    return {"folder": str(folder), "label": "dqn", "weights": False, "lanes": lanes, "git": {}, **more}  # type: ignore[typeddict-item]


def series(folder: Path, name: str = "episodes") -> list[bytes]:
    return [p.read_bytes() for p in sorted(folder.glob(f"runs/*/*/seed-*/{name}.parquet"))]


def test_looking_on_changes_no_training_bit(tmp_path: Path) -> None:
    blind, watched = tmp_path / "blind", tmp_path / "watched"
    train(job(blind, {"probe_every": 0, "eval_every": 0}), lambda steps: None)
    train(job(watched, {"probe_every": 10, "eval_every": 25}), lambda steps: None)
    assert len(series(blind)) == 3
    assert series(blind) == series(watched)
    assert not series(blind, "probes")
    assert len(series(watched, "probes")) == len(series(watched, "evaluations")) == 3


def test_probes_and_evaluations_are_the_same_bits_alone_and_among_lanes(tmp_path: Path) -> None:
    record = {"probe_every": 50, "eval_every": 50}
    train(job(tmp_path / "five", record, seeds=5), lambda steps: None)
    train(job(tmp_path / "one", record, seeds=1), lambda steps: None)
    for name in ("probes", "evaluations"):
        assert series(tmp_path / "one", name)[0] == series(tmp_path / "five", name)[0]


def test_stored_tables_have_their_schemas(tmp_path: Path) -> None:
    train(job(tmp_path, {"probe_every": 50, "eval_every": 50, "eval_episodes": 2}), lambda steps: None)
    run = next(tmp_path.glob("runs/*/*/seed-0000-*"))
    for name, schema, rows in (("probes", store.PROBES, 6), ("evaluations", store.EVALUATIONS, 12)):
        table = pq.read_table(run / f"{name}.parquet")
        assert table.schema.equals(schema)
        assert table.num_rows == rows
    assert store.inspect(run).is_valid


def test_weights_are_plain_arrays_that_give_the_same_values_again(tmp_path: Path) -> None:
    train(job(tmp_path, {"probe_every": 300, "eval_every": 0}, weights=True), lambda steps: None)
    run = next(tmp_path.glob("runs/*/*/seed-0001-*"))
    arrays = np.load(run / "weights.npz", allow_pickle=False)
    assert {name: array.shape for name, array in arrays.items()} == {
        "trunk_0.weight": (4, 16),
        "trunk_0.bias": (16,),
        "trunk_1.weight": (16, 8),
        "trunk_1.bias": (8,),
        "advantage.weight": (8, 2),
        "advantage.bias": (2,),
    }
    ((h,), _) = probe_states("CartPole-v1", {}, 0, [1], fast=False)
    for name in ("trunk_0", "trunk_1"):
        h = np.maximum(h @ arrays[f"{name}.weight"] + arrays[f"{name}.bias"], 0)
    q = h @ arrays["advantage.weight"] + arrays["advantage.bias"]
    probed = pq.read_table(run / "probes.parquet")
    assert q.mean() == pytest.approx(probed["q_mean"][0].as_py(), rel=1e-5)
    assert "weights.npz" in json.loads((run / "manifest.json").read_text())["files"]
    assert store.inspect(run).is_valid
