"""Looks of a study that runs until it is decided: its plan stored before the first run, decisions a look at a time.

decisions.json is written under the lock, whole; the runs of a look are listed in study.json before any of them begins.
Whatever is killed in between, the same runs give the same decisions, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations import store
from ablations.errors import few
from ablations.runner.quarantine import quarantine
from ablations.store import RunStatus
from ablations.studies import deciding
from ablations.studies.study import Study

Decisions = Mapping[str, Any]
"""decisions.json: the plan and its digest, earlier plans, looks."""


@dataclass(frozen=True)
class Judge:
    """What judges looks: handed in, since the runner knows nothing of statistics."""

    decide: Callable[[Path], Decisions]
    """The decisions with every look added whose runs are finished."""
    newly_decided: Callable[[Decisions, Decisions], list[str]]
    """A line on each row that the second decisions decide and the first don't."""


class PlanChanged(Exception):
    """A plan may change only before its first look is judged; the text says what changed."""


def stored(folder: Path) -> dict[str, Any] | None:
    """The stored decisions; None where there are none that can be read."""
    try:
        return store.read_decisions(folder)
    except (FileNotFoundError, store.Damaged):
        return None


def at_stored(study: Study, folder: Path, longest: bool = False) -> Study:
    """The study with the seeds that it asks for after the looks that were judged by its own plan.

    ``longest``: with all that it may ask for, if nothing more is decided.
    """
    return deciding.at_looks(study, _judged(study, folder), longest)


def check_plan(study: Study, folder: Path) -> None:
    """Raise ``PlanChanged`` where a look was judged by another plan."""
    decisions = stored(folder) if study.decide.looks else None
    if decisions and decisions["looks"] and not _is_of(study, decisions):
        raise PlanChanged(_changes(decisions["plan"], deciding.plan_of(study)))


def begin(study: Study, folder: Path, note: Callable[[str], None]) -> Decisions:
    """Store the plan, unless it is stored; gives the decisions. Under the lock.

    A plan by which no look was judged is replaced, one by which some were is kept beside the new one; both are said.
    """
    plan = deciding.plan_of(study)
    decisions: dict[str, Any] = {
        "plan": plan,
        "plan_sha256": deciding.digest_of(plan),
        "earlier": [],
        "looks": [],
    }
    try:
        before = store.read_decisions(folder)
    except FileNotFoundError:
        before = None
    except store.Damaged as damage:
        note(
            f"{store.DECISIONS}: {damage}; moved to {quarantine(folder, store.DECISIONS)}; looks are judged again"
        )
        before = None
    if before and _is_of(study, before):
        return before
    if before:
        changes, looks = _changes(before["plan"], plan), before["looks"]
        kept = {name: before[name] for name in ("plan", "plan_sha256", "looks")}
        decisions["earlier"] = [*before["earlier"], *([kept] if looks else [])]
        what = (
            f"replaces one by which {len(looks)} looks were judged, which voids the guarantee: every table says so"
            if looks
            else "replaces the stored one, by which nothing was judged yet"
        )
        note(f"the plan changed ({changes}): it {what}")
    store.write_decisions(folder, decisions)
    return decisions


def carry_on(before: Decisions, folder: Path, judge: Judge, note: Callable[[str], None]) -> Decisions | None:
    """Judge the looks whose runs are finished, store and say what they decide. Under the lock.

    None where there was none to judge, so that no more runs are asked for.
    """
    after = judge.decide(folder)
    if len(after["looks"]) == len(before["looks"]):
        return None
    store.write_decisions(folder, after)
    for line in judge.newly_decided(before, after):
        note(line)
    return after


def name_of(study: Study, decisions: Decisions | None) -> str:
    """The study's name, and, until decided, its look: 'core, look 2 of 6 (16 seeds), 3 of 12 rows decided'."""
    looks = study.decide.looks
    if not looks:
        return study.name
    families = deciding.families(study, decisions["looks"] if decisions else ())
    open_ = [family for family in families if family.undecided] or families
    seeds = max(len(study.seeds_of(*place)) for place in study.counts)
    which = min(len(looks), 1 + min(family.judged for family in open_))
    rows, decided = sum(each.rows for each in families), sum(len(each.decided) for each in families)
    return f"{study.name}, look {which} of {len(looks)} ({seeds} seeds), {decided} of {rows} rows decided"


def state_lines(study: Study, folder: Path) -> list[str]:
    """A line per environment: 'CartPole-v1: look 2 of 6 was judged, 7 of 12 rows are decided'."""
    if not study.decide.looks:
        return []
    return [_state_text(study, family) for family in deciding.families(study, _judged(study, folder))]


def waiting(study: Study, statuses: Mapping[str, RunStatus], folder: Path) -> list[str]:
    """A line per environment whose next look waits for runs that are no part of what was asked for.

    ``study`` is as its stored looks left it (``at_stored``), ``statuses`` those that are known.
    """
    unfinished: dict[str, dict[str, None]] = {}
    for run in study.runs() if study.decide.looks else ():
        status = statuses.get(run.path) or store.inspect(folder / run.path, run.key)
        if status.state in ("missing", "damaged"):
            unfinished.setdefault(run.env_id, {})[run.label] = None
    return [f"{env_id}: the next look waits for {few(labels)}" for env_id, labels in unfinished.items()]


def _state_text(study: Study, family: deciding.Family) -> str:
    looks = study.decide.looks or ()
    judged, undecided = family.judged, family.undecided
    which = (
        f"look {judged} of {len(looks)} was judged" if judged else f"no look of {len(looks)} was judged yet"
    )
    text = f"{family.env_id}: {which}, {len(family.decided)} of {family.rows} rows are decided"
    if not undecided:
        return text
    if judged == len(looks):
        return f"{text}; undecided after {looks[-1]} seeds: {few(undecided)}"
    return f"{text}; the next look, at {looks[judged]} seeds, is for {few(undecided)}"


def _judged(study: Study, folder: Path) -> deciding.Looks:
    """The looks that were judged by the study's own plan."""
    decisions = stored(folder)
    return decisions["looks"] if decisions and _is_of(study, decisions) else ()


def _is_of(study: Study, decisions: Decisions) -> bool:
    return bool(decisions["plan_sha256"] == deciding.digest_of(deciding.plan_of(study)))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between two plans, by name."""
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return few(differing)
