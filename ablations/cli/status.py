"""``status``: what stands of the runs that study.json lists."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ablations import store
from ablations.cli import options
from ablations.cli.console import collect_problems, kept, reason_of, say, stored_study, table
from ablations.cli.watch import watch
from ablations.runner import grid
from ablations.store import RunStatus, archives

ALL_STAND, SOME_DO_NOT = 0, 1
STATES = (*store.VALID, *store.ATTEMPTS, "damaged", "missing")


def main(arguments: Namespace) -> int:
    """Print a table of states by environment and row, and every run that was tried and does not stand."""
    study, folder = collect_problems(
        arguments.problems, lambda: options.locate(arguments.study, arguments.results or "results")
    )
    if arguments.watch:
        return watch(folder, overview)
    stored = stored_study(folder, f"all {len(study.runs())} runs of {study.name} are to do")
    if stored is None:
        return SOME_DO_NOT
    survey = grid.survey(stored, folder)
    say(overview(stored, survey.states))
    for path, standing in survey.states.items():
        if not standing.is_valid and standing.state != "missing":
            say(f"  {standing.state}: {path}{reason_of(standing)}")
    for name, reason in archives.unreadable(folder).items():
        say(f"  damaged: {name} ({reason}); its runs are missing")
    stand = sum(standing.is_valid for standing in survey.states.values())
    say(f"{stand} of {len(survey.states)} runs stand ({folder})")
    if survey.unlisted:
        say(kept(survey.unlisted))
    for change in grid.code_changes(survey):
        say(f"the code changed: {change}")
    changed = {run.path for run in options.with_stored_engine(study, folder).runs()} ^ set(survey.states)
    if changed:
        say(
            "the study file asks for other runs than the last `run` stored in study.json; `run` brings it up to date"
        )
    return ALL_STAND if stand == len(survey.states) else SOME_DO_NOT


def overview(stored: Mapping[str, Any], states: Mapping[str, RunStatus]) -> str:
    """A table with a line per environment and row and a count for each state."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for run in stored["runs"]:
        counts.setdefault((run["env_id"], run["label"]), Counter())[states[run["path"]].state] += 1
    lines = [
        {
            "environment": env_id,
            "row": label,
            "runs": found.total(),
            **{state: found[state] or "" for state in STATES},
        }
        for (env_id, label), found in counts.items()
    ]
    present = {standing.state for standing in states.values()}
    return table(lines, ("environment", "row", "runs", *(state for state in STATES if state in present)))
