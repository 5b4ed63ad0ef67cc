"""What is asked for: a study, where its results lie, and which of its runs. Shared by the command line and Python.

Mistakes of the options and of the study are found together and raised together.
"""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ablations import engines, store
from ablations.dqn.variants import NAMED
from ablations.errors import BadInput, Problem, hint
from ablations.runner.executors import EXECUTORS, ExecutorConfig
from ablations.studies import load
from ablations.studies.study import Run, Study

WHERE = "command line"
MOST_JOBS = 1024
DEVICES = ("cpu", "cuda")
Whole = int | str | None
"""A whole number as a program gives it or as a command line spells it; None where it was not given."""


@dataclass(frozen=True)
class Request:
    """A validated request."""

    study: Study
    folder: Path
    executor_config: ExecutorConfig
    chosen: tuple[Run, ...]
    strict: bool = False


def resolve(
    source: str | os.PathLike[str],
    results: str | os.PathLike[str] = "results",
    *,
    jobs: Whole = None,
    lanes: Whole = None,
    envs: Sequence[str] = (),
    variants: Sequence[str] = (),
    seeds: Whole = None,
    steps: Whole = None,
    engine: str | None = None,
    device: str | None = None,
    timeout: float | str | None = None,
    memory: int | str | None = None,
    strict: bool = False,
    tensorboard: bool = False,
    scheduler: str | None = None,
) -> Request:
    """The study with its environments tried, its stored engine kept, and the chosen runs. Raises ``BadInput``."""
    problems: list[Problem] = []
    document, study = _study(source, problems)
    numbers = {
        key: whole(value, f"--{key}", problems)
        for key, value in (("jobs", jobs), ("lanes", lanes), ("seeds", seeds), ("steps", steps))
    }
    if (numbers["jobs"] or 0) > MOST_JOBS:
        problems.append(Problem(WHERE, "--jobs", f"expected {MOST_JOBS} at most, got '{jobs}'"))
    problems += [
        *_results_problems(results),
        *_engine_problems(engine),
        *_scheduler_problems(scheduler, engine),
    ]
    if tensorboard:
        problems += _missing("tensorboard", "--tensorboard")
    seconds, most_bytes = _seconds(timeout, problems), _bytes(memory, problems)
    problems += _device_problems(device)
    changes: tuple[tuple[str, Any, Callable[[Study, Any], Study]], ...] = (
        ("--device", device if device in DEVICES else None, load.on_device),
        ("--seeds", numbers["seeds"], load.with_seeds),
        ("--steps", numbers["steps"], load.with_steps),
    )
    for key, value, change in changes:
        if study is not None and value is not None:
            study = _changed(study, key, value, change, problems)
    known_envs, known_variants = _choices(document, study)
    problems += _unknown(envs, known_envs, "--envs", "environment of this study")
    problems += _unknown(variants, known_variants, "--variants", "row or variant of this study")
    if problems or study is None:
        raise BadInput(problems)
    folder = Path(results) / study.name
    problems += _results_problems(folder)
    if problems:
        raise BadInput(problems)
    study = with_stored_engine(study, folder)
    if device in DEVICES and (device == "cuda") != (study.engine == "cuda"):
        message = f"the stored results come from the engine '{study.engine}'; choose another --results folder"
        raise BadInput([Problem(WHERE, "--device", f"{message} to run anew")])
    study = load.check_environments(study, envs)
    chosen = study.select(envs, variants)
    executor_config = ExecutorConfig(
        numbers["jobs"] or _most_jobs(study.engine, engine, scheduler),
        engine or "local",
        seconds,
        most_bytes,
        tensorboard,
        scheduler,
        numbers["lanes"],
    )
    return Request(study, folder, executor_config, tuple(chosen), strict)


def locate(source: str | os.PathLike[str], results: str | os.PathLike[str] = "results") -> tuple[Study, Path]:
    """A study and the folder where its results lie or would lie. Raises ``BadInput``."""
    problems: list[Problem] = []
    _, study = _study(source, problems)
    problems += _results_problems(results if study is None else Path(results) / study.name)
    if problems or study is None:
        raise BadInput(problems)
    return study, Path(results) / study.name


def _results_problems(results: str | os.PathLike[str]) -> list[Problem]:
    """Why results can't lie below this path: it, or a part of it, is a file."""
    path = Path(results)
    try:
        nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    except (OSError, ValueError) as error:
        return [Problem(WHERE, "--results", f"'{results}' cannot be used: {error}")]
    return [] if nearest.is_dir() else [Problem(WHERE, "--results", f"'{nearest}' is not a folder")]


def refuse_unwritable(folder: Path) -> None:
    """Raise ``BadInput`` where results are to be made in a place that can't be written to."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        raise BadInput([Problem(WHERE, "--results", f"'{place}' cannot be written to")])


def _device_problems(device: str | None) -> list[Problem]:
    if device is None or device in DEVICES:
        return []
    message = f"expected {' or '.join(DEVICES)}, got '{device}'{hint(device, DEVICES)}"
    return [Problem(WHERE, "--device", message)]


def _engine_problems(engine: str | None) -> list[Problem]:
    """Why ``--engine`` names no way of carrying out cohorts."""
    if engine is None or engine in EXECUTORS:
        return []
    if engine in ("auto", *engines.ALL):
        message = f"'{engine}' is numerical code: the study file's key 'engine' chooses it. This option says how the"
        return [Problem(WHERE, "--engine", f"{message} work is carried out: {', '.join(EXECUTORS)}")]
    return [
        Problem(
            WHERE, "--engine", f"'{engine}' is no engine of: {', '.join(EXECUTORS)}{hint(engine, EXECUTORS)}"
        )
    ]


def _most_jobs(family: str, engine: str | None, scheduler: str | None) -> int:
    """How many tasks are carried out at a time where nobody says it; 0 for as many as a cluster can."""
    if engine == "slurm" or scheduler is not None:
        return 0
    return 1 if family == "cuda" else usable_cores()


def _scheduler_problems(scheduler: str | None, engine: str | None) -> list[Problem]:
    """Why ``--scheduler`` can't be meant, or Dask can't be used."""
    problems = _missing("distributed", "--engine dask") if engine == "dask" else []
    if scheduler is None:
        return problems
    if engine != "dask":
        problems.append(Problem(WHERE, "--scheduler", "is for --engine dask alone"))
    if not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}", scheduler):
        message = f"expected an address such as tcp://10.0.0.1:8786, got '{scheduler}'"
        problems.append(Problem(WHERE, "--scheduler", message))
    return problems


def _missing(package: str, option: str) -> list[Problem]:
    """That a package of an extra is not installed, if it isn't."""
    if find_spec(package) is not None:
        return []
    return [
        Problem(
            WHERE, option, f"needs the package '{package}', which is not installed: pip install {package}"
        )
    ]


def with_stored_engine(study: Study, folder: Path) -> Study:
    """The study with the engine that its first run chose, if it has been run."""
    try:
        stored = store.read_study(folder).get("engine")
    except (FileNotFoundError, store.Damaged):
        return study
    return load.with_engine(study, stored if stored in engines.ALL else None)


def usable_cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def _study(source: str | os.PathLike[str], problems: list[Problem]) -> tuple[Mapping[str, Any], Study | None]:
    """The document, as far as it can be parsed, and the study, if it is a good one."""
    document: Mapping[str, Any] = {}
    if source == "":
        problems.append(
            Problem(WHERE, "STUDY", "missing: a shipped study's name or a file (before the options)")
        )
        return document, None
    try:
        document = load.read_document(source)
        return document, load.from_document(document, os.fspath(source), not load.is_file_name(source))
    except BadInput as bad:
        problems += bad.problems
        return document, None


def whole(value: Whole, key: str, problems: list[Problem], least: int = 1) -> int | None:
    """The number that an option gives, at least ``least``; None where it was not given or is none."""
    if value is None:
        return None
    number = int(value) if isinstance(value, int) or re.fullmatch(r"[0-9]{1,18}", value) else -1
    if number < least:
        problems.append(Problem(WHERE, key, f"expected a whole number, {least} or more, got '{value}'"))
        return None
    return number


def _seconds(value: float | str | None, problems: list[Problem]) -> float | None:
    if value is None:
        return None
    spelled = str(value)
    number = float(spelled) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", spelled) else 0.0
    if number > 0:
        return number
    problems.append(Problem(WHERE, "--timeout", f"expected seconds, more than 0, got '{value}'"))
    return None


def _bytes(value: int | str | None, problems: list[Problem]) -> int | None:
    """A size such as 4G or 500M in bytes; K, M, G and T count in steps of 1024. A whole number is bytes as it is."""
    if value is None or (isinstance(value, int) and value > 0):
        return value
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KMGT])(i?B)?", str(value), re.IGNORECASE)
    size = int(float(found[1]) * 1024 ** (1 + "KMGT".index(found[2].upper()))) if found else 0
    if size > 0:
        return size
    problems.append(Problem(WHERE, "--memory", f"expected a size such as 4G or 500M, got '{value}'"))
    return None


def _changed(
    study: Study, key: str, value: Any, change: Callable[[Study, Any], Study], problems: list[Problem]
) -> Study:
    """The study as an option changes it; what is wrong then is told in the option's name."""
    try:
        return change(study, value)
    except BadInput as bad:
        problems += [Problem(WHERE, key, f"{p.key}: {p.message}") for p in bad.problems]
        return study


def _choices(document: Mapping[str, Any], study: Study | None) -> tuple[list[str], list[str]]:
    """The environments and the rows or variants that may be chosen; a guess where the study is not a good one."""
    if study is not None:
        return [environment.env_id for environment in study.environments], study.selectable()
    envs, own = document.get("envs"), document.get("variant")
    return (
        [env_id for env_id in envs if isinstance(env_id, str)] if isinstance(envs, list) else [],
        [*NAMED, *own] if isinstance(own, dict) else list(NAMED),
    )


def _unknown(names: Sequence[str], known: Collection[str], key: str, what: str) -> list[Problem]:
    return [
        Problem(WHERE, key, f"'{name}' is no {what}{hint(name, known)}")
        for name in names
        if name not in known
    ]


def from_arguments(arguments: Namespace) -> Request:
    """The request of a parsed command line of ``run`` or ``plan``."""
    return resolve(
        arguments.study,
        arguments.results or "results",
        jobs=arguments.jobs,
        lanes=arguments.lanes,
        envs=arguments.envs or (),
        variants=arguments.variants or (),
        seeds=arguments.seeds,
        steps=arguments.steps,
        engine=arguments.engine,
        device=arguments.device,
        timeout=arguments.timeout,
        memory=arguments.memory,
        strict=arguments.strict,
        tensorboard=arguments.tensorboard,
        scheduler=arguments.scheduler,
    )
