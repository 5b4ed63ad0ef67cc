"""The grid: from a study to stored runs. It skips what stands, runs what is missing, and loses nothing.

The order of work: take the lock, write study.json, quarantine what is damaged, train the missing runs in cohorts.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from ablations import store
from ablations.engines import Ended, Engine, Means, make
from ablations.paths import without_folders
from ablations.store import Standing
from ablations.study import Run, Study

MOST_LANES = 64


class Progress(Protocol):
    """Where the grid tells how far it is."""

    def start(self, total_steps: int, text: str) -> None: ...
    def advance(self, steps: int) -> None: ...
    def note(self, text: str) -> None: ...
    def finish(self) -> None: ...


class Held(Exception):
    """Another runner holds the study; the text says who and since when."""


@dataclass(frozen=True)
class Outcome:
    """What became of the runs that were asked for."""

    asked: int
    new: int  # trained by this call
    states: Mapping[str, Standing]  # by path, of all asked-for runs

    @property
    def stand(self) -> int:
        """How many of the asked-for runs stand."""
        return sum(standing.stands for standing in self.states.values())


@dataclass(frozen=True)
class Survey:
    """What lies in a results folder: the state of each listed run, and run folders that are not listed."""

    states: dict[str, Standing] = field(default_factory=dict)  # path -> standing
    strangers: tuple[str, ...] = ()


def run(study: Study, folder: Path, *, means: Means, chosen: Sequence[Run], progress: Progress) -> Outcome:
    """Train those of the chosen runs that don't stand. Raises ``Held`` where another runner is at work."""
    with hold(folder):
        scores = _known_scores(study, folder, progress)
        store.write_study(folder, study.plain(_numbers(scores)))
        states = {run.path: store.inspect(folder / run.path, run.key) for run in chosen}
        missing = [run for run in chosen if not _complete(states[run.path], study.record.weights)]
        for each in missing:
            if states[each.path].state == "damaged":
                where = quarantine(folder, each.path)
                progress.note(f"{each.path}: {states[each.path].reason}; moved to {where}")
        unscored = {each.env_id for each in chosen} - set(scores)
        unscored |= {each.env_id for each in missing if scores.get(each.env_id) is None}
        if not missing and not unscored:
            return Outcome(len(chosen), 0, states)
        git = git_facts()
        tasks = [_cohort_task(study, folder, group, states, git) for group in cohorts(missing, means.jobs)]
        engine = make(means, folder)
        try:
            _score_random_policies(study, folder, scores, unscored, engine)
            progress.start(sum(each.config["settings"]["total_timesteps"] for each in missing), study.name)
            for ended in engine.run(tasks, progress.advance):
                _note_end(ended, folder, progress)
        finally:
            engine.stop()
            progress.finish()
        states |= {run.path: store.inspect(folder / run.path, run.key) for run in missing}
        return Outcome(len(chosen), len(missing), states)


def survey(study: Mapping[str, Any], folder: Path) -> Survey:
    """The standing of every run that a stored study lists, and the run folders that it doesn't."""
    listed = {run["path"]: store.inspect(folder / run["path"], run["key"]) for run in study["runs"]}
    present = (path.relative_to(folder).as_posix() for path in sorted(folder.glob("runs/*/*/seed-*")))
    return Survey(listed, tuple(path for path in present if path not in listed))


def cohorts(runs: Sequence[Run], jobs: int) -> list[list[Run]]:
    """Runs grouped by environment and row, cut so that no job is idle while another has several cohorts left.

    How runs are grouped never changes a result, only how long the grid takes.
    """
    groups = [list(group) for _, group in groupby(runs, key=lambda run: (run.env_id, run.label))]
    whole = len(groups) - len(groups) % jobs
    parts = [1] * whole + [jobs] * (len(groups) - whole)
    return [
        piece
        for group, count in zip(groups, parts, strict=True)
        for piece in _cut(group, min(count, len(group)))
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


def _cut(group: list[Run], parts: int) -> Iterator[list[Run]]:
    """``parts`` nearly equal pieces, more if a piece would have too many lanes."""
    parts = max(parts, -(-len(group) // MOST_LANES))
    size, longer = divmod(len(group), parts)
    start = 0
    for number in range(parts):
        end = start + size + (number < longer)
        yield group[start:end]
        start = end


def _complete(standing: Standing, weights: bool) -> bool:
    """Whether a run need not be trained: it stands, with its weights if the study now asks for them."""
    stored = standing.manifest["files"] if standing.stands and standing.manifest else {}
    return standing.stands and (not weights or store.WEIGHTS in stored)


def _cohort_task(
    study: Study,
    folder: Path,
    group: Sequence[Run],
    states: Mapping[str, Standing],
    git: Mapping[str, Any],
) -> dict[str, Any]:
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


def _attempts(standing: Standing) -> int:
    if standing.manifest is None or standing.state == "damaged":
        return 0
    return int(standing.manifest.get("attempts", 0))


def _note_end(ended: Ended, folder: Path, progress: Progress) -> None:
    """Tell of failures, and record the runs of a process that died before it could."""
    job = ended.task["job"]
    for lane in job["lanes"]:
        standing = store.inspect(folder / lane["path"], lane["key"])
        if ended.done and standing.state == "failed" and standing.manifest is not None:
            error = standing.manifest["error"]
            progress.note(f"{lane['path']}: failed: {error['type']}: {error['message']}")
        if not ended.done and not standing.stands:
            progress.note(f"{lane['path']}: its worker died ({ended.why})")
            manifest = {
                "status": "died",
                "key": lane["key"],
                "config": lane["config"],
                "label": job["label"],
                "steps": None,
                "unfinished": None,
                "diverged_at": None,
                "error": {
                    "type": "died",
                    "message": ended.why,
                    "traceback": without_folders(ended.log).splitlines()[-20:],
                },
                "attempts": lane["attempts"],
                "git": job["git"],
                "lanes": len(job["lanes"]),
            }
            store.write_run(folder, lane["path"], manifest, {})


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
    before = {env["env_id"]: env for env in stored["environments"]}
    return {
        env.env_id: before[env.env_id]["random_policy"]
        for env in study.environments
        if env.env_id in before and before[env.env_id]["args"] == dict(env.args)
    }


def _numbers(scores: Scores) -> dict[str, dict[str, Any]]:
    return {env_id: score for env_id, score in scores.items() if score is not None}


def _score_random_policies(
    study: Study, folder: Path, scores: Scores, needed: set[str], engine: Engine
) -> None:
    """Complete the scores of the environments that need one, and store them."""
    tasks = [
        {"kind": "random_policy", "env_id": env.env_id, "env_args": dict(env.args), "entropy": study.entropy}
        for env in study.environments
        if env.env_id in needed
    ]
    for ended in engine.run(tasks, lambda steps: None):
        scores[ended.task["env_id"]] = ended.result
    store.write_study(folder, study.plain(_numbers(scores)))


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the study for this process. The operating system frees the lock of a killed runner."""
    grid = folder / ".grid"
    grid.mkdir(parents=True, exist_ok=True)
    lock = FileLock(grid / "lock", timeout=0)
    holder = grid / "holder.json"
    try:
        lock.acquire()
    except Timeout:
        raise Held(_holder(holder)) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        store.write_atomic(holder, json.dumps(facts).encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        facts = json.loads(path.read_bytes())
        return f"pid {facts['pid']} on {facts['host']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another runner"


def git_facts() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that this code runs from; nulls outside of one."""
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        tracked = _git(here, "ls-files", "--error-unmatch", Path(__file__).name)
        dirty = bool(_git(here, "status", "--porcelain", "--untracked-files=no")) if tracked else None
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
