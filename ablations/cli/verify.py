"""``verify``: do the stored runs hold what their manifests and study.json say, and does this code give them again?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from ablations import engines, store
from ablations.cli import compose, signals
from ablations.cli.console import printable, reason_of, say, stored_study, table
from ablations.cli.options import whole_option
from ablations.dqn.settings import Settings
from ablations.dqn.variants import from_plain, plain_changes
from ablations.runner import reproduce
from ablations.runner.executors import ExecutorConfig
from ablations.runner.progress import on_stderr
from ablations.runner.statuses import environment_changes, read_statuses
from ablations.store import RunStatus, archives
from ablations.studies.registry import SHIPPED, Registry
from ablations.studies.study import Study
from analysis.findings import decide

WHOLE, NOT_WHOLE = 0, 1


def main(arguments: Namespace) -> int:
    """Check every stored run; print what fails in a table, and what ``--rerun`` repeats in another."""
    problems = list(arguments.problems)
    count = whole_option(arguments, "rerun", problems, 1)
    seed = whole_option(arguments, "seed", problems, 0) or 0
    jobs = whole_option(arguments, "jobs", problems, 1) or store.usable_cores()
    study, folder = compose.locate(arguments.study, arguments.results, problems)
    stored = stored_study(folder, "there is nothing to verify")
    if stored is None:
        return NOT_WHOLE
    statuses = read_statuses(stored, folder).listed
    failures = [{"run": name, "failure": reason} for name, reason in archives.unreadable(folder).items()]
    for run in stored["runs"]:
        failure = _failure(stored, run, folder / run["path"], statuses[run["path"]], study.registry)
        if failure is not None:
            failures.append({"run": run["path"], "failure": failure})
    failures += [{"run": store.DECISIONS, "failure": problem} for problem in _wrong_decisions(stored, folder)]
    if failures:
        say(table(failures, ("run", "failure")))
    missing = sum(status.state == "missing" for status in statuses.values())
    say(
        f"{len(statuses) - missing} stored runs of {len(statuses)} checked: digests, schema, keys; "
        f"{len(failures)} fail" + (f"; {missing} not run yet" if missing else "")
    )
    if differs := study.registry.differs_from(stored.get("pieces", {})):
        say(f"{differs}: what its runs' configurations say of slots is not checked")
    for change in environment_changes(statuses.values()):
        say(f"an environment changed: {change}")
    same = True
    if count is not None:
        failed = {failure["run"] for failure in failures}
        sound = {path: status for path, status in statuses.items() if status.is_valid and path not in failed}
        chosen = {path: sound[path] for path in reproduce.choose(list(sound), count, seed)}
        try:
            same = _rerun(study, folder, stored.get("environments", []), chosen, len(sound), jobs)
        except signals.Terminated:
            return signals.TERMINATED
    return NOT_WHOLE if failures or not same else WHOLE


def _wrong_decisions(stored: Mapping[str, Any], folder: Path) -> list[str]:
    """What is wrong with the decisions of a study that runs until it is decided."""
    if not stored.get("decide", {}).get("looks"):
        return []
    try:
        return decide.recompute(folder)
    except FileNotFoundError:
        return ["missing; the next run judges its looks again"]
    except store.Damaged as damage:
        return [f"damaged: {damage}; the next run judges its looks again"]


def _rerun(
    study: Study,
    folder: Path,
    environments: Sequence[Mapping[str, Any]],
    chosen: Mapping[str, RunStatus],
    sound: int,
    jobs: int,
) -> bool:
    """Repeat some of the valid runs and print how they compare; False where one comes out otherwise."""
    progress = on_stderr()
    with signals.ending_quickly(), TemporaryDirectory(prefix="ablations-rerun-") as scratch:
        steps = [status.manifest["steps"] for status in chosen.values() if status.manifest]
        progress.start(sum(steps), "rerun")
        try:
            repeats = reproduce.repeat(
                study,
                folder,
                chosen,
                environments,
                Path(scratch),
                ExecutorConfig(jobs),
                progress.advance,
                progress.note,
            )
        finally:
            progress.finish()
    if repeats:
        lines = [
            {"what": each.what, "repeated": each.verdict, "": printable(each.detail or "")}
            for each in repeats
        ]
        say(table(lines, ("what", "repeated", "")))
    counts = {verdict: sum(each.verdict == verdict for each in repeats) for verdict in reproduce.VERDICTS}
    summary = "; ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    say(f"{len(chosen)} of {sound} valid runs, and scores of random policies: {summary or 'none'}")
    return not counts[reproduce.FAILS]


def _failure(
    stored: Mapping[str, Any],
    run: Mapping[str, Any],
    run_dir: Path,
    status: RunStatus,
    registry: Registry = SHIPPED,
) -> str | None:
    """Why a listed run fails. ``store.inspect`` has checked files, keys and tables before."""
    if status.state == "damaged" or status.state in store.ATTEMPTS:
        return f"{status.state}{reason_of(status)}"
    if status.manifest is None:
        return None
    if run["path"] != store.run_path(run["env_id"], run["label"], run["seed"], run["key"]):
        return "study.json has it in another place than its key says"
    config = status.manifest["config"]
    if registry.differs_from(config.get("pieces", {})) is None:
        expected = expected_config(stored, run, registry)
        if expected is None:
            return "study.json does not say what its row or its environment is"
        if differing := differences(expected, config):
            return f"study.json and the run's manifest differ in {', '.join(differing)}"
    try:
        series = store.series_sha256(store.read_table(run_dir))
    except (OSError, pa.ArrowInvalid, store.Damaged) as problem:
        return f"episodes.parquet cannot be read: {problem}"
    return (
        None if series == status.manifest.get("series_sha256") else "the series does not match series_sha256"
    )


def expected_config(
    stored: Mapping[str, Any], run: Mapping[str, Any], registry: Registry = SHIPPED
) -> dict[str, Any] | None:
    """A run's configuration by study.json; None where it says nothing of it."""
    try:
        row = next(row for row in stored["rows"] if row["label"] == run["label"])
        environment = next(env for env in stored["environments"] if env["env_id"] == run["env_id"])
        slots = {**row["slots"], **environment["row_slots"].get(run["label"], {})}
        pieces = {slot: {k: v for k, v in piece.items() if k != "facts"} for slot, piece in slots.items()}
        variant = from_plain(pieces, registry.kinds)
        return {
            "env_id": run["env_id"],
            "env_args": environment["args"],
            "slots": plain_changes(variant),
            **registry.config_of(variant),
            "settings": Settings(**{**row["settings"], **environment["settings"]}).plain_changes(),
            "seed": run["seed"],
            "entropy": stored["entropy"],
            "engine": engines.path(stored["engine"], variant),
        }
    except (KeyError, TypeError, StopIteration):
        return None


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of ``expected`` whose values in ``actual`` are others."""
    differing = []
    for key, value in expected.items():
        other = actual.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            differing += differences(value, other, f"{prefix}{key}.")
        elif value != other:
            differing.append(f"{prefix}{key}")
    return differing
