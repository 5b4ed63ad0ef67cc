"""The Slurm executor: an array whose tasks are ``python -m ablations cohort``, each on any node that sees the folder.

A submission has a folder of its own, ``.grid/slurm/0001``: ``tasks.json``, the script ``array.sh``, a log for each
task, and what tasks report: ``<index>.steps`` while they work, ``<index>.ended`` when they have ended by
themselves, ``<index>.exit`` with the exit code of their process, written by the script. submitit only submits; nothing
is pickled. The queue is polled (``squeue``) for tasks that left it without a word.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ablations import store
from ablations.runner.executors import ExecutorConfig, ExecutorLost, Note, SubmittedByHand, Task, TaskResult
from ablations.runner.executors.local import LocalExecutor, read_log, signal_name

FOLDER = ".grid/slurm"
TASKS = "tasks.json"
SCRIPT = "array.sh"
JOB = "job.json"  # the array's number, while we wait for it
POLL_SECONDS = 0.5
QUEUE_SECONDS = 10.0  # between questions to the queue
MAX_ABSENCES = (
    3  # so often in a row a task must be missing in the queue, without a word from it: files arrive late
)


@dataclass
class _InFlight:
    """A task at work."""

    index: int  # in the array
    task: Task
    steps: int = 0
    last_progress: float | None = None  # when it last reported progress; None: it waits in the queue
    absent: int = 0  # looks in a row at which it seemed to have ended without a word


def executor(executor_config: ExecutorConfig, folder: Path, note: Note) -> SlurmArrayExecutor:
    """The executor of ``--executor slurm``."""
    return SlurmArrayExecutor(executor_config, folder, note)


class SlurmArrayExecutor:
    """Submits tasks as an array, and waits for what they leave in the folder."""

    def __init__(self, executor_config: ExecutorConfig, folder: Path, note: Note) -> None:
        self.executor_config, self.folder, self.note = executor_config, folder.resolve(), note
        self.jobs = executor_config.jobs or 1  # one: cohorts stay whole
        self.local = LocalExecutor(ExecutorConfig(jobs=1), folder / ".grid" / "logs")
        self.array: Any = None

    def run(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> Iterator[TaskResult]:
        """Submit and wait. Raises ``SubmittedByHand`` where the array can only be written, not submitted.

        What is no cohort takes seconds, and is done here.
        """
        yield from self.local.run([task for task in tasks if task["kind"] != "cohort"], advance)
        cohorts = [task for task in tasks if task["kind"] == "cohort"]
        if not cohorts:
            return
        if self._wait_for_earlier_arrays():
            yield from (TaskResult(task, "done") for task in cohorts if self._is_valid(task))
            cohorts = [task for task in cohorts if not self._is_valid(task)]
        if cohorts:
            place = self._write(cohorts)
            self._submit(place, len(cohorts))
            yield from self._wait(place, cohorts, advance)

    def stop(self) -> None:
        """Cancel what is at work."""
        self.local.stop()
        if self.array is not None:
            self.array.cancel(check=False)
            self.array = None

    # ---- submission ----

    def _write(self, tasks: Sequence[Task]) -> Path:
        """The folder of a new submission, with its tasks and its script."""
        top = self.folder / FOLDER
        numbers = [int(path.name) for path in top.glob("[0-9]*") if path.name.isdigit()]
        place = top / f"{max(numbers, default=0) + 1:04d}"
        place.mkdir(parents=True)
        store.write_atomic(place / TASKS, json.dumps(list(tasks)).encode("ascii"))
        store.write_atomic(place / SCRIPT, self._script(place, len(tasks)).encode())
        return place

    def _script(self, place: Path, count: int) -> str:
        at_once = f"%{self.executor_config.jobs}" if self.executor_config.jobs else ""
        flags = {
            "job-name": f"ablations-{self.folder.name}",
            "array": f"0-{count - 1}{at_once}",
            "cpus-per-task": "1",
            "output": f"{place}/%a.log",
        }
        if self.executor_config.memory is not None:
            flags["mem"] = f"{max(1, self.executor_config.memory >> 20)}M"
        ours = shlex.quote(str(place))
        return "\n".join(
            [
                "#!/bin/bash",
                *(f"#SBATCH --{name}={shlex.quote(value)}" for name, value in flags.items()),
                f"cd {shlex.quote(str(Path.cwd()))}",
                f"{shlex.quote(sys.executable)} -m ablations cohort {ours}/{TASKS} --index $SLURM_ARRAY_TASK_ID",
                "code=$?",
                f"echo $code > {ours}/.exit-$SLURM_ARRAY_TASK_ID",
                f"mv {ours}/.exit-$SLURM_ARRAY_TASK_ID {ours}/$SLURM_ARRAY_TASK_ID.exit",
                "exit $code",
                "",
            ]
        )

    def _submit(self, place: Path, count: int) -> None:
        script = place / SCRIPT
        missing = [name for name in ("sbatch", "srun") if shutil.which(name) is None]
        if missing or find_spec("submitit") is None:
            why = (
                f"there is no {missing[0]} here"
                if missing
                else "submitit is not installed: pip install submitit"
            )
            raise SubmittedByHand(
                f"an array of {count} tasks was written and not submitted, as {why}; submit it with: "
                f"sbatch {shlex.quote(str(script))}"
            )
        from submitit import SlurmExecutor

        class Array(SlurmExecutor):
            """Submits a script as it is."""

            def _make_submission_file_text(self, command: str, uid: str) -> str:
                return command

        try:
            self.array = Array(place)._submit_command(script.read_text())
        except Exception as problem:  # submitit raises what the command line said, in errors of its own
            raise ExecutorLost(f"sbatch refused the array: {_last_line(problem)}") from None
        store.write_atomic(place / JOB, json.dumps({"job_id": self.array.job_id}).encode("ascii"))
        self.note(f"submitted {count} tasks as array {self.array.job_id}; logs: {place}")

    # ---- waiting ----

    def _wait(
        self, place: Path, tasks: Sequence[Task], advance: Callable[[int], None]
    ) -> Iterator[TaskResult]:
        in_flight = [_InFlight(index, task) for index, task in enumerate(tasks)]
        queue_polled = time.monotonic()
        while in_flight:
            time.sleep(POLL_SECONDS)
            queue = None
            if time.monotonic() - queue_polled >= QUEUE_SECONDS:
                queue_polled, queue = time.monotonic(), queued(self.array.job_id)
            for flight in list(in_flight):
                self._read_progress(place, flight, advance)
                task_result = self._poll(place, flight, advance, queue)
                if task_result is not None:
                    in_flight.remove(flight)
                    yield task_result
        self.array = None
        (place / JOB).unlink(missing_ok=True)

    def _read_progress(self, place: Path, flight: _InFlight, advance: Callable[[int], None]) -> None:
        """Read how far a task is."""
        now = _number(place / f"{flight.index}.steps")
        if now is not None and (flight.last_progress is None or now > flight.steps):
            advance(now - flight.steps)
            flight.steps, flight.last_progress = now, time.monotonic()

    def _poll(
        self, place: Path, flight: _InFlight, advance: Callable[[int], None], queue: set[int] | None
    ) -> TaskResult | None:
        """The result of a task that has ended, by its report, its exit code, or its absence from the queue."""
        report = store.json_or_empty(place / f"{flight.index}.ended")
        log = place / f"{flight.index}.log"
        if report:
            advance(report["steps"] - flight.steps)
            status, result = report["status"], report["result"]
            return TaskResult(
                flight.task, status, result, report["steps"], cause=report["cause"], log=read_log(log)
            )
        timeout = self.executor_config.timeout
        if (
            timeout is not None
            and flight.last_progress is not None
            and time.monotonic() - flight.last_progress >= timeout
        ):
            self._cancel(flight.index)
            cause = f"no progress for {timeout:g} seconds"
            return TaskResult(flight.task, "timeout", None, flight.steps, cause=cause, log=read_log(log))
        code = _number(place / f"{flight.index}.exit")
        if code is not None or (queue is not None and flight.index not in queue):
            flight.absent += 1
        elif queue is not None:
            flight.absent = 0
        if flight.absent < MAX_ABSENCES:
            return None
        signal = signal_name(code - 128) if code is not None and code > 128 else None
        return TaskResult(
            flight.task,
            "died",
            None,
            flight.steps,
            exit_code=None if signal else code,
            signal=signal,
            cause="it left the queue without a word" if code is None else None,
            log=read_log(log),
        )

    def _cancel(self, index: int) -> None:
        subprocess.run(["scancel", f"{self.array.job_id}_{index}"], capture_output=True, check=False)

    def _wait_for_earlier_arrays(self) -> bool:
        """Wait for arrays of a driver that was killed, which go on. True where there was one."""
        waited = False
        for path in sorted((self.folder / FOLDER).glob(f"*/{JOB}")):
            job_id = store.json_or_empty(path).get("job_id")
            while isinstance(job_id, str) and queued(job_id):
                if not waited:
                    self.note(f"array {job_id} of an earlier call is still in the queue: waiting for it")
                waited = True
                time.sleep(QUEUE_SECONDS)
            path.unlink(missing_ok=True)
        return waited

    def _is_valid(self, task: Task) -> bool:
        lanes = task["job"]["lanes"]
        return all(store.inspect(self.folder / lane["path"], lane["key"]).is_valid for lane in lanes)


def queued(job_id: str) -> set[int] | None:
    """The indices of an array's tasks that wait or work; None where the queue can't be asked."""
    command = ["squeue", "--noheader", "--array", "--format=%K", f"--jobs={job_id}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:  # of a job that it has forgotten it says that the id is invalid
        return set() if "Invalid job id" in done.stderr else None
    return {int(word) for word in re.findall(r"^\s*(\d+)\s*$", done.stdout, re.MULTILINE)}


def carry_out(tasks: Path, index: int) -> tuple[str, str | None]:
    """Carry out the task of this index in this process, the array's; reports how far it is and how it ended."""
    from ablations.runner.executors.worker import carry_out as run_task

    place, due, steps_done = tasks.parent, 0.0, 0
    task = json.loads(tasks.read_bytes())[index]
    task["job"]["folder"] = str(place.parents[2])  # a folder that was moved since is followed

    def report(steps: int) -> None:
        nonlocal steps_done, due
        steps_done += steps
        if time.monotonic() >= due:
            due = time.monotonic() + POLL_SECONDS
            with suppress(
                OSError
            ):  # for progress only; of a number that is read half-written less is believed
                (place / f"{index}.steps").write_text(str(steps_done))

    report(0)
    status, value = run_task(task, report)
    result, cause = (value, None) if status == "done" else (None, value)
    outcome: dict[str, Any] = {"status": status, "result": result, "cause": cause, "steps": steps_done}
    store.write_atomic(place / f"{index}.ended", json.dumps(outcome).encode("ascii"))
    return status, cause


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _last_line(problem: Exception) -> str:
    lines = [line for line in str(problem).splitlines() if line.strip()]
    return lines[-1] if lines else repr(problem)
