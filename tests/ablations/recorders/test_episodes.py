"""Episodes as they are recorded: one row per finished episode, in the stored schema."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ablations.dqn.types import StepRecord
from ablations.envs.gym import Steps
from ablations.recorders.episodes import EpisodeRecorder
from ablations.store import EPISODES


def record(
    step: int, reward: list[float], terminated: list[int], truncated: list[int], epsilon: float = 0.5
) -> StepRecord:
    """An environment step of two lanes."""
    steps = Steps(
        next_obs=np.zeros((2, 1), np.float32),
        reward=np.array(reward),
        terminated=np.array(terminated, bool),
        truncated=np.array(truncated, bool),
    )
    return StepRecord(step, epsilon, steps, ())


@pytest.fixture
def recorder() -> EpisodeRecorder:
    """Lane 0 ends at 2 (terminated) and 4 (truncated); lane 1 at 3, both flags set; both are cut off at 5."""
    found = EpisodeRecorder(2)
    found.observe(record(1, [1.0, 0.5], [0, 0], [0, 0]))
    found.observe(record(2, [2.0, 0.25], [1, 0], [0, 0], epsilon=0.75))
    found.observe(record(3, [4.0, -1.0], [0, 1], [0, 1], epsilon=0.3))
    found.observe(record(4, [8.0, 7.0], [0, 0], [1, 0], epsilon=0.25))
    found.observe(record(5, [16.0, 7.0], [0, 0], [0, 0]))
    return found


def test_a_finished_episode_is_a_row_of_its_lane(recorder: EpisodeRecorder) -> None:
    assert recorder.rows == [
        [(2, 3.0, 2, True, False, 0.75), (4, 12.0, 2, False, True, 0.25)],
        [(3, -0.25, 3, True, True, 0.3)],
    ]


def test_the_episode_that_the_budget_cut_is_kept_apart(recorder: EpisodeRecorder) -> None:
    assert recorder.unfinished(0) == {"length": 1, "return": 16.0}
    assert recorder.unfinished(1) == {"length": 2, "return": 14.0}


def test_the_table_has_the_stored_schema_column_by_column(recorder: EpisodeRecorder) -> None:
    table = recorder.table(0, "CartPole-v1", "dqn", 7)
    assert table.schema.equals(EPISODES)
    assert table.to_pylist() == [
        {
            "env_id": "CartPole-v1", "variant": "dqn", "seed": 7, "episode": 0, "global_step": 2,
            "episodic_return": 3.0, "episodic_length": 2, "terminated": True, "truncated": False, "epsilon": 0.75,
        },
        {
            "env_id": "CartPole-v1", "variant": "dqn", "seed": 7, "episode": 1, "global_step": 4,
            "episodic_return": 12.0, "episodic_length": 2, "terminated": False, "truncated": True, "epsilon": 0.25,
        },
    ]  # fmt: skip


def test_a_run_without_a_finished_episode_has_an_empty_table_of_the_same_schema() -> None:
    table = EpisodeRecorder(1).table(0, "CartPole-v1", "dqn", 0)
    assert table.num_rows == 0
    assert table.schema.equals(EPISODES)
    assert pa.concat_tables([table, table]).num_rows == 0


def test_returns_add_up_in_float64() -> None:
    recorder = EpisodeRecorder(2)
    for step in range(1, 1001):
        recorder.observe(record(step, [0.1, 1e-9], [step == 1000, 0], [0, step == 1000]))
    assert recorder.rows[0][0][1] == pytest.approx(100.0, abs=1e-10)
    assert recorder.rows[1][0][1] == pytest.approx(1e-6, rel=1e-10)


def test_the_largest_seed_fits_its_column() -> None:
    recorder = EpisodeRecorder(2)
    recorder.observe(record(1, [0.0, 0.0], [1, 1], [0, 0]))
    for seed in (0, 2**31, 2**53):
        assert recorder.table(0, "CartPole-v1", "dqn", seed)["seed"].to_pylist() == [seed]
