"""Reads a study's TOML document, section by section, into a resolved ``Study``, noting every mistake."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ablations import engines
from ablations.dqn import fields, settings
from ablations.dqn.settings import Settings
from ablations.dqn.variants import NAMED
from ablations.engines import cuda
from ablations.envs import checks
from ablations.errors import Findings, hint, shown
from ablations.store.keys import env_folder
from ablations.studies import catalog, expand, pieces, rows
from ablations.studies.study import Environment, Record, Study

KEYS = (
    "name",
    "question",
    "envs",
    "seeds",
    "baseline",
    "variants",
    "entropy",
    "engine",
    "allow_modules",
    "settings",
    "env",
    "variant",
    "sweep",
    "factors",
    "record",
)
ENV_KEYS = ("args", "settings", "value_bounds", "reward_threshold")
MOST_SEEDS = 100_000
MOST_RUNS = 1_000_000


def read(document: Mapping[str, Any], where: str, ships: bool = False) -> Study:
    """The study of a document. Raises ``BadInput`` with every mistake."""
    found = Findings(where)
    for key in document:
        if key not in KEYS:
            found.add(key, f"unknown key{_key_hint(key)}")
    name = _read_name(document.get("name"), found, ships)
    question = _read_question(document.get("question", ""), found)
    env_ids = _read_envs(document, found)
    seeds = _read_seeds(document.get("seeds", 10), found)
    entropy = _read_entropy(document.get("entropy", 0), found)
    engine = _read_engine(document.get("engine", "auto"), found)
    shared = _read_settings(document.get("settings", {}), found)
    envs = _read_env_sections(document.get("env", {}), env_ids, found)
    record = _read_record(document.get("record", {}), found)
    own = pieces.read_variants(document.get("variant", {}), found)
    listed = _read_variants(document, own, found)
    cells = expand.read_factors(document["factors"], found) if "factors" in document else {}
    sweep = expand.read_sweep(document.get("sweep", {}), next(iter((*cells, *listed)), "dqn"), found)
    if engine == "cuda":
        for key, sentence in cuda.refusals({environment.env_id: environment.args for environment in envs}):
            found.add(key, sentence)
    rows.check_overrides(envs, sweep, found)
    grid = rows.read_rows(document, own, listed, cells, sweep, shared, found)
    if not found.below("settings", "env", "sweep"):
        for environment in envs:
            for row in grid.rows:
                rows.check_together(environment, row, found)
    if len(grid.rows) * len(envs) * len(seeds) > MOST_RUNS:
        found.add("seeds", f"more than {MOST_RUNS:,} runs: {rows.TOO_MANY}")
    found.stop()
    study = Study(
        name=name,
        question=question,
        where=where,
        entropy=entropy,
        engine=engine,
        baseline=grid.baseline,
        seeds=seeds,
        settings=shared,
        environments=tuple(envs),
        rows=tuple(grid.rows),
        aliases=tuple(grid.aliases),
        record=record,
        notes=(),
        document=document,
    )
    return replace(study, notes=tuple(rows.notes(study, sweep, own, listed)))


# ---- simple keys ----


def _read_name(name: Any, found: Findings, ships: bool) -> str:
    if name is None:
        found.add("name", "missing")
    elif not isinstance(name, str) or not pieces.NAME.fullmatch(name):
        found.add("name", f"{pieces.NAME_RULE}, got {shown(name)}")
    elif not ships and name in catalog.names():
        found.add("name", f"'{name}' is the name of a shipped study; choose another name")
    return str(name)


def _read_question(question: Any, found: Findings) -> str:
    if not isinstance(question, str) or not (question.isprintable() and len(question) <= 500):
        found.add("question", f"expected one line of text, got {shown(question)}")
    return str(question)


def _read_envs(document: Mapping[str, Any], found: Findings) -> list[str]:
    modules = document.get("allow_modules", [])
    if not isinstance(modules, list) or not all(
        isinstance(module, str) and checks.MODULE.fullmatch(module) for module in modules
    ):
        found.add("allow_modules", f"expected a list of names of modules, got {shown(modules)}")
        modules = []
    if "envs" not in document:
        found.add("envs", "missing")
        return []
    envs = _read_names(document["envs"], "envs", "environment ids", found)
    for env_id in envs:
        checks.check_id(env_id, modules, found, "envs")
    folders: dict[str, str] = {}
    for env_id in envs:
        other = folders.setdefault(env_folder(env_id), env_id)
        if other != env_id:
            found.add("envs", f"'{other}' and '{env_id}' would share a folder")
    return envs


def _read_names(value: Any, key: str, what: str, found: Findings) -> list[str]:
    """A list of distinct strings."""
    if not isinstance(value, list) or not value:
        found.add(key, f"expected a list of {what}, got {shown(value)}")
        return []
    names: list[str] = []
    for name in value:
        if not isinstance(name, str):
            found.add(key, f"expected a list of {what}, got {shown(name)} in it")
        elif name in names:
            found.add(key, f"'{name}' stands there twice")
        else:
            names.append(name)
    return names


def _read_seeds(value: Any, found: Findings) -> tuple[int, ...]:
    if _is_int(value):
        if 1 <= value <= MOST_SEEDS:
            return tuple(range(value))
        found.add("seeds", f"expected 1 to {MOST_SEEDS:,} seeds or a list of them, got {shown(value)}")
        return ()
    if not isinstance(value, list):
        found.add("seeds", f"expected a number of seeds or a list of integers, got {shown(value)}")
        return ()
    if not value:
        found.add("seeds", "the list of seeds is empty")
    seeds: dict[int, None] = {}
    for seed in value:
        if not _is_int(seed) or not 0 <= seed < fields.TOO_BIG:
            found.add("seeds", f"a seed is an integer from 0 to 2^63 - 1, got {shown(seed)}")
        elif seed in seeds:
            found.add("seeds", f"{seed} stands there twice")
        else:
            seeds[seed] = None
    return tuple(seeds)


def _read_entropy(value: Any, found: Findings) -> int:
    if not _is_int(value) or not 0 <= value < 2**128:
        found.add("entropy", f"expected an integer from 0 to 2^128 - 1, got {shown(value)}")
        return 0
    return int(value)


def _read_engine(value: Any, found: Findings) -> str:
    """The engine; ``auto`` is the best there is, unless the study's first run chose before."""
    if not isinstance(value, str) or value not in ("auto", *engines.ALL):
        near = hint(value, ("auto", *engines.ALL)) if isinstance(value, str) else ""
        found.add("engine", f"expected one of auto, {', '.join(engines.ALL)}, got {shown(value)}{near}")
    elif value != "auto" and engines.why_not(value):
        found.add(
            "engine", f"'{value}' does not work here: {engines.why_not(value)}; use 'auto' or 'reference'"
        )
    return engines.available()[0] if value == "auto" else str(value)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _key_hint(key: str) -> str:
    if key in settings.NAMES:
        return "; a setting belongs under [settings]"
    return hint(key, KEYS)


# ---- sections ----


def _read_settings(table: Any, found: Findings) -> Settings:
    if not isinstance(table, dict):
        found.add("settings", f"expected a section, got {shown(table)}")
        return Settings()
    return replace(Settings(), **fields.check_table(Settings, table, found, "settings"))


def _read_env_sections(tables: Any, env_ids: list[str], found: Findings) -> list[Environment]:
    if not isinstance(tables, dict):
        found.add("env", f'expected sections such as [env."CartPole-v1"], got {shown(tables)}')
        tables = {}
    for env_id in tables:
        if env_id not in env_ids:
            found.add(f'env."{env_id}"', f"not among the study's envs{hint(env_id, env_ids)}")
    return [_read_env(env_id, tables.get(env_id, {}), found) for env_id in env_ids]


def _read_env(env_id: str, table: Any, found: Findings) -> Environment:
    key = f'env."{env_id}"'
    if not isinstance(table, dict):
        found.add(key, f"expected a section, got {shown(table)}")
        table = {}
    for name in table:
        if name not in ENV_KEYS:
            misplaced = "; a setting belongs into settings = { ... }" if name in settings.NAMES else ""
            found.add(f"{key}.{name}", f"unknown key{misplaced or hint(name, ENV_KEYS)}")
    overrides = table.get("settings", {})
    if not isinstance(overrides, dict):
        found.add(f"{key}.settings", f"expected a table, got {shown(overrides)}")
        overrides = {}
    args = table.get("args", {})
    if not isinstance(args, dict) or not _is_json(args):
        found.add(
            f"{key}.args",
            f"expected a table of strings, finite numbers, booleans and lists, got {shown(args)}",
        )
        args = {}
    threshold, mistake = (
        fields.check(float, table["reward_threshold"]) if "reward_threshold" in table else (None, "")
    )
    if mistake:
        found.add(f"{key}.reward_threshold", mistake)
    return Environment(
        env_id=env_id,
        args=args,
        settings=fields.check_table(Settings, overrides, found, f"{key}.settings"),
        reward_threshold=checks.registered_threshold(env_id) if threshold is None else threshold,
        value_bounds=_read_bounds(table.get("value_bounds"), found, f"{key}.value_bounds"),
    )


def _read_bounds(value: Any, found: Findings, key: str) -> tuple[float, float] | None:
    if value is None:
        return None
    bounds, mistake = fields.check(tuple[float, float], value)
    if mistake or not bounds[0] < bounds[1]:
        found.add(key, f"expected [lowest, highest] of two finite numbers, got {shown(value)}")
        return None
    low, high = bounds
    return low, high


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_json(v) for v in value.values())
    if isinstance(value, list):
        return all(_is_json(v) for v in value)
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _read_record(table: Any, found: Findings) -> Record:
    if not isinstance(table, dict):
        found.add("record", f"expected a section, got {shown(table)}")
        return Record()
    return replace(Record(), **fields.check_table(Record, table, found, "record"))


def _read_variants(document: Mapping[str, Any], own: Mapping[str, Any], found: Findings) -> list[str]:
    """The names of the listed variants, known ones only. "all" stands for every shipped one, in order."""
    if "variants" not in document:
        if "factors" not in document:
            found.add("variants", 'missing: a list of variants, or "all" for every shipped one')
        return []
    value = document["variants"]
    if value == "all":
        return list(NAMED)
    if value == [] and "factors" in document:
        return []
    names = _read_names(value, "variants", 'variants (or "all")', found)
    known = [*NAMED, *own]
    for name in names:
        if name not in known:
            found.add("variants", f"unknown variant '{name}'{hint(name, known)}")
    return [name for name in names if name in known]
