"""What becomes of cohorts whose worker ended early, whatever engine carried them out.

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
"""What the manifest of a run says that could not be finished, by how its process ended."""


class NotWritten(Exception):
    """Results could not be stored; the text names the file and the need."""


def carry_out(
    engine: Executor,
    tasks: Sequence[Task],
    folder: Path,
    advance: Callable[[int], None],
    note: Callable[[str], None],
) -> None:
    """Carry out cohorts to their end: afterwards each run has a result or a recorded attempt. Raises ``NotWritten``."""
    while tasks:
        again: list[Task] = []
        for ended in engine.run(tasks, advance):
            if ended.status == "unwritten":
                raise NotWritten(ended.cause)
            again += _after(ended, folder, advance, note)
        tasks = again


def _after(
    ended: TaskResult, folder: Path, advance: Callable[[int], None], note: Callable[[str], None]
) -> list[Task]:
    """The tasks to carry out next because of how one ended: none, the same again, or its halves."""
    job = ended.task["job"]
    lanes = job["lanes"]
    for text in ended.result or []:
        note(text)
    lost = [lane for lane in lanes if not _recorded(folder, lane, note)]
    if not lost:
        return []
    advance(-(ended.steps * len(lost) // len(lanes)))
    why = "its worker left no result" if ended.done else ended.why
    name = _name(job, lost)
    first = ended.task.get("tried", 0) == 0
    if first and ended.status != "memory":
        note(f"{name}: {why}; trying again")
        return [_task(ended.task, lost)]
    if len(lost) > 1:
        note(f"{name}: {why}; trying in halves, to find the run that does it")
        middle = len(lost) // 2
        return [_task(ended.task, half) for half in (lost[:middle], lost[middle:])]
    note(f"{lost[0]['path']}: {STATUS[ended.status]}: {why}")
    _record(ended, why, folder, lost[0])
    return []


def _recorded(folder: Path, lane: dict[str, Any], note: Callable[[str], None]) -> bool:
    """Has this attempt at a run left a whole record of it? Tells of an environment that raised."""
    standing = store.inspect(folder / lane["path"], lane["key"])
    if standing.manifest is None or standing.state == "damaged":
        return False
    whole = standing.is_valid or standing.manifest.get("attempts") == lane["attempts"]
    if whole and standing.state == "failed":
        error = standing.manifest["error"]
        note(f"{lane['path']}: failed: {error['type']}: {error['message']}")
    return whole


def _task(task: Task, lanes: Sequence[dict[str, Any]]) -> Task:
    """The task for some of its runs, as their next attempt."""
    next_lanes = [{**lane, "attempts": lane["attempts"] + 1} for lane in lanes]
    return {**task, "job": {**task["job"], "lanes": next_lanes}, "tried": task.get("tried", 0) + 1}


def _name(job: dict[str, Any], lanes: Sequence[dict[str, Any]]) -> str:
    seeds = [str(lane["config"]["seed"]) for lane in lanes]
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds from {seeds[0]} to {seeds[-1]}"
    return f"{lanes[0]['config']['env_id']} {job['label']}, {which}"


def _record(ended: TaskResult, why: str, folder: Path, lane: dict[str, Any]) -> None:
    """Store that a run's process ended before the run did."""
    job = ended.task["job"]
    manifest = {
        "status": STATUS[ended.status],
        "key": lane["key"],
        "config": lane["config"],
        "label": job["label"],
        "steps": None,
        "unfinished": None,
        "diverged_at": None,
        "error": {
            "type": "died" if ended.done else ended.status,
            "message": why,
            "signal": ended.signal or None,
            "exit_code": ended.exit_code,
            "traceback": without_folders(ended.log).splitlines()[-LOG_LINES:],
        },
        "attempts": lane["attempts"],
        "git": job["git"],
        "lanes": 1,
    }
    store.write_run(folder, lane["path"], manifest, {})
