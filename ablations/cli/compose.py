"""The composition root: from options to a study, its runs and the executor, and through the grid to an outcome.

The command ``run`` and ``ablations.run`` both go this way. Mistakes of the options and of the study are found together
and raised together.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations import engines, store
from ablations.cli.options import WHERE, RunOptions, refuse_file
from ablations.dqn.variants import NAMED
from ablations.engines.hardware import on_device
from ablations.errors import BadInput, Problem, hint
from ablations.runner import grid, looks
from ablations.runner.executors import ExecutorConfig
from ablations.runner.looks import Judge
from ablations.runner.progress import on_stderr
from ablations.runner.progress_file import ProgressFile
from ablations.studies import load
from ablations.studies.study import Run, Study
from analysis.findings import decide


@dataclass(frozen=True)
class Request:
    """A validated request: a study with its environments tried, and the runs that are to be valid."""

    study: Study
    folder: Path
    executor_config: ExecutorConfig
    envs: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    strict: bool = False

    def select(self, study: Study) -> list[Run]:
        """Those of a study's runs that were asked for."""
        return study.select(self.envs, self.variants)


def run_study(request: Request) -> grid.Outcome:
    """Run what is missing, with progress on standard error. Raises as ``grid.run`` does."""
    _refuse_daemonic(request.executor_config)
    _refuse_unwritable(request.folder)
    return grid.run(
        request.study,
        request.folder,
        executor_config=request.executor_config,
        progress=ProgressFile(on_stderr(), request.folder),
        select=request.select,
        strict=request.strict,
        judge=Judge(decide.decide, decide.newly_decided),
    )


def resolve(options: RunOptions, earlier: Sequence[Problem] = ()) -> Request:
    """The request that these options make. Raises ``BadInput``, with ``earlier`` problems."""
    problems = list(earlier)
    document, study = _read_study(options.study, problems)
    changes: tuple[tuple[str, Any, Callable[[Study, Any], Study]], ...] = (
        ("--engine", options.engine, load.with_engine_override),
        ("--seeds", options.seeds, load.with_seeds),
        ("--steps", options.steps, load.with_steps),
        ("--envs", options.envs, load.with_envs),
    )
    for key, value, change in changes:
        if study is not None and value is not None:
            study = _changed(study, key, value, change, problems)
    env_ids, variants = _names(document, study)
    problems += _unknown(options.envs, env_ids, "--envs", "environment of this study")
    problems += _unknown(options.variants, variants, "--variants", "row or variant of this study")
    if problems or study is None:
        raise BadInput(problems)
    folder = Path(options.results) / study.name
    problems += _results_problems(folder)
    if problems:
        raise BadInput(problems)
    stored = stored_study(folder)
    if stored is not None:
        _refuse_another_engine(study, _engine_of(stored), options)
        study = _with_changes_noted(as_begun(study, stored), stored)
    _refuse_another_plan(study, folder, options)
    study = looks.at_stored(study, folder)
    study = load.check_environments(study, options.envs)
    executor_config = ExecutorConfig(
        jobs=options.jobs or _default_jobs(study, options),
        executor=options.executor,
        timeout=options.timeout,
        memory=options.memory,
        tensorboard=options.tensorboard,
        scheduler=options.scheduler,
        lanes=options.lanes,
    )
    return Request(
        study, folder, executor_config, tuple(options.envs), tuple(options.variants), options.strict
    )


def locate(
    source: str | Path, results: str | Path | None, earlier: Sequence[Problem] = ()
) -> tuple[Study, Path]:
    """A study and the folder where its results lie or would lie. Raises ``BadInput``, with ``earlier`` problems."""
    problems = list(earlier)
    _, study = _read_study(source, problems)
    place = Path(results or "results")
    problems += _results_problems(place if study is None else place / study.name)
    if problems or study is None:
        raise BadInput(problems)
    return study, place / study.name


def as_begun(study: Study, stored: Mapping[str, Any]) -> Study:
    """The study with the engine and the rows with which its first run began, and all environments so far."""
    so_far = load.with_envs(study, [each["env_id"] for each in stored["environments"]])
    return load.with_rows_of(load.with_engine(so_far, _engine_of(stored)), stored)


def _metric_problems(study: Study) -> list[Problem]:
    """The primary metric must be one that can be judged; ``studies`` knows none."""
    if study.decide.metric in decide.PRIMARY_METRICS:
        return []
    near = hint(study.decide.metric, decide.PRIMARY_METRICS)
    message = f"'{study.decide.metric}' is no metric of single runs that has a direction{near}"
    return [Problem(study.where, "decide.metric", message)]


def stored_study(folder: Path) -> dict[str, Any] | None:
    """What the study's first run stored, if it can be read. Raises ``BadInput`` on results of another release."""
    try:
        return store.read_study(folder)
    except store.OtherVersion as refused:
        message = f"{folder / store.STUDY}: {refused}; choose another --results folder to run anew"
        raise BadInput([Problem(WHERE, "--results", message)]) from None
    except (FileNotFoundError, store.Damaged):
        return None


def _engine_of(stored: Mapping[str, Any]) -> str | None:
    engine = stored.get("engine")
    return engine if engine in engines.ALL else None


def _with_changes_noted(study: Study, stored: Mapping[str, Any]) -> Study:
    """The study, which notes where a file of its pieces is another one than when it was last run."""
    differs = study.registry.differs_from(stored.get("pieces", {}))
    note = f"{differs}; stored runs that hold its pieces are no longer asked for"
    return replace(study, notes=(*study.notes, note)) if differs else study


def _refuse_another_engine(study: Study, stored: str | None, options: RunOptions) -> None:
    """Raise ``BadInput`` where the study or an option now names another engine than the stored one."""
    named = study.document.get("engine", "auto")
    if stored is None or named in ("auto", stored):
        return
    where, key = (study.where, "engine") if options.engine is None else (WHERE, "--engine")
    message = (
        f"the stored results come from the engine '{stored}'; choose another --results folder to run anew"
    )
    raise BadInput([Problem(where, key, message)])


def _refuse_another_plan(study: Study, folder: Path, options: RunOptions) -> None:
    """Raise ``BadInput`` where looks were judged by another plan, unless that is meant."""
    if options.replan:
        return
    try:
        looks.check_plan(study, folder)
    except looks.PlanChanged as changed:
        key = "seeds" if options.steps is None else "--steps"
        message = (
            f"looks were judged by another plan (it differs in {changed}), so what follows would not be what was "
            "planned; choose another --results folder, or --replan: every table will say so"
        )
        where = study.where if options.steps is None else WHERE
        raise BadInput([Problem(where, key, message)]) from None


def _default_jobs(study: Study, options: RunOptions) -> int:
    """How many tasks are carried out at a time where no option says it; 0 for as many as a cluster can."""
    if options.executor == "slurm" or options.scheduler is not None:
        return 0
    return 1 if on_device(study.engine) else store.usable_cores()


def _results_problems(path: Path) -> list[Problem]:
    try:
        refuse_file(path)
    except ValueError as problem:
        return [Problem(WHERE, "--results", str(problem))]
    return []


def _refuse_daemonic(executor_config: ExecutorConfig) -> None:
    """Raise ``BadInput`` where Python will not let this process start workers."""
    starts = executor_config.executor != "slurm" and executor_config.scheduler is None
    if starts and multiprocessing.current_process().daemon:
        message = (
            "workers can't be started from a daemonic process, such as one of a multiprocessing.Pool; "
            "concurrent.futures.ProcessPoolExecutor has processes that may"
        )
        raise BadInput([Problem(WHERE, "--executor", message)])


def _refuse_unwritable(folder: Path) -> None:
    """Raise ``BadInput`` where results are to be made in a place that can't be written to."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        raise BadInput([Problem(WHERE, "--results", f"'{place}' cannot be written to")])


def _read_study(source: str | Path, problems: list[Problem]) -> tuple[Mapping[str, Any], Study | None]:
    """The document, as far as it can be parsed, and the study, if it is a good one."""
    document: Mapping[str, Any] = {}
    if source == "":
        if not any(problem.key == "STUDY" for problem in problems):
            message = "missing: a shipped study's name or a file (before the options)"
            problems.append(Problem(WHERE, "STUDY", message))
        return document, None
    try:
        document = load.read_document(source)
        study = load.from_document(document, os.fspath(source), not load.is_file_name(source))
        problems += _metric_problems(study)
        return document, study
    except BadInput as bad:
        problems += bad.problems
        return document, None


def _changed(
    study: Study, key: str, value: Any, change: Callable[[Study, Any], Study], problems: list[Problem]
) -> Study:
    """The study as an option changes it; what is wrong then is a problem of the option."""
    try:
        return change(study, value)
    except BadInput as bad:
        problems += [Problem(WHERE, key, f"{p.key}: {p.message}") for p in bad.problems]
        return study


def _names(document: Mapping[str, Any], study: Study | None) -> tuple[list[str], list[str]]:
    """The environments and the rows or variants that may be chosen; a guess where the study is not a good one."""
    if study is not None:
        further = study.document.get("further_envs", ())
        return [*(each.env_id for each in study.environments), *further], study.selectable()
    envs, own = document.get("envs"), document.get("variant")
    return (
        [env_id for env_id in envs if isinstance(env_id, str)] if isinstance(envs, list) else [],
        [*NAMED, *own] if isinstance(own, dict) else list(NAMED),
    )


def _unknown(names: Sequence[str], valid: Collection[str], option: str, what: str) -> list[Problem]:
    return [
        Problem(WHERE, option, f"'{name}' is no {what}{hint(name, valid)}")
        for name in names
        if name not in valid
    ]
