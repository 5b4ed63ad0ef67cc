"""Episodes as they are recorded: one row per finished episode, in the stored schema."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ablations import engines
from ablations.dqn.learner import learn
from ablations.dqn.types import StepRecord
from ablations.dqn.variants import DQN
from ablations.engines.cuda.tensors import Tensors
from ablations.envs.gym import Steps
from ablations.envs.namespace import NUMPY, Namespace
from ablations.recorders import episodes
from ablations.recorders.episodes import EpisodeRecorder
from ablations.store import EPISODES
from tests import configured
from tests.on_engines import ENGINES, put_on_cpu_tensors


@pytest.fixture(params=[NUMPY, Tensors("cpu")], ids=["arrays", "tensors"])
def xp(request: pytest.FixtureRequest) -> Any:
    """Where steps are noted."""
    return request.param


def record(
    xp: Namespace,
    step: int,
    reward: list[float],
    terminated: list[int],
    truncated: list[int],
    epsilon: float = 0.5,
) -> StepRecord:
    """An environment step of two lanes."""
    ended, cut = (xp.constant(flags) > 0 for flags in (terminated, truncated))
    return StepRecord(step, epsilon, Steps(None, xp.constant(reward), ended, cut), ())


@pytest.fixture
def recorder(xp: Namespace) -> EpisodeRecorder:
    """Lane 0 ends at 2 (terminated) and 4 (truncated); lane 1 at 3, both flags set; both are cut off at 5."""
    found = EpisodeRecorder(2, xp)
    found.observe(record(xp, 1, [1.0, 0.5], [0, 0], [0, 0]))
    found.observe(record(xp, 2, [2.0, 0.25], [1, 0], [0, 0], epsilon=0.75))
    found.observe(record(xp, 3, [4.0, -1.0], [0, 1], [0, 1], epsilon=0.3))
    found.observe(record(xp, 4, [8.0, 7.0], [0, 0], [1, 0], epsilon=0.25))
    found.observe(record(xp, 5, [16.0, 7.0], [0, 0], [0, 0]))
    return found


def test_a_finished_episode_is_a_row_of_its_lane(recorder: EpisodeRecorder) -> None:
    assert recorder.rows(0).tolist() == [(2, 3.0, 2, True, False, 0.75), (4, 12.0, 2, False, True, 0.25)]
    assert recorder.rows(1).tolist() == [(3, -0.25, 3, True, True, 0.3)]


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


def test_returns_are_summed_one_by_one_in_float64(xp: Namespace) -> None:
    """Over several chunks; the last bits are those of a plain sum from the first step to the last."""
    recorder, totals = EpisodeRecorder(2, xp), [0.0, 0.0]
    for step in range(1, 1301):
        reward = [0.1, step * 1e-9]
        totals = [total + each for total, each in zip(totals, reward, strict=True)]
        recorder.observe(record(xp, step, reward, [step == 1300, 0], [0, step == 1300]))
    for lane in range(2):
        ((_, total, length, *_),) = recorder.rows(lane).tolist()
        assert (total, length) == (totals[lane], 1300)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("noted", [1, 7 * 3, 2**22])
def test_episodes_are_those_that_a_look_at_each_step_finds_however_many_are_read_at_once(
    engine: str, noted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_cpu_tensors(engine, monkeypatch)
    monkeypatch.setattr(episodes, "MOST_NOTES", noted)
    envs = engines.of(engine).lanes("CartPole-v1", {}, 0, range(3))
    numbers: dict[str, Any] = {
        "total_timesteps": 200,
        "learning_starts": 190,
        "epsilon_schedule": "exponential",
        "start_e": 0.9,
    }
    recorder, expected = EpisodeRecorder(3, envs.xp), [[] for _ in range(3)]  # type: ignore[var-annotated]
    began, totals = [0] * 3, [0.0] * 3
    for each in learn(configured.learner(DQN, envs, range(3), engine, hidden=(8,), batch_size=8, **numbers)):
        recorder.observe(each)
        for lane, (gained, ended, cut) in enumerate(zip(*(x.tolist() for x in each.steps[1:]), strict=True)):
            totals[lane] += gained
            if ended or cut:
                length = each.step - began[lane]
                expected[lane].append((each.step, totals[lane], length, ended, cut, each.epsilon))
                began[lane], totals[lane] = each.step, 0.0
        if each.step in (20, 150):
            assert recorder.rows(2).tolist() == expected[2]
    for lane in range(3):
        assert recorder.rows(lane).tolist() == expected[lane]
        assert recorder.unfinished(lane) == {"length": 200 - began[lane], "return": totals[lane]}
    assert min(map(len, expected)) > 2


def test_a_recorder_goes_on_from_its_state_with_some_of_the_lanes(xp: Namespace) -> None:
    rng = np.random.default_rng(0)
    steps = [(rng.random(2).tolist(), *(rng.random((2, 2)) < 0.2)) for _ in range(60)]
    whole = EpisodeRecorder(2, xp)
    for step, each in enumerate(steps, start=1):
        whole.observe(record(xp, step, *each))
        if step == 25:
            state = {name: np.array(number)[[1, 1]] for name, number in whole.state().items()}
    again = EpisodeRecorder(2, xp)
    again.restore(state)
    for step, (reward, ended, cut) in list(enumerate(steps, start=1))[25:]:
        again.observe(record(xp, step, [reward[1]] * 2, [ended[1]] * 2, [cut[1]] * 2))
    for lane in range(2):
        assert again.rows(lane).tolist() == whole.rows(1).tolist()
        assert again.unfinished(lane) == whole.unfinished(1)
    assert len(whole.rows(0)) > 10


def test_the_largest_seed_fits_its_column() -> None:
    recorder = EpisodeRecorder(2)
    recorder.observe(record(NUMPY, 1, [0.0, 0.0], [1, 1], [0, 0]))
    for seed in (0, 2**31, 2**53):
        assert recorder.table(0, "CartPole-v1", "dqn", seed)["seed"].to_pylist() == [seed]
