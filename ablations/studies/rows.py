"""The rows that a study file means: what runs, what need not or can't be run, and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ablations.dqn import settings, variants
from ablations.dqn.variants import NAMED, Named, changed
from ablations.errors import Findings, few, hint
from ablations.studies import expand, pieces
from ablations.studies.expand import Candidate
from ablations.studies.schema import ALL, Document
from ablations.studies.study import Environment, LeftOut, Row, Study

MOST_RUNS = 1_000_000
TOO_MANY = "a slip of the finger? Split the study if it is meant"


def with_rows(study: Study, sections: Document, found: Findings) -> Study:
    """The study with rows, aliases and baseline, as far as the sections they rest on hold no mistake."""
    tables = study.document.get("variant", {})
    own = pieces.read_variants(
        sections.variant,
        list(tables) if isinstance(tables, dict) else [],
        study.slots,
        found,
    )
    listed = _listed(sections, study.document, own, found)
    cells = expand.cells(sections.factors, study.slots, found)
    _check_names([*cells, *listed], own, found)
    candidates, misfits = _fitting(study, [*cells, *listed], found)
    sound = not found.below("pieces", "variants", "variant", "factors", "slots")
    baseline = _baseline(study, candidates, {**NAMED, **own}, found) if sound else ""
    made = {each.name: changed(study.slots, each.changes) for each in candidates}
    expand.check_sweep(sections.sweep, made, found, complete=sound)
    _check_overrides(study, sections.sweep, found)
    if not sound or found.below("sweep", "settings", "env"):
        return study
    if expand.count(made.values(), sections.sweep) > expand.MOST_ROWS:
        found.add("sweep", f"more than {expand.MOST_ROWS:,} rows: {TOO_MANY}")
        return study
    everything = expand.expand(candidates, sections.sweep, study.slots, study.settings)
    for row in everything:
        if len(row.label) > expand.LONGEST_LABEL:
            found.add(
                "sweep", f"the label '{row.label[:60]}...' is longer than {expand.LONGEST_LABEL} characters"
            )
    resolved = _resolved(replace(study, left_out=misfits), candidates, everything, baseline, found)
    if len(resolved.rows) * len(study.environments) * len(study.seeds) > MOST_RUNS:
        found.add("seeds", f"more than {MOST_RUNS:,} runs: {TOO_MANY}")
    return replace(resolved, notes=tuple(_notes(resolved, list(sections.sweep), own, listed)))


def _resolved(
    study: Study, candidates: Sequence[Candidate], everything: list[Row], baseline: str, found: Findings
) -> Study:
    """The study with those of its rows that can be run and differ, each with what it is compared with."""
    by_name = {each.name for each in candidates if each.by_name}
    by_all = {each.name for each in candidates if not each.by_name and not each.cell}
    possible, left_out = _without_objections(study, everything, {*by_name, baseline}, found)
    equal = {other: one for one, other in expand.equal_rows(possible)}
    for row in possible:
        if row.label in equal and row.variant in by_all:
            left_out.append(LeftOut(row.label, f"equal to '{equal[row.label]}'"))
        elif row.label in equal:
            message = f"the rows '{equal[row.label]}' and '{row.label}' have equal slots and settings"
            found.add("variants", f"{message}; keep one of them")
    rows, aliases = expand.without_aliases([row for row in possible if row.label not in equal])
    instead = {**equal, **{alias.label: alias.of for alias in aliases}}
    points = {instead.get(row.label, row.label): row for row in possible if row.variant == baseline}
    named = next((row for row in everything if row.variant == baseline), None)
    rows = expand.against(rows, points, {} if named is None else _own_values(study, candidates, named))
    if rows and not any(row.variant == baseline for row in rows):
        baseline = next((row.variant for row in rows if row.label in points), baseline)
    return replace(
        study,
        rows=tuple(rows),
        aliases=tuple(aliases),
        left_out=(*study.left_out, *left_out),
        baseline=baseline,
    )


# ---- what is listed ----


def _listed(
    sections: Document, document: Mapping[str, Any], own: Mapping[str, Named | None], found: Findings
) -> list[Candidate]:
    """The variants that the study lists, known ones only; all are the shipped ones that the study's pieces fit."""
    if not sections.variants and not found.below("variants") and "factors" not in document:
        missing = 'missing: a list of variants, or "all" for every shipped one'
        empty = 'expected a list of variants (or "all"), got []'
        found.add("variants", empty if "variants" in document else missing)
    if sections.variants == (ALL,):
        return [Candidate(name, named.title, named.changes, {}, False) for name, named in NAMED.items()]
    known: dict[str, Named | None] = {**NAMED, **own}
    for name in sections.variants:
        if name not in known:
            found.add("variants", f"unknown variant '{name}'{hint(name, list(known))}")
    named = {name: known[name] for name in sections.variants if name in known}
    return [
        Candidate(name, each.title, each.changes, {}, True)
        for name, each in named.items()
        if each is not None
    ]


def _check_names(candidates: Sequence[Candidate], own: Mapping[str, Named | None], found: Findings) -> None:
    """No two rows have one name, and no two variants one label."""
    cells = {each.name for each in candidates if each.cell}
    titles: dict[str, str] = {}
    for each in candidates:
        if not each.cell and each.name in cells:
            found.add("variants", f"'{each.name}' is also the label of a cell of [factors]")
        if each.name not in own:
            titles.setdefault(each.title, each.name)
    for name, named in own.items():
        if named is not None and titles.setdefault(named.title, name) != name:
            message = f"'{named.title}' is also the label of '{titles[named.title]}'"
            found.add(f"variant.{name}.label", message)


def _fitting(
    study: Study, candidates: Sequence[Candidate], found: Findings
) -> tuple[list[Candidate], tuple[LeftOut, ...]]:
    """The candidates whose numbers the study's own pieces have in every environment, and the others."""
    bases = [study.slots, *map(study.slots_in, study.environments)]
    left_out = []
    for each in candidates:
        lack = next(filter(None, (pieces.lacking(each.changes, base) for base in bases)), None)
        if lack is not None and each.by_name:
            found.add("variants", f"'{each.name}' can't be put on the pieces of this study: {lack}")
        elif lack is not None:
            left_out.append(LeftOut(each.name, lack))
    labels = {each.label for each in left_out}
    return [each for each in candidates if each.name not in labels], tuple(left_out)


def _baseline(
    study: Study, candidates: Sequence[Candidate], known: Mapping[str, Named | None], found: Findings
) -> str:
    """The variant or cell to compare with; a variant may stand for the cell that equals it."""
    name = study.baseline
    named = known.get(name)
    if any(each.name == name for each in candidates):
        return name
    if named is not None:
        variant = changed(study.slots, named.changes)
        for each in candidates:
            if each.cell and changed(study.slots, each.changes) == variant:
                return each.name
    if not found.below("baseline"):
        near = hint(name, [each.name for each in candidates])
        missing = "" if "baseline" in study.document else "missing, and its default, "
        found.add("baseline", f"{missing}'{name}' is not among the variants of this study{near}")
    return ""


def _own_values(study: Study, candidates: Sequence[Candidate], row: Row) -> dict[str, Any]:
    """The study's own value of each key that is swept for the baseline, of which this is a row."""
    variant = next(changed(study.slots, each.changes) for each in candidates if each.name == row.variant)
    own = {}
    for key in row.swept:
        slot, _, number = key.partition(".")
        own[key] = getattr(getattr(variant, slot), number) if number else getattr(study.settings, key)
    return own


def _check_overrides(study: Study, sweep: expand.Sweep, found: Findings) -> None:
    """An environment overrides nothing that is swept."""
    for environment in study.environments:
        key = f'env."{environment.env_id}"'
        for name in environment.settings:
            if name in sweep:
                found.add(f"{key}.settings.{name}", f"'{name}' is swept; an environment cannot override it")
        for dotted in sweep:
            slot, _, number = dotted.partition(".")
            change = environment.slots.get(slot) if number else None
            if change is not None and (not isinstance(change, Mapping) or number in change):
                found.add(f"{key}.slots.{slot}", f"'{dotted}' is swept; an environment cannot override it")


# ---- objections ----


class Objection(NamedTuple):
    """What a row's pieces have against each other or against the settings in an environment."""

    env_id: str
    place: str  # the key of the study file to mend
    sentence: str


def _without_objections(
    study: Study, rows: Sequence[Row], needed: set[str], found: Findings
) -> tuple[list[Row], list[LeftOut]]:
    """The rows that can be run, and the others with the reason; it is a mistake if no row of a needed variant can."""
    objections: dict[str, list[Objection]] = {}
    for row in rows:
        for environment in study.environments:
            here = study.row_in(environment, row)
            for key, sentence in settings.objections(here.settings):
                found.add(_place(study, environment, row, key, sentence), sentence)
            for key, sentence in variants.objections(here.slots, here.settings):
                place = _place(study, environment, row, key, sentence)
                objections.setdefault(row.label, []).append(Objection(environment.env_id, place, sentence))
    runnable = {row.variant for row in rows if row.label not in objections}
    for row in rows:
        if row.variant in needed and row.variant not in runnable:
            _report(objections, [each.label for each in rows], objections[row.label], found)
    left_out = []
    for label, each in objections.items():
        env_ids = list(dict.fromkeys(objection.env_id for objection in each))
        where = "" if len(env_ids) == len(study.environments) else f" ({few(env_ids)})"
        left_out.append(LeftOut(label, f"{each[0].sentence}{where}"))
    return [row for row in rows if row.label not in objections], left_out


def _report(
    objections: Mapping[str, Sequence[Objection]],
    labels: Sequence[str],
    wrong: Sequence[Objection],
    found: Findings,
) -> None:
    """Note the mistakes, with the rows that they concern unless these are all."""
    for objection in wrong:
        concerned = [label for label in labels if objection in objections.get(label, ())]
        rows = "" if len(concerned) == len(labels) else f" ({few(concerned)})"
        found.add(objection.place, f"{objection.sentence}{rows}")


def _place(study: Study, environment: Environment, row: Row, key: str, sentence: str) -> str:
    """The key to mend: an override or a swept value of what the sentence names, else the setting or number itself."""
    slot, _, number = key.partition(".")
    here = f'env."{environment.env_id}"'
    if not number:
        names = [key, *(name for name in settings.NAMES if name in sentence)]
        overridden = next((name for name in names if name in environment.settings), None)
        swept = next((name for name in names if name in row.swept), None)
        return (
            f"{here}.settings.{overridden}"
            if overridden
            else f"sweep.{swept}"
            if swept
            else f"settings.{key}"
        )
    if key in row.swept:
        return f"sweep.{key}"
    if slot in row.changes:
        own = study.document.get("variant", {}).get(row.variant, {})
        return (
            f"factors.{slot}"
            if row.cell
            else f"variant.{row.variant}.{key if slot in own else 'base'}"
            if own
            else "variants"
        )
    return f"{here}.slots.{key}" if slot in environment.slots else f"slots.{key}"


# ---- notes ----


def _notes(
    study: Study, sweep: Sequence[str], own: Mapping[str, Any], listed: Sequence[Candidate]
) -> Iterator[str]:
    """What is legal but worth knowing before a study is run."""
    for key in sweep:
        lacking = dict.fromkeys(row.variant for row in study.rows if key not in row.swept)
        if lacking:
            yield f"{key} does not apply to {few(lacking)}: one row for each point of the other keys"
    alone = [row.label for row in study.rows if row.against is None and row.variant != study.baseline]
    if alone:
        yield (
            f"{few(alone)}: compared with nothing, as no single row of the baseline {study.baseline} has this point "
            "of the sweep"
        )
    for environment in study.environments:
        here = [study.row_in(environment, row) for row in study.rows]
        idle = [row.label for row in here if row.settings.total_timesteps < row.settings.learning_starts]
        if idle:
            yield (
                f"{environment.env_id}: total_timesteps is below learning_starts, so no update is ever made "
                f"({few(idle)})"
            )
        for alias in expand.without_aliases(here)[1]:
            yield f"{environment.env_id}: {alias.label} behaves as {alias.of}"
    bases = {table.get("base") for table in study.document.get("variant", {}).values()}
    for name in own:
        if name not in bases and all(each.name != name for each in listed):
            yield f"variant.{name} is defined but not listed in variants"
