"""The rows that a study file means: baseline, aliases, what settings and pieces forbid each other, and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ablations.dqn import settings
from ablations.dqn.settings import Settings
from ablations.dqn.variants import NAMED, Named
from ablations.errors import Findings, few, hint, shown
from ablations.studies import expand
from ablations.studies.expand import Alias, Row
from ablations.studies.study import Environment, Study

TOO_MANY = "a slip of the finger? Split the study if it is meant"


@dataclass(frozen=True)
class Rows:
    """What a study runs, what need not be run, and what it is compared with."""

    rows: list[Row]
    aliases: list[Alias]
    baseline: str


def read_rows(
    document: Mapping[str, Any],
    own: Mapping[str, Named | None],
    listed: list[str],
    cells: Mapping[str, Named],
    sweep: expand.Sweep,
    shared: Settings,
    found: Findings,
) -> Rows:
    """Rows, aliases and baseline, as far as the sections they rest on hold no mistake."""
    known: dict[str, Named | None] = {**NAMED, **own}
    chosen = {name: variant for name in listed if (variant := known[name]) is not None}
    nothing = Rows([], [], "")
    baseline = _read_baseline(document, known, chosen, cells, found)
    if found.below("variants", "variant", "factors"):
        return nothing
    variants = {**cells, **chosen}
    expand.check_applied(sweep, variants, found)
    if found.below("sweep", "settings"):
        return nothing
    if expand.count((named.variant for named in variants.values()), sweep) > expand.MOST_ROWS:
        found.add("sweep", f"more than {expand.MOST_ROWS:,} rows: {TOO_MANY}")
        return nothing
    crossed, aliases = expand.without_aliases(expand.expand(cells, sweep, shared))
    everything = [*crossed, *expand.expand(chosen, sweep, shared)]
    for one, other in expand.equal_rows(everything):
        found.add(
            "variants", f"the rows '{one}' and '{other}' have equal slots and settings; keep one of them"
        )
    for row in everything:
        if len(row.label) > expand.LONGEST_LABEL:
            found.add(
                "sweep", f"the label '{row.label[:60]}...' is longer than {expand.LONGEST_LABEL} characters"
            )
    return Rows(everything, aliases, _settled(baseline, everything, aliases))


def _read_baseline(
    document: Mapping[str, Any],
    known: Mapping[str, Named | None],
    chosen: Mapping[str, Named],
    cells: Mapping[str, Named],
    found: Findings,
) -> str:
    """The variant or cell to compare with; a variant may stand for the cell that equals it."""
    name = document.get("baseline", "dqn")
    if not isinstance(name, str):
        found.add("baseline", f"expected the name of a variant, got {shown(name)}")
        return ""
    if name in chosen or name in cells:
        return name
    named = known.get(name)
    for label, cell in cells.items():
        if named is not None and cell.variant == named.variant:
            return label
    if not found.below("variants", "variant", "factors"):
        near = hint(name, [*chosen, *cells])
        missing = "" if "baseline" in document else "missing, and its default, "
        found.add("baseline", f"{missing}'{name}' is not among the variants of this study{near}")
    return ""


def _settled(baseline: str, everything: list[Row], aliases: list[Alias]) -> str:
    """The baseline's variant, or that of the row which runs in its place."""
    if any(row.variant == baseline for row in everything):
        return baseline
    of = {alias.of for alias in aliases if alias.label.partition("@")[0] == baseline}
    return next((row.variant for row in everything if row.label in of), baseline)


def check_overrides(envs: list[Environment], sweep: expand.Sweep, found: Findings) -> None:
    for environment in envs:
        for name in environment.settings:
            if name in sweep:
                message = f"'{name}' is swept; an environment cannot override it"
                found.add(f'env."{environment.env_id}".settings.{name}', message)


def check_together(environment: Environment, row: Row, found: Findings) -> None:
    """Pairs of settings, and of settings and pieces, that exclude each other in the runs of a row."""
    values = vars(replace(row.settings, **environment.settings))
    for names, message in settings.disagreements(values):
        found.add(_place(names, environment, row), message)
    if row.slots.replay.kind == "consecutive" and values["buffer_size"] < values["batch_size"]:
        found.add(
            _place(("buffer_size", "batch_size"), environment, row),
            f"buffer_size ({values['buffer_size']}) is too small: 'consecutive' ({row.variant}) "
            f"needs the last batch_size ({values['batch_size']}) transitions",
        )


def _place(names: tuple[str, ...], environment: Environment, row: Row) -> str:
    """Where to mend a disagreement: an override, else a swept value, else the shared setting."""
    for name in names:
        if name in environment.settings:
            return f'env."{environment.env_id}".settings.{name}'
    for name in names:
        if name in row.swept:
            return f"sweep.{name}"
    return f"settings.{names[0]}"


def notes(study: Study, sweep: expand.Sweep, own: Mapping[str, Any], listed: list[str]) -> list[str]:
    """What is legal but worth knowing before a study is run."""
    found = []
    for key in sweep:
        if "." in key:
            lacking = dict.fromkeys(row.variant for row in study.rows if key not in row.swept)
            if lacking:
                found.append(
                    f"{key} does not apply to {few(lacking)}: one row for each point of the other keys"
                )
    for environment in study.environments:
        idle = [
            row.label
            for row in study.rows
            if (run := study.run_settings(environment, row)).total_timesteps < run.learning_starts
        ]
        if idle:
            found.append(
                f"{environment.env_id}: total_timesteps is below learning_starts, so no update is ever made "
                f"({few(idle)})"
            )
    bases = {table.get("base") for table in study.document.get("variant", {}).values()}
    for name in own:
        if name not in listed and name not in bases:
            found.append(f"variant.{name} is defined but not listed in variants")
    return found
