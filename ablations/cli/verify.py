"""``verify``: do the stored runs hold what their manifests and study.json say?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations import asked, grid, packed, store
from ablations.cli.speech import reason_of, say, table, together
from ablations.store import Standing

WHOLE, NOT_WHOLE = 0, 1


def main(arguments: Namespace) -> int:
    """Check every stored run; print what fails in a table."""
    _, folder = together(
        arguments.problems, lambda: asked.locate(arguments.study, arguments.results or "results")
    )
    try:
        stored = store.read_study(folder)
    except FileNotFoundError:
        say(f"{folder}: never run; there is nothing to verify")
        return NOT_WHOLE
    except store.Damaged as damage:
        say(f"{folder / store.STUDY}: damaged: {damage}")
        return NOT_WHOLE
    survey = grid.survey(stored, folder)
    failures = [{"run": name, "failure": reason} for name, reason in packed.unreadable(folder).items()]
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
    return NOT_WHOLE if failures else WHOLE


def _failure(stored: Mapping[str, Any], run: Mapping[str, Any], run_dir: Path, standing: Standing) -> str:
    """What is wrong with a listed run, or an empty text. Files and keys were checked by ``store.inspect`` before."""
    if standing.state == "damaged" or standing.state in store.ATTEMPTS:
        return f"{standing.state}{reason_of(standing)}"
    if standing.manifest is None:
        return ""
    differing = differences(expected_config(stored, run), standing.manifest["config"])
    if differing:
        return f"study.json and the run's manifest differ in {', '.join(differing)}"
    return _table_failure(run, run_dir, standing.manifest) if standing.stands else ""


def _table_failure(run: Mapping[str, Any], run_dir: Path, manifest: Mapping[str, Any]) -> str:
    episodes = store.read_table(run_dir)
    names_and_types = [(field.name, field.type) for field in episodes.schema]
    if names_and_types != [(field.name, field.type) for field in store.EPISODES]:
        return "episodes.parquet has another schema"
    if episodes.num_rows != manifest["files"]["episodes.parquet"]["rows"]:
        return "episodes.parquet has another number of rows than the manifest says"
    if store.series_sha256(episodes) != manifest.get("series_sha256"):
        return "the series does not match series_sha256"
    for column, value in (("env_id", run["env_id"]), ("variant", run["label"]), ("seed", run["seed"])):
        if set(episodes.column(column).to_pylist()) - {value}:
            return f"episodes.parquet names another {column}"
    return ""


def expected_config(stored: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """What study.json says of a run's configuration."""
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
