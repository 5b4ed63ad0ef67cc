"""Studies: load one by name or from a file, and change its seeds or steps.

``load`` reports every mistake at once (``BadInput``); it writes nothing and imports nothing by name, but runs the code
of the files that a study lists as ``pieces``. The one later step that may import, because Gymnasium does, is
``check_environments``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations import engines, store
from ablations.dqn.settings import Settings
from ablations.dqn.variants import DQN, changed
from ablations.envs import checks, preprocessing
from ablations.errors import BadInput, Findings, Problem, hint
from ablations.studies import catalog, pieces, registry, rows, schema
from ablations.studies.deciding import at_looks
from ablations.studies.study import LOOKS, Decide, Environment, Record, Study

TOO_DEEP = "nested too deeply"


def load(source: str | os.PathLike[str]) -> Study:
    """The study of a shipped name or a file. Raises ``BadInput`` with every mistake."""
    return from_document(read_document(source), os.fspath(source), not is_file_name(source))


def read_document(source: str | os.PathLike[str]) -> dict[str, Any]:
    """The TOML of a shipped name or a file, not validated. Raises ``BadInput`` where there is none."""
    where = os.fspath(source)
    if is_file_name(source):
        return _parsed(Path(source), where)
    if where not in catalog.names():
        message = f"no shipped study has this name{hint(where, catalog.names())}"
        raise BadInput([Problem(where, "STUDY", f"{message} (the name of a file ends in .toml)")])
    return _parsed(catalog.path_of(where), where)


def from_document(document: Mapping[str, Any], where: str = "study", ships: bool = False) -> Study:
    """The study of a parsed TOML document; only one that ships may bear a shipped name. Raises ``BadInput``."""
    found = Findings(where)
    own = _registry(document, where, found)
    try:
        sections = schema.read(document, own.kinds, found)
    except RecursionError:
        raise BadInput([Problem(where, "STUDY", TOO_DEEP)]) from None
    _check_name(document, sections.name, ships, found)
    _check_envs(document, sections, found)
    slots = pieces.checked_changes(sections.slots, DQN, found, "slots")
    base = changed(DQN, slots)
    environments = tuple(_environment(each, sections.env.get(each), found) for each in sections.envs)
    engine = engines.available()[0] if sections.engine == "auto" else sections.engine
    if sections.engine != "auto":
        _check_engine(engine, environments, found)
    decide = _decide(sections, found)
    study = Study(
        name=sections.name,
        question=sections.question,
        where=where,
        entropy=sections.entropy,
        engine=engine,
        baseline=sections.baseline,
        seeds=tuple(range(decide.looks[-1])) if decide.looks else sections.seeds or (),
        settings=Settings(**sections.settings),
        slots=base,
        environments=environments,
        record=Record(**sections.record),
        decide=decide,
        registry=own,
        document=document,
    )
    try:
        study = rows.with_rows(study, sections, found)
    except Exception as problem:  # of facts() and objections() with the numbers of some row
        told = own.blamed_for(problem)
        if told is None:
            raise
        found.add("pieces", told)
    found.in_order_of(document)
    found.stop()
    return at_looks(study, ())


def _registry(document: Mapping[str, Any], where: str, found: Findings) -> registry.Registry:
    """What ships, with the pieces of the study's own files; names that are none are the schema's to refuse."""
    listed = document.get("pieces", ())
    names = (
        [name for name in listed if isinstance(name, str) and registry.FILE.fullmatch(name)]
        if isinstance(listed, list | tuple)
        else []
    )
    return registry.read([Path(where).parent / name for name in dict.fromkeys(names)], found)


def _check_name(document: Mapping[str, Any], name: str, ships: bool, found: Findings) -> None:
    if "name" not in document:
        found.add("name", "missing")
    elif not ships and name in catalog.names():
        found.add("name", f"'{name}' is the name of a shipped study; choose another name")


def _check_envs(document: Mapping[str, Any], sections: schema.Document, found: Findings) -> None:
    if "envs" not in document:
        found.add("envs", "missing")
    folders: dict[str, str] = {}
    names: dict[str, str] = {}
    every = [*sections.envs, *(each for each in sections.further_envs if each not in sections.envs)]
    for env_id in every:
        key = "envs" if env_id in sections.envs else "further_envs"
        if not found.below("allow_modules"):
            checks.check_id(env_id, sections.allow_modules, found, key)
        # there are file systems that take large and small letters for the same
        other = folders.setdefault(store.env_folder(env_id).casefold(), env_id)
        if other != env_id:
            found.add(key, f"'{other}' and '{env_id}' would share a folder")
        other = names.setdefault(env_id.rpartition(":")[2], env_id)
        if other != env_id:
            found.add(
                key, f"'{other}' and '{env_id}' are one id: the module that is imported last would make both"
            )
    for env_id in () if found.below("envs", "further_envs") else sections.env:
        if env_id not in every:
            found.add(f'env."{env_id}"', f"not among the study's envs{hint(env_id, every)}")


def _decide(sections: schema.Document, found: Findings) -> Decide:
    """How the study decides; it looks only where its seeds are not fixed."""
    fixed = sections.seeds is not None
    if fixed and "looks" in sections.decide and not found.below("seeds"):
        message = f'looks are for seeds = "{schema.UNTIL_DECIDED}"; the seeds of this study are fixed'
        found.add("decide.looks", message)
    return Decide(**{"looks": None if fixed else LOOKS, **sections.decide})


def _check_engine(name: str, environments: Sequence[Environment], found: Findings) -> None:
    """Does this engine work here, and can it train on these environments?"""
    if reason := engines.unavailable_because(name):
        found.add("engine", f"'{name}' does not work here: {reason}; use 'auto' or 'reference'")
    for key, sentence in engines.refusals(name, {each.env_id: each.args for each in environments}):
        found.add(key, sentence)


def _environment(env_id: str, section: schema.EnvTable | None, found: Findings) -> Environment:
    section = schema.EnvTable() if section is None else section
    threshold = section.reward_threshold
    key = f'env."{env_id}".slots'
    recipe = _preprocessing(env_id, section, found)
    return Environment(
        env_id=env_id,
        args=section.args if recipe is None else {**section.args, preprocessing.KEY: recipe.plain()},
        settings=section.settings,
        slots=pieces.checked_changes(section.slots, DQN, found, key),
        reward_threshold=checks.registered_threshold(env_id) if threshold is None else threshold,
        value_bounds=section.value_bounds,
        margin=section.margin,
    )


def _preprocessing(env_id: str, section: schema.EnvTable, found: Findings) -> preprocessing.Nature | None:
    """What stands between the environment and the networks; it is told where it may not, or must."""
    recipe = None if section.preprocessing is None else preprocessing.Nature.of(section.preprocessing)
    key = f'env."{env_id}".{preprocessing.KEY}'
    told = any(problem.key.startswith(key) for problem in found.problems)
    if not told and (sentence := preprocessing.objection(env_id, section.args, recipe)):
        found.add(key, sentence)
    return recipe


def is_file_name(source: str | os.PathLike[str]) -> bool:
    """Does STUDY mean a file (it holds a path separator or ends in .toml) rather than a shipped study?"""
    if isinstance(source, os.PathLike):
        return True
    return source.endswith(".toml") or any(sep in source for sep in (os.sep, os.altsep or "/", "/"))


def with_seeds(study: Study, count: int) -> Study:
    """The same study with the seeds 0 to ``count`` - 1; one that runs until it is decided goes no further now."""
    if study.decide.looks:
        return at_looks(replace(study, most_seeds=count), ())
    return _reread(study, {**study.document, "seeds": count})


def with_steps(study: Study, steps: int) -> Study:
    """The same study with this ``total_timesteps`` everywhere. Raises ``BadInput`` if the study sweeps it."""
    document = dict(study.document)
    document["settings"] = {**document.get("settings", {}), "total_timesteps": steps}
    document["env"] = {
        env_id: {**table, "settings": _without(table.get("settings", {}), "total_timesteps")}
        for env_id, table in document.get("env", {}).items()
    }
    if "total_timesteps" in document.get("sweep", {}):
        raise BadInput([Problem(study.where, "sweep.total_timesteps", "the study itself sweeps the steps")])
    return _reread(study, document)


def with_envs(study: Study, asked: Collection[str]) -> Study:
    """The same study with those of its ``further_envs`` that are asked for."""
    envs, further = study.document["envs"], study.document.get("further_envs", ())
    more = [env_id for env_id in further if env_id in asked and env_id not in envs]
    return _reread(study, {**study.document, "envs": [*envs, *more]}) if more else study


def with_engine(study: Study, stored: str | None) -> Study:
    """Keep the engine that the study's first run chose and stored."""
    if stored is None or stored == study.engine:
        return study
    if reason := engines.unavailable_because(stored):
        message = (
            f"the stored results come from the engine '{stored}', which does not work here: "
            f"{reason}; choose another --results folder to run anew"
        )
        raise BadInput([Problem(study.where, "engine", message)])
    found = Findings(study.where)
    _check_engine(stored, study.environments, found)
    found.stop()
    return replace(study, engine=stored)


def with_rows_of(study: Study, stored: Mapping[str, Any]) -> Study:
    """The study as it began: ``variants = "all"`` goes on meaning the rows that study.json lists."""
    if study.document.get("variants") != schema.ALL:
        return study
    labels = {row["label"] for row in stored["rows"]}
    return replace(study, rows=tuple(row for row in study.rows if row.label in labels))


def with_engine_override(study: Study, name: str) -> Study:
    """The same study with this engine instead of its own. Raises ``BadInput`` where it can't train the study here."""
    return from_document({**study.document, "engine": name}, study.where, ships=True)


def check_environments(study: Study, needed: Collection[str] = ()) -> Study:
    """Make each environment once (only those ``needed``, if named) and refuse those that can't be trained on.

    Fills in what they show, and the reward thresholds of those that register themselves when they are imported.
    """
    found = Findings(study.where)
    checked = []
    for environment in study.environments:
        threshold, made = environment.reward_threshold, checks.NOT_MADE
        if not needed or environment.env_id in needed:
            made = checks.check_made(environment.env_id, environment.args, found)
            threshold = made.reward_threshold if threshold is None else threshold
        checked.append(
            replace(
                environment, reward_threshold=threshold, observation=made.observation, actions=made.actions
            )
        )
        _check_trunks(study, checked[-1], found)
    found.stop()
    return replace(study, environments=tuple(checked))


def _check_trunks(study: Study, environment: Environment, found: Findings) -> None:
    """Can the trunks of its rows take what it shows?"""
    if environment.observation is None:
        return
    trunks = {study.row_in(environment, row).slots.trunk: row.label for row in study.rows}
    for trunk, label in trunks.items():
        refusal = getattr(trunk, "refusal", None)
        if refusal is not None and (sentence := refusal(environment.observation.shape)):
            found.add("slots.trunk", f"'{label}' on '{environment.env_id}': {sentence}")


def _parsed(path: Path, where: str) -> dict[str, Any]:
    """The TOML of a file; every failure is told in one sentence."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        message = "no such file"
    except IsADirectoryError:
        message = "this is a folder; a study is a TOML file"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        message = f"not UTF-8: {error.reason} at byte {error.start}"
    except RecursionError:
        message = TOO_DEEP
    except ValueError as error:  # tomllib's own error among them, and paths with a null character
        message = f"not valid TOML: {error}"
    raise BadInput([Problem(where, "STUDY", message)])


def _reread(study: Study, document: Mapping[str, Any]) -> Study:
    """Validate a changed document; the engine stays."""
    again = from_document(document, study.where, ships=True)
    return at_looks(replace(again, engine=study.engine, most_seeds=study.most_seeds), ())


def _without(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != name}
