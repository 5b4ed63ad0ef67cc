"""The grid: from a study to stored runs. It skips valid runs, trains missing ones, and loses nothing.

The order of work: take the lock, remove what killed runners left, write study.json, quarantine what is damaged, train
the missing runs in cohorts; until decided, judge the look and go on with the runs of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations import engines, store
from ablations.engines.hardware import MOST_LANES, most_lanes, on_device
from ablations.errors import few
from ablations.runner import checkpoints, looks, order, provenance, retry
from ablations.runner.executors import Executor, ExecutorConfig, Task, TaskResult, make
from ablations.runner.lock import hold
from ablations.runner.looks import Decisions, Judge
from ablations.runner.memory import lanes_that_fit
from ablations.runner.progress import Progress, announced
from ablations.runner.quarantine import links, make_room, quarantine
from ablations.runner.resume import ResumePoints, checked_resume_points
from ablations.runner.self_test import conclude
from ablations.runner.statuses import code_changes, environment_changes, read_statuses
from ablations.runner.tasks import cohort_task, random_policy_task, self_tests
from ablations.store import RunStatus, archives
from ablations.studies import deciding
from ablations.studies.study import Run, Study, by_row

Measured = dict[str, dict[str, Any]]
"""What trying them showed of environments: ``random_policy`` (None: there is no score) and ``repeatability``, by id."""


class CodeChanged(Exception):
    """Stored runs come from other code, and the caller is strict about that; the text says from which."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of a call: the status of each run that was to be valid."""

    new: int  # trained by this call
    statuses: Mapping[str, RunStatus]  # by path, of all chosen runs

    @property
    def chosen(self) -> int:
        """How many runs were chosen."""
        return len(self.statuses)

    @property
    def valid(self) -> int:
        """How many of the chosen runs are valid."""
        return sum(status.is_valid for status in self.statuses.values())


def run(
    study: Study,
    folder: Path,
    *,
    executor_config: ExecutorConfig,
    progress: Progress,
    select: Callable[[Study], Sequence[Run]] = Study.runs,
    strict: bool = False,
    judge: Judge | None = None,
) -> Outcome:
    """Train those of the selected runs that are not valid, and, until decided, those that each look asks for.

    ``judge`` is for studies that run until they are decided; without it they end before their first look.

    Raises ``lock.Held`` where another runner is at work, ``CodeChanged`` where ``strict`` and stored runs come from
    other code, OSError where results can't be stored, ``ExecutorLost`` where the executor is gone.
    """
    with hold(folder):
        git = provenance.git_facts()
        if strict:
            statuses = read_statuses(study.plain(), folder)
            changes = code_changes(statuses, git) + environment_changes(statuses.listed.values())
            if changes:
                raise CodeChanged("; ".join(changes))
        decisions: Decisions | None = (
            looks.begin(study, folder, progress.note) if study.decide.looks else None
        )
        study = deciding.at_looks(study, decisions["looks"] if decisions else ())
        call = _Call(folder, executor_config, progress, git)
        try:
            outcome = call.train(study, select(study), decisions)
            while decisions and judge and (after := looks.carry_on(decisions, folder, judge, progress.note)):
                decisions, study = after, deciding.at_looks(study, after["looks"])
                now = call.train(study, select(study), decisions)
                outcome = Outcome(outcome.new + now.new, now.statuses)
            return outcome
        finally:
            call.end()


@dataclass
class _Call:
    """What one call of ``run`` knows and keeps from look to look. Under the lock."""

    folder: Path
    executor_config: ExecutorConfig
    progress: Progress
    git: Mapping[str, Any]
    executor: Executor | None = None
    measured: Measured = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # environment id -> why it allows no checkpoints
    told: set[str] = field(default_factory=set)  # changes
    tested: set[str] = field(default_factory=set)  # environments of which that is known

    def train(self, study: Study, chosen: Sequence[Run], decisions: Decisions | None) -> Outcome:
        """Train those of the chosen runs that are not valid."""
        folder, note, weights = self.folder, self.progress.note, study.record.weights
        self._prepare(study, chosen)
        statuses = {run.path: store.inspect(folder / run.path, run.key) for run in chosen}
        self._tell_changes(statuses)
        missing = [run for run in chosen if not _complete(statuses[run.path], weights)]
        for run in missing:
            if statuses[run.path].state == "damaged":
                note(f"{run.path}: {statuses[run.path].reason}; {make_room(folder, run.path)}")
        unknown = {run.env_id for run in chosen if run.env_id not in self.measured}
        unscored = unknown | {run.env_id for run in missing if not self._of(run.env_id, "random_policy")}
        _remove_checkpoints(study, folder, chosen, statuses)
        if not missing and not unscored:
            return Outcome(0, statuses)
        points = checked_resume_points(study, folder, missing, note)
        executor = self.executor = self.executor or make(self.executor_config, folder, note)
        untested = ({run.env_id for run in missing} | unknown) - self.tested
        with announced(
            self.progress, f"trying whether a seed decides what is seen of {few(sorted(untested))}"
        ):
            self._self_test(study, untested, points, executor)
        with announced(self.progress, f"scoring the random policy of {few(sorted(unscored))}"):
            self._score_random_policies(study, unscored, executor)
        tasks = self._cohort_tasks(study, missing, statuses, points, executor)
        self.progress.start(sum(points.steps_left(run) for run in missing), looks.name_of(study, decisions))
        for text in engines.notes(study.engine, {row.label: row.slots for row in study.rows}):
            note(text)
        retry.carry_out(executor, tasks, folder, self.progress.advance, note)
        self.progress.finish()
        statuses |= {run.path: store.inspect(folder / run.path, run.key) for run in missing}
        _remove_checkpoints(study, folder, chosen, statuses)
        return Outcome(sum(statuses[run.path].is_valid for run in missing), statuses)

    def end(self) -> None:
        """Stop what was started."""
        if self.executor is not None:
            self.executor.stop()
            self.progress.finish()
        _remove_leftovers(self.folder)  # of workers that were killed meanwhile

    def _prepare(self, study: Study, chosen: Sequence[Run]) -> None:
        """Remove leftovers, quarantine links and broken packs, write study.json."""
        folder, note = self.folder, self.progress.note
        _remove_leftovers(folder)
        for link in links(folder, chosen):
            note(f"{link} is a link; moved to {quarantine(folder, link)}")
        self.measured = _stored_measurements(study, folder, self.progress) | self.measured
        store.write_study(folder, study.plain(self.measured))
        for name, reason in archives.unreadable(folder).items():
            note(f"{name}: {reason}; moved to {quarantine(folder, name)}")

    def _cohort_tasks(
        self,
        study: Study,
        missing: Sequence[Run],
        statuses: Mapping[str, RunStatus],
        points: ResumePoints,
        executor: Executor,
    ) -> list[Task]:
        """The tasks that train these runs, in the order in which they start."""
        jobs = 1 if on_device(study.engine) else executor.jobs
        lanes = self.executor_config.lanes or most_lanes(study.engine)
        fit = lanes_that_fit(study, self.executor_config, jobs, lanes)
        groups = cohorts(order.baseline_then_longest(study, missing), jobs, fit, points.paths)
        tasks = [
            cohort_task(
                study, self.folder, group, statuses, self.git, self._of(group[0].env_id, "repeatability")
            )
            for group in groups
        ]
        for task in tasks:
            task["job"] |= {
                "events": self.executor_config.tensorboard,
                **points.job_fields(task["job"]["lanes"]),
            }
        return tasks

    def _tell_changes(self, statuses: Mapping[str, RunStatus]) -> None:
        """Note once how the environments of what is stored have changed."""
        for change in environment_changes(statuses.values()):
            if change not in self.told:
                self.progress.note(change)
                self.told.add(change)

    def _of(self, env_id: str, fact: str) -> dict[str, Any] | None:
        return self.measured.get(env_id, {}).get(fact)

    def _self_test(
        self, study: Study, untested: Collection[str], points: ResumePoints, executor: Executor
    ) -> None:
        """Try whether environments can be repeated, and which allow checkpoints; what follows is stored and said."""
        tests: dict[str, dict[str, TaskResult]] = {}
        for task_result in _tried(executor, self_tests(study, untested)):
            task = task_result.task
            tests.setdefault(task["env_id"], {})[task["kind"]] = task_result
        for env_id, ended in tests.items():
            conclusion = conclude(env_id, ended)
            self.tested.add(env_id)
            self.measured.setdefault(env_id, {})["repeatability"] = conclusion.repeatability
            if conclusion.no_checkpoints is not None:
                self.refused[env_id] = conclusion.no_checkpoints
            for note in conclusion.notes:
                self.progress.note(note)
        points.refused.update(self.refused)

    def _score_random_policies(self, study: Study, unscored: Collection[str], executor: Executor) -> None:
        """Score the random policies of environments that lack a score, and store them."""
        tasks = [
            random_policy_task(study, env.env_id, env.args, self._of(env.env_id, "repeatability"))
            for env in study.environments
            if env.env_id in unscored
        ]
        for task_result in _tried(executor, tasks):
            env_id = task_result.task["env_id"]
            self.measured.setdefault(env_id, {})["random_policy"] = task_result.result
            if not task_result.done:
                self.progress.note(f"{env_id}: its random policy has no score: {task_result.reason}")
        store.write_study(self.folder, study.plain(self.measured))


def _remove_leftovers(folder: Path) -> None:
    """Remove what was being written by processes that were killed. Under the lock, while no worker is at work."""
    for leftover in store.leftovers(folder):
        leftover.unlink(missing_ok=True)


def _complete(status: RunStatus, weights: bool) -> bool:
    """True where a run need not be trained: it is valid, and has its weights if the study now stores them."""
    files = status.manifest["files"] if status.is_valid and status.manifest else {}
    return status.is_valid and (not weights or store.WEIGHTS in files)


def _remove_checkpoints(
    study: Study, folder: Path, chosen: Sequence[Run], statuses: Mapping[str, RunStatus]
) -> None:
    """Remove the checkpoints of what is complete."""
    complete = {run.key for run in chosen if _complete(statuses[run.path], study.record.weights)}
    checkpoints.remove_complete(folder, complete)


# ---- environments ----


def _tried(executor: Executor, tasks: Sequence[Task]) -> Iterator[TaskResult]:
    """How tasks ended; one whose worker died is tried once more, in case the machine was to blame."""
    again = []
    for task_result in executor.run(tasks, lambda steps: None):
        if task_result.done or task_result.task.get("tried"):
            yield task_result
        else:
            again.append({**task_result.task, "tried": 1})
    if again:
        yield from _tried(executor, again)


def _stored_measurements(study: Study, folder: Path, progress: Progress) -> Measured:
    """What an earlier call stored of environments. A damaged study.json is quarantined."""
    try:
        stored = store.read_study(folder)
    except FileNotFoundError:
        return {}
    except store.Damaged as damage:
        progress.note(f"{store.STUDY}: {damage}; moved to {quarantine(folder, store.STUDY)}")
        return {}
    before = {env["env_id"]: env for env in stored.get("environments", [])}
    return {
        env.env_id: {fact: before[env.env_id].get(fact) for fact in ("random_policy", "repeatability")}
        for env in study.environments
        if env.env_id in before and before[env.env_id].get("args") == dict(env.args)
    }


# ---- cohorts ----


def cohorts(
    runs: Sequence[Run],
    jobs: int,
    fit: Callable[[Run], int] = lambda run: MOST_LANES,
    paths: Mapping[str, Path] | None = None,
) -> list[list[Run]]:
    """Runs grouped by environment and row, cut so that no job is idle while another has several cohorts left.

    ``fit`` says how many of a run's kind may train together. ``paths`` gives the checkpoint of some, by key: those that
    go on from the same one are grouped. How runs are grouped never changes a result, only how long the grid takes.
    """
    checkpoint = paths or {}
    groups = [
        [run for run in row if checkpoint.get(run.key) == path]
        for row in by_row(runs)
        for path in dict.fromkeys(checkpoint.get(run.key) for run in row)
    ]
    whole = len(groups) - len(groups) % jobs
    parts = [1] * whole + [jobs] * (len(groups) - whole)
    return [
        piece
        for group, count in zip(groups, parts, strict=True)
        for piece in _cut(group, min(count, len(group)), fit(group[0]))
    ]


def _cut(group: list[Run], parts: int, most: int) -> Iterator[list[Run]]:
    """``parts`` nearly equal pieces, more if a piece would have too many lanes."""
    parts = max(parts, -(-len(group) // most))
    size, longer = divmod(len(group), parts)
    start = 0
    for number in range(parts):
        end = start + size + (number < longer)
        yield group[start:end]
        start = end
