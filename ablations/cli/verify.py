"""``verify``: do the stored runs hold what their manifests and study.json say, and does this code give them again?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from ablations import store
from ablations.cli import options, signals
from ablations.cli.console import collect_problems, printable, reason_of, say, stored_study, table
from ablations.errors import Problem
from ablations.runner import grid
from ablations.store import RunStatus, archives
from ablations.studies.study import Study

WHOLE, NOT_WHOLE = 0, 1


def main(arguments: Namespace) -> int:
    """Check every stored run; print what fails in a table, and what ``--rerun`` repeats in another."""
    study, folder, numbers = collect_problems(arguments.problems, lambda: _asked(arguments))
    stored = stored_study(folder, "there is nothing to verify")
    if stored is None:
        return NOT_WHOLE
    survey = grid.survey(stored, folder)
    failures = [{"run": name, "failure": reason} for name, reason in archives.unreadable(folder).items()]
    for run in stored["runs"]:
        failure = _failure(stored, run, folder / run["path"], survey.states[run["path"]])
        if failure:
            failures.append({"run": run["path"], "failure": failure})
    if failures:
        say(table(failures, ("run", "failure")))
    missing = sum(standing.state == "missing" for standing in survey.states.values())
    say(
        f"{len(survey.states) - missing} stored runs of {len(survey.states)} checked: digests, schema, keys; "
        f"{len(failures)} fail" + (f"; {missing} not run yet" if missing else "")
    )
    again = True
    if numbers["rerun"] is not None:
        named = {failure["run"] for failure in failures}
        sound = {path: each for path, each in survey.states.items() if each.is_valid and path not in named}
        try:
            again = _rerun(study, folder, stored.get("environments", []), sound, numbers["rerun"], numbers)
        except signals.Terminated:
            return signals.TERMINATED
    return NOT_WHOLE if failures or not again else WHOLE


def _asked(arguments: Namespace) -> tuple[Study, Path, dict[str, int | None]]:
    """The study, its results and the numbers of the options; their mistakes are told together."""
    problems: list[Problem] = []
    numbers = {
        name: options.whole(getattr(arguments, name), f"--{name}", problems, least)
        for name, least in (("rerun", 1), ("seed", 0), ("jobs", 1))
    }
    return (
        *collect_problems(problems, lambda: options.locate(arguments.study, arguments.results or "results")),
        numbers,
    )


def _rerun(
    study: Study,
    folder: Path,
    environments: Sequence[Mapping[str, Any]],
    stored: Mapping[str, RunStatus],
    count: int,
    numbers: Mapping[str, int | None],
) -> bool:
    """Repeat some of the runs that stand and print how they compare; False where one comes out otherwise."""
    from ablations.runner import reproduce
    from ablations.runner.executors import ExecutorConfig
    from ablations.runner.progress import on_stderr

    chosen = {path: stored[path] for path in reproduce.choose(list(stored), count, numbers["seed"] or 0)}
    progress = on_stderr()
    executor_config = ExecutorConfig(numbers["jobs"] or options.usable_cores())
    with signals.ending_quickly(), TemporaryDirectory(prefix="ablations-rerun-") as scratch:
        steps = [standing.manifest["steps"] for standing in chosen.values() if standing.manifest]
        progress.start(sum(steps), "rerun")
        try:
            repeats = reproduce.repeat(
                study,
                folder,
                chosen,
                environments,
                Path(scratch),
                executor_config,
                progress.advance,
                progress.note,
            )
        finally:
            progress.finish()
    if repeats:
        lines = [
            {"what": each.what, "repeated": each.verdict, "": printable(each.detail)} for each in repeats
        ]
        say(table(lines, ("what", "repeated", "")))
    counts = {verdict: sum(each.verdict == verdict for each in repeats) for verdict in reproduce.VERDICTS}
    said = "; ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    say(f"{len(chosen)} of {len(stored)} runs that stand, and scores of random policies: {said or 'none'}")
    return not counts[reproduce.FAILS]


def _failure(stored: Mapping[str, Any], run: Mapping[str, Any], run_dir: Path, standing: RunStatus) -> str:
    """What is wrong with a listed run, or an empty text. Files and keys were checked by ``store.inspect`` before."""
    if standing.state == "damaged" or standing.state in store.ATTEMPTS:
        return f"{standing.state}{reason_of(standing)}"
    if standing.manifest is None:
        return ""
    if run["path"] != store.run_path(run["env_id"], run["label"], run["seed"], run["key"]):
        return "study.json has it in another place than its key says"
    expected = expected_config(stored, run)
    if expected is None:
        return "study.json does not say what its row or its environment is"
    differing = differences(expected, standing.manifest["config"])
    if differing:
        return f"study.json and the run's manifest differ in {', '.join(differing)}"
    return _table_failure(run, run_dir, standing.manifest) if standing.is_valid else ""


def _table_failure(run: Mapping[str, Any], run_dir: Path, manifest: Mapping[str, Any]) -> str:
    for file, facts in manifest["files"].items():
        name = file.removesuffix(".parquet")
        if name == file:
            continue
        try:
            found = store.read_table(run_dir, name)
        except (OSError, pa.ArrowInvalid, store.Damaged) as problem:
            return f"{file} cannot be read: {problem}"
        if name in store.TABLES and not found.schema.equals(store.TABLES[name]):
            return f"{file} has another schema"
        if found.num_rows != facts["rows"]:
            return f"{file} has another number of rows than the manifest says"
        if name == "episodes" and store.series_sha256(found) != manifest.get("series_sha256"):
            return "the series does not match series_sha256"
        for column, value in (("env_id", run["env_id"]), ("variant", run["label"]), ("seed", run["seed"])):
            if set(found.column(column).to_pylist()) - {value}:
                return f"{file} names another {column}"
    return ""


def expected_config(stored: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any] | None:
    """What study.json says of a run's configuration; None where it says nothing of it."""
    try:
        row = next(row for row in stored["rows"] if row["label"] == run["label"])
        environment = next(env for env in stored["environments"] if env["env_id"] == run["env_id"])
        return {
            "env_id": run["env_id"],
            "env_args": environment["args"],
            "slots": row["slots"],
            "settings": {**row["settings"], **environment["settings"]},
            "seed": run["seed"],
            "entropy": stored["entropy"],
            "engine": stored["engine"],
        }
    except (KeyError, TypeError, StopIteration):
        return None


def differences(expected: Mapping[str, Any], found: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of ``expected`` whose values in ``found`` are others."""
    differing = []
    for key, value in expected.items():
        other = found.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            differing += differences(value, other, f"{prefix}{key}.")
        elif value != other:
            differing.append(f"{prefix}{key}")
    return differing
