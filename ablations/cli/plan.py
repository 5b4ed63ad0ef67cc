"""``plan``: the runs of a study, and what they cost. Makes nothing."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from ablations import engines
from ablations.cli import compose, options
from ablations.cli.compose import Request
from ablations.cli.console import say, table
from ablations.engines.hardware import most_lanes, on_device
from ablations.errors import BadInput, Problem, counted, few
from ablations.runner import grid, looks, memory, order
from ablations.runner.progress import announced, on_stderr
from ablations.runner.resume import ResumePoints, resume_points
from ablations.runner.statuses import read_statuses
from ablations.store import RunStatus
from ablations.studies.components import by_environment, caveats, component_matrix, shared_pieces
from ablations.studies.study import Run, Study, by_row
from analysis.findings import decide

if TYPE_CHECKING:
    from ablations.runner.cost import Played

BYTES_PER_RUN = 4_000  # a manifest, and a table's frame
BYTES_PER_STEP = 0.3  # episodes of a hundred steps at some thirty bytes each


def main(arguments: Namespace) -> int:
    """Print the component matrix, notes, rows and runs, and the estimate."""
    request = compose.resolve(*options.from_arguments(arguments))
    study = request.study
    say(f"{study.name}: {study.question}" if study.question else study.name)
    say()
    for env_ids, rows in by_environment(study):
        say(f"COMPONENTS on {few(env_ids)}  (networks: which selects the next action, which evaluates it)")
        matrix = component_matrix(rows)
        say(table(matrix, tuple(matrix[0])))
        if shared := shared_pieces(rows):
            say(f"all rows: {', '.join(f'{slot} {piece}' for slot, piece in shared.items())}")
        for note in caveats(rows):
            say(f"  note: {note}")
        say()
    variants = {row.label: row.slots for row in study.rows}
    say(f"PATHS  {_paths(study)}")
    say()
    notes = [
        *study.notes,
        *_not_run(study),
        *_too_few_seeds(study),
        *_without_scale(study),
        *engines.notes(study.engine, variants),
    ]
    for note in notes:
        say(f"note: {note}")
    if notes:
        say()
    statuses = read_statuses(study.plain(), request.folder).listed
    say(f"RUNS  ({request.folder})")
    runs, most = request.select(study), request.select(looks.at_stored(study, request.folder, longest=True))
    lines = [_by_environment(list(here), most, statuses) for _, here in groupby(runs, lambda run: run.env_id)]
    say(table(lines, _COLUMNS))
    to_do = [run for run in runs if not statuses[run.path].is_valid]
    say()
    for line in looks.state_lines(study, request.folder):
        say(line)
    points, _ = resume_points(study, request.folder, to_do)
    resumed = f", {len(points.steps)} of them from checkpoints" if points.steps else ""
    done = len(runs) - len(to_do)
    say(f"{counted(len(runs), 'run')} asked for: {done} done, {len(to_do)} to do{resumed}")
    later = [*to_do, *(run for run in most if run.path not in statuses)]
    for line in _lane_lines(request, later):
        say(line)
    with announced(on_stderr(), "measuring what runs cost"):
        estimate = _estimate(request, to_do, later, points) if later else "0 seconds, 0 kB on disk"
    say(f"estimate: {estimate}")
    return 0


_COLUMNS = ("environment", "rows", "seeds", "steps", "asked for", "done", "to do")


def _by_environment(runs: list[Run], most: list[Run], statuses: Mapping[str, RunStatus]) -> dict[str, object]:
    env_id = runs[0].env_id
    least, longest = (
        max(Counter(run.label for run in some if run.env_id == env_id).values()) for some in (runs, most)
    )
    steps = sorted({run.settings.total_timesteps for run in runs})
    done = sum(statuses[run.path].is_valid for run in runs)
    return {
        "environment": env_id,
        "rows": len({run.label for run in runs}),
        "seeds": str(least) if least == longest else f"{least} to {longest}",
        "steps": f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}",
        "asked for": len(runs),
        "done": done,
        "to do": len(runs) - done,
    }


def _paths(study: Study) -> str:
    """Which rows which of the engine's paths trains: 'native: all rows'."""
    taken: dict[str, list[str]] = {}
    for row in study.rows:
        taken.setdefault(engines.path(study.engine, row.slots), []).append(row.label)
    return "; ".join(f"{path}: {few(rows) if len(taken) > 1 else 'all rows'}" for path, rows in taken.items())


def _not_run(study: Study) -> list[str]:
    aliases = [f"{alias.label} behaves as {alias.of} and is not run" for alias in study.aliases]
    return [*aliases, *(f"{each.label} is left out: {each.reason}" for each in study.left_out)]


def _too_few_seeds(study: Study) -> list[str]:
    """Where so few seeds can't decide, however large an effect is."""
    comparisons, alpha = sum(row.against is not None for row in study.rows), study.decide.alpha
    if not comparisons:
        return []
    sizes = study.decide.looks or (len(study.seeds),)
    before = (0, *sizes)
    needed = [
        decide.least_seeds(comparisons, (size - less) / sizes[-1], alpha)
        for size, less in zip(sizes, before, strict=False)
    ]
    unable = [size for size, least in zip(sizes, needed, strict=True) if size < least]
    if not unable:
        return []
    what = f"with {counted(comparisons, 'comparison')}"
    if study.decide.looks is None:
        return [f"{what} nothing can be called different below {needed[0]} seeds; this study has {sizes[0]}"]
    at = [f"{size} (it takes {least})" for size, least in zip(sizes, needed, strict=True) if size in unable]
    return [f"{what} to go no row can be called different at a look of so many seeds: {few(at)}"]


def _without_scale(study: Study) -> list[str]:
    """Where no effect is so small that it is none."""
    metric = study.decide.metric
    return [
        f'{each.env_id}: no row can be called the same, as {lack}; [env."{each.env_id}"] margin says in units of '
        f"{metric} what counts as no effect"
        for each in study.environments
        if each.margin is None
        and (lack := decide.without_scale(metric, each.reward_threshold, each.value_bounds))
    ]


def _estimate(request: Request, to_do: list[Run], later: list[Run], points: ResumePoints) -> str:
    """The cost of what is asked for, and, where looks may ask for more, of all that they may."""
    from ablations.runner import cost  # the only part of planning that needs torch

    study, jobs = request.study, request.executor_config.jobs or 1
    one_of = {run.env_id: run for run in [*later, *to_do]}
    try:
        fast = {env_id: cost.is_fast(run) for env_id, run in one_of.items()}
        environments = {
            env_id: cost.played(env_id, run.config["env_args"], fast[env_id])
            for env_id, run in one_of.items()
        }
        some = [to_do] if len(later) == len(to_do) else [to_do, later]
        estimates = [_seconds(request, runs, points, environments) for runs in some]
    except Exception as problem:
        told = study.registry.blamed_for(problem)
        if told is None:
            raise
        raise BadInput([Problem(study.where, "pieces", told)]) from None
    texts = []
    for runs, seconds in zip(some, estimates, strict=True):
        disk = BYTES_PER_RUN * len(runs) + BYTES_PER_STEP * sum(run.settings.total_timesteps for run in runs)
        texts.append((_duration(seconds), _size(disk), _size(_memory(request, runs))))
    times, sizes, memory = (
        f"at least {some[0]}, at most {some[1]}" if len(set(some)) > 1 else some[0]
        for some in zip(*texts, strict=True)
    )
    return (
        f"{times} with {counted(jobs, 'job')} (from a short measurement on this machine), {memory} of memory, "
        f"{sizes} on disk"
    )


def _seconds(
    request: Request, runs: list[Run], points: ResumePoints, environments: Mapping[str, Played]
) -> float:
    """From the call to its end: imports, self-tests, random policies that have no score yet, cohorts in their order."""
    from ablations.runner import cost

    study, jobs = request.study, request.executor_config.jobs or 1
    at_a_time = 1 if on_device(study.engine) else jobs
    groups = grid.cohorts(order.baseline_then_longest(study, runs), at_a_time, _fit(request), points.paths)
    stored = compose.stored_study(request.folder) or {}
    scored = {env["env_id"] for env in stored.get("environments", []) if env.get("random_policy")}
    played = {run.env_id: environments[run.env_id] for run in runs}
    checkpoints = bool(study.record.checkpoint_minutes)
    tests = [seconds for each in played.values() for seconds in each.self_tests(checkpoints)]
    scores = [each.random_policy for env_id, each in played.items() if env_id not in scored]
    return (
        cost.STARTING
        + sum(cost.makespan([cost.WORKER_SECONDS + each for each in some], jobs) for some in (tests, scores))
        + cost.makespan(cost.of_cohorts(groups, points.steps_left, environments), at_a_time)
    )


def _memory(request: Request, runs: list[Run]) -> float:
    """Bytes that the workers hold when the largest cohorts are at work: libraries, and what their lanes hold."""
    study, jobs = request.study, request.executor_config.jobs or 1
    cohorts = sorted(
        (
            len(cohort) * (memory.lane_bytes(study, cohort[0]) or 0.0)
            for cohort in grid.cohorts(runs, jobs, _fit(request))
        ),
        reverse=True,
    )
    return sum(memory.WORKER_BYTES + size for size in cohorts[:jobs])


def _fit(request: Request) -> Callable[[Run], int]:
    """How many lanes of a run's cohort there is room for."""
    config = request.executor_config
    most = config.lanes or most_lanes(request.study.engine)
    return memory.lanes_that_fit(request.study, config, config.jobs or 1, most)


def _lane_lines(request: Request, runs: list[Run]) -> Iterator[str]:
    """What a lane holds on each environment, and how many there is room for."""
    fit = _fit(request)
    for env_id, here in groupby(runs, lambda run: run.env_id):
        rows = [row[0] for row in by_row(list(here))]
        sizes = {row.label: memory.lane_bytes(request.study, row) or 0.0 for row in rows}
        least, largest = (
            min(rows, key=lambda row: sizes[row.label]),
            max(rows, key=lambda row: sizes[row.label]),
        )
        text = f"memory: {env_id}: {_size(sizes[largest.label])} a lane"
        if _size(sizes[least.label]) != _size(sizes[largest.label]):
            text += f" ({largest.label}) down to {_size(sizes[least.label])} ({least.label})"
        yield f"{text}; at most {counted(fit(largest), 'lane')} at a time in one worker"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {counted(max(1, round(seconds)), 'second')}"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours ({round(seconds / 60)} minutes)"


def _size(size: float) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB")):
        if size >= factor:
            return f"about {size / factor:.1f} {unit}"
    return f"about {size / 1e3:.0f} kB"
