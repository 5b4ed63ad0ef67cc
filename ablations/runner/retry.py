"""Retries of cohorts whose worker ended early, whatever executor carried them out.

A cohort whose process died or hung is tried once more, in case the machine was to blame, and is then halved until the
guilty run is alone: only that one is lost, and recorded. One that ate memory is halved at once: the same again would
end the same way, and fewer runs together need less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ablations import store
from ablations.runner.executors import Executor, Task, TaskResult
from ablations.store.paths import without_folders

LOG_LINES = 60
STATUS = {"done": "died", "died": "died", "memory": "died", "timeout": "timeout"}
"""The status of a run that could not be finished, by how its process ended."""


def carry_out(
    executor: Executor,
    tasks: Sequence[Task],
    folder: Path,
    advance: Callable[[int], None],
    note: Callable[[str], None],
) -> None:
    """Carry out cohorts to their end: afterwards each run has a result or a recorded attempt. Raises OSError."""
    while tasks:
        again: list[Task] = []
        for task_result in executor.run(tasks, advance):
            if task_result.status == "unwritten":
                raise OSError(task_result.cause)
            again += _next_tasks(task_result, folder, advance, note)
        tasks = again


def _next_tasks(
    task_result: TaskResult, folder: Path, advance: Callable[[int], None], note: Callable[[str], None]
) -> list[Task]:
    """The tasks to carry out next because of how one ended: none, the same again, or its halves."""
    job = task_result.task["job"]
    lanes = job["lanes"]
    for text in task_result.result or []:
        note(text)
    stored = [_stored_steps(folder, lane, note) for lane in lanes]
    lost = [lane for lane, steps in zip(lanes, stored, strict=True) if steps is None]
    if not task_result.done:  # what it has stored counts whole, whatever it still told
        whole = sum(steps for steps in stored if steps is not None)
        advance(whole - task_result.steps * (len(lanes) - len(lost)) // len(lanes))
    if not lost:
        return []
    advance(-(task_result.steps * len(lost) // len(lanes)))
    reason = "its worker left no result" if task_result.done else task_result.reason
    which = _description(job, lost)
    first = task_result.task.get("tried", 0) == 0
    if first and task_result.status != "memory":
        note(f"{which}: {reason}; trying again")
        return [_task(task_result.task, lost)]
    if len(lost) > 1:
        note(f"{which}: {reason}; trying in halves, to find the run that does it")
        middle = len(lost) // 2
        return [_task(task_result.task, half) for half in (lost[:middle], lost[middle:])]
    note(f"{lost[0]['path']}: {STATUS[task_result.status]}: {reason}")
    _record(task_result, reason, folder, lost[0])
    return []


def _stored_steps(folder: Path, lane: dict[str, Any], note: Callable[[str], None]) -> int | None:
    """The environment steps of this attempt at a run; None unless it has left a whole record of it.

    Notes an environment that raised.
    """
    status = store.inspect(folder / lane["path"], lane["key"])
    if status.manifest is None or status.state == "damaged":
        return None
    if not status.is_valid and status.manifest.get("attempts") != lane["attempts"]:
        return None
    if status.state == "failed":
        error = status.manifest["error"]
        note(f"{lane['path']}: failed: {error['type']}: {error['message']}")
    return int(status.manifest.get("steps") or 0) - int(lane.get("done", 0))


def _task(task: Task, lanes: Sequence[dict[str, Any]]) -> Task:
    """The task for some of its runs, as their next attempt."""
    next_lanes = [{**lane, "attempts": lane["attempts"] + 1} for lane in lanes]
    return {**task, "job": {**task["job"], "lanes": next_lanes}, "tried": task.get("tried", 0) + 1}


def _description(job: dict[str, Any], lanes: Sequence[dict[str, Any]]) -> str:
    seeds = [str(lane["config"]["seed"]) for lane in lanes]
    which_seeds = (
        f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {seeds[0]} to {seeds[-1]}"
    )
    return f"{lanes[0]['config']['env_id']} {job['label']}, {which_seeds}"


def _record(task_result: TaskResult, reason: str, folder: Path, lane: dict[str, Any]) -> None:
    """Commit that a run's process ended before the run did."""
    job = task_result.task["job"]
    manifest = {
        "status": STATUS[task_result.status],
        "key": lane["key"],
        "config": lane["config"],
        "label": job["label"],
        "steps": None,
        "unfinished": None,
        "diverged_at": None,
        "error": {
            "type": "died" if task_result.done else task_result.status,
            "message": reason,
            "signal": task_result.signal,
            "exit_code": task_result.exit_code,
            "traceback": without_folders(task_result.log).splitlines()[-LOG_LINES:],
        },
        "attempts": lane["attempts"],
        "git": job["git"],
        "lanes": 1,
    }
    store.write_run(folder, lane["path"], manifest, {})
