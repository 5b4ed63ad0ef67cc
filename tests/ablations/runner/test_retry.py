"""Cohorts whose worker ended early: tried once more, then halved, so that only the guilty run is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ablations import store
from ablations.runner import retry
from ablations.runner.executors import Task, TaskResult

ENV = "CartPole-v1"


class Deadly:
    """An executor without processes, whose work ends in a given way whenever a guilty seed is part of it."""

    jobs = 1

    def __init__(self, folder: Path, guilty: set[int], how: dict[str, Any], times: int = 99) -> None:
        self.folder, self.guilty, self.how, self.times = folder, guilty, how, times
        self.tried: list[list[int]] = []  # the seeds of each attempt, in order

    def run(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[TaskResult]:
        for task in tasks:
            lanes = task["job"]["lanes"]
            seeds = [lane["config"]["seed"] for lane in lanes]
            self.tried.append(seeds)
            advance(100 * len(lanes))
            if self.guilty & set(seeds) and self.times:
                self.times -= 1
                yield TaskResult(task, steps=100 * len(lanes), **self.how)
                continue
            for lane in lanes:
                self.commit(lane)
            yield TaskResult(task, "done", steps=100 * len(lanes))

    def commit(self, lane: dict[str, Any]) -> None:
        manifest = {name: lane[name] for name in ("key", "config", "attempts")}
        empty = {"episodes": store.EPISODES.empty_table()}
        store.write_run(
            self.folder, lane["path"], {"status": "ok", "label": "dqn", "steps": 100, **manifest}, empty
        )

    def stop(self) -> None:
        """Nothing runs."""


def cohort(seeds: Sequence[int], before: int = 0) -> Task:
    lanes = []
    for seed in seeds:
        config = {"env_id": ENV, "seed": seed}
        key = store.key_of(config)
        path = store.run_path(ENV, "dqn", seed, key)
        lanes.append({"path": path, "key": key, "config": config, "attempts": before + 1})
    return {"kind": "cohort", "job": {"label": "dqn", "lanes": lanes, "git": {}}}


def carried_out(executor: Deadly, *tasks: Task) -> tuple[dict[int, store.RunStatus], list[str], int]:
    """The status of every seed, the notes, and the lane-steps that count as done."""
    told: list[str] = []
    steps: list[int] = []
    retry.carry_out(executor, tasks, executor.folder, steps.append, told.append)
    lanes = [lane for task in tasks for lane in task["job"]["lanes"]]
    states = {
        lane["config"]["seed"]: store.inspect(executor.folder / lane["path"], lane["key"]) for lane in lanes
    }
    return states, told, sum(steps)


DIED = {"status": "died", "signal": "SIGKILL", "log": "last\nwords"}


@pytest.mark.parametrize("guilty", range(6))
def test_only_the_run_that_kills_its_worker_is_lost(tmp_path: Path, guilty: int) -> None:
    executor = Deadly(tmp_path, {guilty}, DIED)
    states, told, steps = carried_out(executor, cohort(range(6)))
    assert {seed: each.state for seed, each in states.items()} == {
        seed: "died" if seed == guilty else "ok" for seed in range(6)
    }
    assert executor.tried[:2] == [list(range(6))] * 2
    assert executor.tried[2:4] == [[0, 1, 2], [3, 4, 5]]
    assert steps == 5 * 100
    manifest = states[guilty].manifest
    assert manifest is not None
    assert manifest["error"]["message"] == "signal SIGKILL"
    assert manifest["error"]["signal"] == "SIGKILL"
    assert manifest["error"]["traceback"] == ["last", "words"]
    assert manifest["attempts"] == len([seeds for seeds in executor.tried if guilty in seeds])
    assert f"seed-{guilty:04d}" in told[-1]


def test_a_worker_that_died_once_costs_no_run(tmp_path: Path) -> None:
    executor = Deadly(tmp_path, {0}, DIED, times=1)
    states, told, steps = carried_out(executor, cohort(range(3), before=4), cohort([7, 8]))
    assert all(each.state == "ok" for each in states.values())
    assert executor.tried == [[0, 1, 2], [7, 8], [0, 1, 2]]
    assert [states[seed].manifest["attempts"] for seed in (0, 7)] == [6, 1]  # type: ignore[index]
    assert "trying again" in told[0]
    assert steps == 5 * 100


def test_several_guilty_runs_are_all_found(tmp_path: Path) -> None:
    states, _, _ = carried_out(Deadly(tmp_path, {1, 2, 7}, DIED), cohort(range(10)))
    assert {seed for seed, each in states.items() if each.state == "died"} == {1, 2, 7}


def test_a_cohort_that_hangs_is_recorded_as_a_timeout(tmp_path: Path) -> None:
    how = {"status": "timeout", "signal": "SIGTERM", "cause": "no progress for 5 seconds"}
    states, _, _ = carried_out(Deadly(tmp_path, {1}, how), cohort(range(3)))
    assert [states[seed].state for seed in range(3)] == ["ok", "timeout", "ok"]
    assert "no progress" in states[1].manifest["error"]["message"]  # type: ignore[index]


def test_a_cohort_that_eats_memory_is_halved_without_a_second_try(tmp_path: Path) -> None:
    executor = Deadly(tmp_path, {1}, {"status": "memory", "cause": "resident size 5 GiB"})
    states, _, _ = carried_out(executor, cohort(range(4)))
    assert executor.tried == [[0, 1, 2, 3], [0, 1], [2, 3], [0], [1]]
    assert [states[seed].state for seed in range(4)] == ["ok", "died", "ok", "ok"]
    assert states[1].manifest["error"]["type"] == "memory"  # type: ignore[index]


def test_a_worker_that_claims_to_be_done_without_a_result_counts_as_died(tmp_path: Path) -> None:
    states, _, _ = carried_out(Deadly(tmp_path, {0}, {"status": "done"}), cohort([0, 1]))
    assert [states[seed].state for seed in (0, 1)] == ["died", "ok"]


def test_what_a_dying_worker_has_stored_is_kept_and_not_tried_again(tmp_path: Path) -> None:
    executor = Deadly(tmp_path, {1}, DIED)
    task = cohort(range(3))
    executor.commit(task["job"]["lanes"][0])
    states, _, _ = carried_out(executor, task)
    assert [states[seed].state for seed in range(3)] == ["ok", "died", "ok"]
    assert executor.tried == [[0, 1, 2], [1, 2], [1], [2]]


def test_results_that_cannot_be_written_end_everything_with_the_reason(tmp_path: Path) -> None:
    executor = Deadly(tmp_path, {0}, {"status": "unwritten", "cause": "x.parquet: No space left on device"})
    with pytest.raises(OSError, match="No space left"):
        carried_out(executor, cohort([0, 1]))
    assert executor.tried == [[0, 1]]


@pytest.mark.parametrize(
    ("task_result", "reason"),
    [
        ({"exit_code": 0}, "exit code 0 without a result"),
        ({"exit_code": 7}, "exit code 7"),
        ({"signal": "SIGSEGV"}, "signal SIGSEGV"),
        ({"exit_code": 1, "cause": "lost"}, "lost"),
    ],
)
def test_a_task_result_has_a_reason_in_words(task_result: dict[str, Any], reason: str) -> None:
    assert TaskResult({}, "died", **task_result).reason == reason
