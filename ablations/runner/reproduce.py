"""Reproduction: stored runs trained again, and compared with what is stored, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ablations import store
from ablations.dqn.variants import from_plain
from ablations.runner import provenance, retry
from ablations.runner.executors import Executor, ExecutorConfig, make
from ablations.runner.tasks import cohort_task, random_policy_task
from ablations.store import RunStatus
from ablations.studies.study import Run, Study

SAME, OTHER_PLATFORM, NOT_REPEATED, FAILS = "same bits", "other platform", "not repeated", "FAILS"
VERDICTS = (SAME, OTHER_PLATFORM, NOT_REPEATED, FAILS)
MACHINE = ("system", "machine", "cpu", "instruction_set", "torch")
LIBRARIES = ("numpy", "gymnasium")
FACTS = ("status", "steps", "unfinished", "diverged_at")


class Repeat(NamedTuple):
    """Outcome of one comparison: a verdict and what there is to say about it."""

    what: str
    verdict: str
    detail: str | None


def choose(paths: Sequence[str], count: int, seed: int) -> list[str]:
    """``count`` of these runs, drawn without replacement; the same ones for the same seed, in their own order."""
    drawn = set(random.Random(seed).sample(sorted(paths), min(count, len(paths))))
    return [path for path in paths if path in drawn]


def repeat(
    study: Study,
    folder: Path,
    stored: Mapping[str, RunStatus],
    environments: Sequence[Mapping[str, Any]],
    scratch: Path,
    executor_config: ExecutorConfig,
    advance: Callable[[int], None],
    note: Callable[[str], None],
) -> list[Repeat]:
    """Make stored runs again below ``scratch``, each alone, and compare them; random policies' scores likewise.

    ``study`` is the user's own: an environment that it does not name may not be imported from a module, and no piece be
    of a file that it does not list, whatever the stored files say.
    """
    named = {environment.env_id for environment in study.environments}
    known = {env["env_id"]: env for env in environments}
    refused, runs = _repeatable(study, stored, known, named)
    git = provenance.git_facts()
    executor = make(executor_config, scratch)
    try:
        tasks = [
            cohort_task(
                _recording(study, stored[run.path]),
                scratch,
                [run],
                {run.path: RunStatus("missing")},
                git,
                known.get(run.env_id, {}).get("repeatability"),
            )
            for run in runs
        ]
        retry.carry_out(executor, tasks, scratch, advance, note)
        repeats = refused + [compare(run, folder, scratch, stored[run.path]) for run in runs]
        elsewhere = any(each.verdict == OTHER_PLATFORM for each in repeats)
        known_scores = [
            env
            for env in environments
            if env.get("random_policy") and _may_be_made(env["env_id"], named) and _repeats(env)
        ]
        return repeats + _scores(study, known_scores, executor, elsewhere)
    finally:
        executor.stop()


def _repeatable(
    study: Study,
    stored: Mapping[str, RunStatus],
    known: Mapping[str, Mapping[str, Any]],
    named: Collection[str],
) -> tuple[list[Repeat], list[Run]]:
    """Which of these runs may not be made again, and why; and those that may."""
    refused: list[Repeat] = []
    runs: list[Run] = []
    for path, status in stored.items():
        assert status.manifest is not None
        config = status.manifest["config"]
        if not _may_be_made(config["env_id"], named):
            reason = f"the study does not name '{config['env_id']}', which would be imported"
            refused.append(Repeat(path, NOT_REPEATED, reason))
        elif config.get("algorithm_version") != store.ALGORITHM_VERSION:
            reason = f"algorithm version {config.get('algorithm_version')}; this code has {store.ALGORITHM_VERSION}"
            refused.append(Repeat(path, NOT_REPEATED, reason))
        elif (env := known.get(config["env_id"])) and not _repeats(env):
            found = env["repeatability"]
            refused.append(
                Repeat(path, NOT_REPEATED, f"its environment can't be repeated: {found['reason']}")
            )
        elif differs := study.registry.differs_from(config.get("pieces", {})):
            refused.append(Repeat(path, NOT_REPEATED, differs))
        else:
            label, seed = str(status.manifest["label"]), int(config["seed"])
            variant = from_plain(config["slots"], study.registry.kinds)
            runs.append(Run(label, config["env_id"], seed, store.key_of(config), path, config, variant))
    return refused, runs


def _scores(
    study: Study, environments: Sequence[Mapping[str, Any]], executor: Executor, elsewhere: bool
) -> list[Repeat]:
    """The stored scores of random policies against their repetition."""
    stored = {env["env_id"]: env["random_policy"] for env in environments}
    repeats = []
    tasks = [
        random_policy_task(study, env["env_id"], env["args"], env.get("repeatability"))
        for env in environments
    ]
    for task_result in executor.run(tasks, lambda steps: None):
        before, after = stored[task_result.task["env_id"]], task_result.result
        verdict = SAME if before == after else OTHER_PLATFORM if elsewhere else FAILS
        detail = None if before == after else f"study.json has {before}, and its repetition {after}"
        repeats.append(Repeat(f"random policy of {task_result.task['env_id']}", verdict, detail))
    return repeats


def _repeats(environment: Mapping[str, Any]) -> bool:
    """False where a self-test found that a seed doesn't decide what is seen."""
    found = environment.get("repeatability")
    return not found or bool(found["repeats"])


def _may_be_made(env_id: str, named: Collection[str]) -> bool:
    """True where making this environment imports nothing but what the user's own study names."""
    return ":" not in env_id or env_id in named


def compare(run: Run, folder: Path, scratch: Path, before: RunStatus) -> Repeat:
    """Compare a stored run with its repetition."""
    after = store.inspect(scratch / run.path, run.key)
    if not after.is_valid or before.manifest is None or after.manifest is None:
        error = after.manifest["error"] if after.manifest else {"type": after.state, "message": after.reason}
        return Repeat(run.path, FAILS, f"its repetition {after.state}: {error['type']}: {error['message']}")
    differs = difference(folder / run.path, scratch / run.path, before.manifest, after.manifest)
    elsewhere = other_platform(before.manifest, after.manifest)
    if elsewhere:
        return Repeat(run.path, OTHER_PLATFORM, f"{differs or 'the same bits'}; {elsewhere}")
    return Repeat(run.path, FAILS if differs else SAME, differs)


def difference(
    run_dir: Path, other_dir: Path, manifest: Mapping[str, Any], other: Mapping[str, Any]
) -> str | None:
    """The first difference between two results."""
    for fact in FACTS:
        if manifest.get(fact) != other.get(fact):
            return f"{fact} is {manifest.get(fact)}, and {other.get(fact)} when repeated"
    for name in manifest["files"]:
        table = name.removesuffix(".parquet")
        if name not in other["files"]:
            return f"{name} is not made any more"
        if table == name:
            if manifest["files"][name]["sha256"] != other["files"][name]["sha256"]:
                return f"{name} differs"
            continue
        differs = table_difference(store.read_table(run_dir, table), store.read_table(other_dir, table))
        if differs:
            return f"{table}: {differs}"
    return None


def table_difference(table: pa.Table, other: pa.Table) -> str | None:
    """The first number in which two tables differ, by column and row."""
    if table.schema.names != other.schema.names or table.num_rows != other.num_rows:
        return f"{table.num_rows} rows of {table.num_columns} columns, and {other.num_rows} of {other.num_columns}"
    for name in table.schema.names:
        if pa.types.is_string(table.schema.field(name).type):
            continue
        values, others = table.column(name).to_numpy(), other.column(name).to_numpy()
        if values.tobytes() == others.tobytes():
            continue
        row = next(i for i in range(len(values)) if values[i].tobytes() != others[i].tobytes())
        return f"{name} in row {row} is {values[row]}, and {others[row]} when repeated"
    return None


def other_platform(manifest: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The words in which the machines or the libraries of two results differ."""
    pairs = [(name, _fact(manifest, "platform", name), _fact(other, "platform", name)) for name in MACHINE]
    pairs += [(name, _fact(manifest, "versions", name), _fact(other, "versions", name)) for name in LIBRARIES]
    return ", ".join(f"{name} {there}, here {here}" for name, there, here in pairs if there != here) or None


def _fact(manifest: Mapping[str, Any], part: str, name: str) -> Any:
    facts = manifest.get(part)
    return facts.get(name) if isinstance(facts, dict) else None


def _recording(study: Study, status: RunStatus) -> Study:
    """The study, storing final weights if the stored run has them."""
    files = status.manifest["files"] if status.manifest else {}
    return replace(study, record=replace(study.record, weights=store.WEIGHTS in files))
