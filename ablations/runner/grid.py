"""The grid: from a study to stored runs. It skips what stands, runs what is missing, and loses nothing.

The order of work: take the lock, clear away what killed runners left, write study.json, quarantine what is damaged,
train the missing runs in cohorts.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from ablations import engines, store
from ablations.engines import cuda
from ablations.runner import checkpoints, effort, provenance, resume, retry
from ablations.runner.executors import Executor, ExecutorConfig, Task, make
from ablations.runner.lock import hold
from ablations.runner.resume import Resumable
from ablations.store import RunStatus, archives
from ablations.studies.study import Run, Study, by_row

MOST_LANES = 64


class Progress(Protocol):
    """Where the grid tells how far it is."""

    def start(self, total_steps: int, text: str) -> None: ...
    def advance(self, steps: int) -> None: ...
    def note(self, text: str) -> None: ...
    def finish(self) -> None: ...


class CodeChanged(Exception):
    """Stored runs come from other code, and the caller is strict about that; the text says from which."""


@dataclass(frozen=True)
class Outcome:
    """What became of the runs that were asked for."""

    asked: int
    new: int  # trained by this call
    states: Mapping[str, RunStatus]  # by path, of all asked-for runs

    @property
    def stand(self) -> int:
        """How many of the asked-for runs stand."""
        return sum(standing.is_valid for standing in self.states.values())


@dataclass(frozen=True)
class Survey:
    """What lies in a results folder: the state of each listed run, and run folders that are not listed."""

    states: dict[str, RunStatus] = field(default_factory=dict)  # path -> standing
    unlisted: dict[str, RunStatus] = field(default_factory=dict)


def run(
    study: Study,
    folder: Path,
    *,
    executor_config: ExecutorConfig,
    chosen: Sequence[Run],
    progress: Progress,
    strict: bool = False,
) -> Outcome:
    """Train those of the chosen runs that don't stand.

    Raises ``lock.Held`` where another runner is at work, ``CodeChanged`` where ``strict`` and stored runs come from
    other code, ``attempts.NotWritten`` or OSError where results can't be stored, ``engines.Lost`` where the engine
    is gone.
    """
    with hold(folder):
        git = provenance.git_facts()
        if strict:
            changed = code_changes(survey(study.plain(), folder), git)
            if changed:
                raise CodeChanged("; ".join(changed))
        _clear_away(folder)
        for link in _links(folder, chosen):
            progress.note(f"{link} is a link; moved to {quarantine(folder, link)}")
        scores = _known_scores(study, folder, progress)
        store.write_study(folder, study.plain(_numbers(scores)))
        for name, reason in archives.unreadable(folder).items():
            progress.note(f"{name}: {reason}; moved to {quarantine(folder, name)}")
        states = {run.path: store.inspect(folder / run.path, run.key) for run in chosen}
        missing = [run for run in chosen if not _complete(states[run.path], study.record.weights)]
        for each in missing:
            if states[each.path].state == "damaged":
                progress.note(f"{each.path}: {states[each.path].reason}; {_put_aside(folder, each.path)}")
        unscored = {each.env_id for each in chosen} - set(scores)
        unscored |= {each.env_id for each in missing if scores.get(each.env_id) is None}
        _sweep(study, folder, chosen, states)
        if not missing and not unscored:
            return Outcome(len(chosen), 0, states)
        begun = resume.find(study, folder, missing, quarantine, progress.note)
        engine = make(executor_config, folder, progress.note)
        try:
            _ask_environments(study, folder, scores, unscored, missing, begun, engine, progress)
            jobs, most = (1, cuda.MOST_LANES) if study.engine == "cuda" else (engine.jobs, MOST_LANES)
            in_order = effort.baseline_then_longest(study, missing)
            groups = cohorts(in_order, jobs, executor_config.lanes or most, begun.places)
            tasks = [cohort_task(study, folder, group, states, git) for group in groups]
            for task in tasks:
                task["job"] |= {"events": executor_config.tensorboard, **begun.job(task["job"]["lanes"])}
            progress.start(sum(begun.ahead(each) for each in missing), study.name)
            for note in engines.notes(study.engine, {row.label: row.slots.head for row in study.rows}):
                progress.note(note)
            retry.carry_out(engine, tasks, folder, progress.advance, progress.note)
        finally:
            engine.stop()
            progress.finish()
        states |= {run.path: store.inspect(folder / run.path, run.key) for run in missing}
        _sweep(study, folder, chosen, states)
        _clear_away(folder)  # of workers that were killed meanwhile
        return Outcome(len(chosen), len(missing), states)


def code_changes(found: Survey, git: Mapping[str, Any] | None = None) -> list[str]:
    """How the code that made stored runs differs from this code: sentences, none where it doesn't."""
    stand = [standing.manifest for standing in found.states.values() if standing.is_valid]
    others = [standing.manifest for standing in found.unlisted.values() if standing.is_valid]
    outdated = [
        manifest
        for manifest in others
        if manifest and manifest["config"].get("algorithm_version") != store.ALGORITHM_VERSION
    ]
    manifests = [manifest for manifest in [*stand, *outdated] if manifest]
    return provenance.changes(manifests, git or provenance.git_facts())


def _clear_away(folder: Path) -> None:
    """Remove what was being written by processes that were killed. Under the lock, while no worker is at work."""
    for leftover in store.leftovers(folder):
        leftover.unlink(missing_ok=True)


def _links(folder: Path, chosen: Sequence[Run]) -> list[str]:
    """Folders of these runs, or above them, that are links: what lies behind a link is not this study's."""
    above = (part for run in chosen for part in (run.path, *map(str, PurePosixPath(run.path).parents)))
    places = sorted({place for place in above if place != "."})
    links = [place for place in places if (folder / place).is_symlink()]
    return [link for link in links if not any(link.startswith(f"{other}/") for other in links)]


def survey(study: Mapping[str, Any], folder: Path) -> Survey:
    """The standing of every run that a stored study lists, and the run folders that it doesn't."""
    listed = {run["path"]: store.inspect(folder / run["path"], run["key"]) for run in study["runs"]}
    others = unlisted(listed, folder)
    return Survey(listed, {path: store.inspect(folder / path) for path in others})


def unlisted(listed: Collection[str], folder: Path) -> list[str]:
    """Stored runs below a study's folder that are not among those listed."""
    return [path for path in store.stored_runs(folder) if path not in listed]


def cohorts(
    runs: Sequence[Run], jobs: int, most: int = MOST_LANES, places: Mapping[str, Path] | None = None
) -> list[list[Run]]:
    """Runs grouped by environment and row, cut so that no job is idle while another has several cohorts left.

    ``most`` is how many may train together. ``places`` gives the checkpoint of some, by key: those that go on from the
    same one are grouped. How runs are grouped never changes a result, only how long the grid takes.
    """
    at = places or {}
    rows = by_row(runs)
    groups = [
        [run for run in row if at.get(run.key) == place]
        for row in rows
        for place in dict.fromkeys(at.get(run.key) for run in row)
    ]
    whole = len(groups) - len(groups) % jobs
    parts = [1] * whole + [jobs] * (len(groups) - whole)
    return [
        piece
        for group, count in zip(groups, parts, strict=True)
        for piece in _cut(group, min(count, len(group)), most)
    ]


def quarantine(folder: Path, path: str) -> str:
    """Move a damaged run or file out of the way, under the lock; nothing is ever deleted. Returns where it went."""
    target = folder / ".grid" / "quarantine" / path
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{Path(path).name}.{number}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder / path, target)
    return target.relative_to(folder).as_posix()


def _put_aside(folder: Path, path: str) -> str:
    """Make room for a damaged run's next attempt; says what became of it. What lies in a pack stays there."""
    if (folder / path).exists():
        return f"moved to {quarantine(folder, path)}"
    return "trained again beside its pack"


def _cut(group: list[Run], parts: int, most: int) -> Iterator[list[Run]]:
    """``parts`` nearly equal pieces, more if a piece would have too many lanes."""
    parts = max(parts, -(-len(group) // most))
    size, longer = divmod(len(group), parts)
    start = 0
    for number in range(parts):
        end = start + size + (number < longer)
        yield group[start:end]
        start = end


def _complete(standing: RunStatus, weights: bool) -> bool:
    """Whether a run need not be trained: it stands, with its weights if the study now asks for them."""
    stored = standing.manifest["files"] if standing.is_valid and standing.manifest else {}
    return standing.is_valid and (not weights or store.WEIGHTS in stored)


def cohort_task(
    study: Study,
    folder: Path,
    group: Sequence[Run],
    states: Mapping[str, RunStatus],
    git: Mapping[str, Any],
) -> Task:
    """The task of training runs that differ in the seed alone. ``states`` say how often each was tried before."""
    lanes = [
        {
            "path": run.path,
            "key": run.key,
            "config": run.config,
            "attempts": 1 + _attempts(states[run.path]),
        }
        for run in group
    ]
    job = {
        "folder": str(folder.resolve()),
        "label": group[0].label,
        "weights": study.record.weights,
        "lanes": lanes,
        "git": git,
    }
    return {"kind": "cohort", "job": job}


def random_policy_task(study: Study, environment: Mapping[str, Any]) -> Task:
    """The task that scores the random policy of an environment: its id and arguments as study.json has them."""
    return {
        "kind": "random_policy",
        "env_id": environment["env_id"],
        "env_args": environment["args"],
        "entropy": study.entropy,
    }


def _attempts(standing: RunStatus) -> int:
    if standing.manifest is None or standing.state == "damaged":
        return 0
    return int(standing.manifest.get("attempts", 0))


Scores = dict[str, dict[str, Any] | None]
"""The random policy's scores by environment; None where there was none to be had."""


def _known_scores(study: Study, folder: Path, progress: Progress) -> Scores:
    """The scores that an earlier call stored. A damaged study.json is put aside."""
    try:
        stored = store.read_study(folder)
    except FileNotFoundError:
        return {}
    except store.Damaged as damage:
        progress.note(f"{store.STUDY}: {damage}; moved to {quarantine(folder, store.STUDY)}")
        return {}
    before = {env["env_id"]: env for env in stored.get("environments", [])}
    return {
        env.env_id: before[env.env_id].get("random_policy")
        for env in study.environments
        if env.env_id in before and before[env.env_id].get("args") == dict(env.args)
    }


def _numbers(scores: Scores) -> dict[str, dict[str, Any]]:
    return {env_id: score for env_id, score in scores.items() if score is not None}


def _ask_environments(
    study: Study,
    folder: Path,
    scores: Scores,
    unscored: set[str],
    missing: Sequence[Run],
    begun: Resumable,
    engine: Executor,
    progress: Progress,
) -> None:
    """Complete the scores of the environments that need one, and store them; see which allow checkpoints."""
    needy = [
        {"env_id": env.env_id, "args": dict(env.args)} for env in study.environments if env.env_id in unscored
    ]
    tasks = [random_policy_task(study, env) for env in needy] + resume.self_tests(study, missing)
    for ended in engine.run(tasks, lambda steps: None):
        if ended.task["kind"] == "self_test":
            begun.learn(ended, progress.note)
            continue
        scores[ended.task["env_id"]] = ended.result
        if not ended.done:
            progress.note(f"{ended.task['env_id']}: its random policy has no score: {ended.why}")
    store.write_study(folder, study.plain(_numbers(scores)))


def _sweep(study: Study, folder: Path, chosen: Sequence[Run], states: Mapping[str, RunStatus]) -> None:
    """Remove the checkpoints of what is complete."""
    complete = {run.key for run in chosen if _complete(states[run.path], study.record.weights)}
    checkpoints.sweep(folder, complete)
