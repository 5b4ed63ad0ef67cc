"""``status``: the status of the runs that study.json lists."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ablations import store
from ablations.cli import compose
from ablations.cli.console import reason_of, say, stored_study, table, unlisted_text
from ablations.runner import looks, progress_file
from ablations.runner.progress import span
from ablations.runner.statuses import code_changes, environment_changes, read_statuses
from ablations.store import RunStatus, archives

ALL_VALID, SOME_INVALID = 0, 1
STATES = (*store.VALID, *store.ATTEMPTS, "damaged", "missing")


def main(arguments: Namespace) -> int:
    """Print a table of states by environment and row, and every run that was tried and is not valid."""
    study, folder = compose.locate(arguments.study, arguments.results, arguments.problems)
    stored = stored_study(folder, f"all {len(study.runs())} runs of {study.name} are to do")
    if stored is None:
        return SOME_INVALID
    runner = progress_file.runner(folder)
    statuses = read_statuses(stored, folder)
    say(overview(stored, statuses.listed))
    for path, status in statuses.listed.items():
        if not status.is_valid and status.state != "missing":
            say(f"  {status.state}: {path}{reason_of(status)}")
    for name, reason in archives.unreadable(folder).items():
        say(f"  damaged: {name} ({reason}); its runs are missing")
    say(f"{statuses.valid} of {len(statuses.listed)} runs are valid ({folder})")
    if runner is not None:
        say(pace(runner))
    if statuses.unlisted:
        say(unlisted_text(statuses.unlisted))
    if differs := study.registry.differs_from(stored.get("pieces", {})):
        say(differs)
    for change in code_changes(statuses):
        say(f"the code changed: {change}")
    for change in environment_changes(statuses.listed.values()):
        say(f"an environment changed: {change}")
    begun = looks.at_stored(compose.as_begun(study, stored), folder)
    for line in looks.state_lines(begun, folder):
        say(line)
    asked = {run.path for run in begun.runs()}
    # until decided, an interrupted `run` or one with --seeds may have listed less
    if not asked >= set(statuses.listed) if study.decide.looks else asked != set(statuses.listed):
        say(
            "the study file asks for other runs than the last `run` stored in study.json; `run` brings it up to date"
        )
    return ALL_VALID if statuses.valid == len(statuses.listed) else SOME_INVALID


def overview(stored: Mapping[str, Any], statuses: Mapping[str, RunStatus]) -> str:
    """A table with a line per environment and row and a count for each state."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for run in stored["runs"]:
        counts.setdefault((run["env_id"], run["label"]), Counter())[statuses[run["path"]].state] += 1
    lines = [
        {
            "environment": env_id,
            "row": label,
            "runs": states.total(),
            **{state: states[state] or "" for state in STATES},
        }
        for (env_id, label), states in counts.items()
    ]
    present = {status.state for status in statuses.values()}
    return table(lines, ("environment", "row", "runs", *(state for state in STATES if state in present)))


def pace(runner: progress_file.Runner) -> str:
    """A sentence on who runs the study now, how far it is and how long it will take."""
    if not runner.total:
        return f"{runner} runs it, and is getting ready"
    rate = runner.done / max(runner.at - runner.started, 1e-3)
    left = f", {span((runner.total - runner.done) / rate)} left" if rate > 0 else ""
    return f"{runner} runs it: {runner.done / runner.total:.0%} done, {rate:,.0f} lane-steps/s{left}"
