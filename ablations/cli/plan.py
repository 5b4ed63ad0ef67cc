"""``plan``: the runs of a study, and what they cost. Makes nothing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from itertools import groupby

from ablations import engines
from ablations.cli import compose, options
from ablations.cli.compose import Request
from ablations.cli.console import say, table
from ablations.errors import BadInput, Problem, counted, few
from ablations.runner.resume import ResumePoints, resume_points
from ablations.runner.statuses import read_statuses
from ablations.store import RunStatus
from ablations.studies.components import by_environment, caveats, component_matrix, shared_pieces
from ablations.studies.study import Run, Study

ALPHA = 0.05
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
    notes = [*study.notes, *_not_run(study), *_too_few_seeds(study), *engines.notes(study.engine, variants)]
    for note in notes:
        say(f"note: {note}")
    if notes:
        say()
    statuses = read_statuses(study.plain(), request.folder).listed
    say(f"RUNS  ({request.folder})")
    say(
        table(
            [_by_environment(study, env_id, list(runs), statuses) for env_id, runs in _groups(request)],
            _COLUMNS,
        )
    )
    to_do = [run for run in request.chosen if not statuses[run.path].is_valid]
    say()
    points, _ = resume_points(study, request.folder, to_do)
    resumed = f", {len(points.steps)} of them from checkpoints" if points.steps else ""
    done = len(request.chosen) - len(to_do)
    say(f"{counted(len(request.chosen), 'run')} asked for: {done} done, {len(to_do)} to do{resumed}")
    say(f"estimate: {_estimate(request, to_do, points) if to_do else '0 seconds, 0 kB on disk'}")
    return 0


_COLUMNS = ("environment", "rows", "seeds", "steps", "asked for", "done", "to do")


def _groups(request: Request) -> groupby[str, Run]:
    return groupby(request.chosen, key=lambda run: run.env_id)


def _by_environment(
    study: Study, env_id: str, runs: list[Run], statuses: Mapping[str, RunStatus]
) -> dict[str, object]:
    steps = sorted({run.settings.total_timesteps for run in runs})
    done = sum(statuses[run.path].is_valid for run in runs)
    return {
        "environment": env_id,
        "rows": len({run.label for run in runs}),
        "seeds": len(study.seeds),
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


def smallest_holm_p(comparisons: int, seeds: int) -> float:
    """m 2 / 2^n: the least that Holm's correction of m exact sign-flip tests over n paired seeds can reach."""
    return min(1.0, comparisons * 2.0 ** (1 - seeds))


def _too_few_seeds(study: Study) -> list[str]:
    comparisons, seeds = sum(row.against is not None for row in study.rows), len(study.seeds)
    if comparisons < 1 or smallest_holm_p(comparisons, seeds) < ALPHA:
        return []
    enough = next(n for n in range(seeds, 64) if smallest_holm_p(comparisons, n) < ALPHA)
    return [
        f"with {counted(seeds, 'seed')} and {counted(comparisons, 'comparison')} the smallest Holm-corrected p is "
        f"{smallest_holm_p(comparisons, seeds):.2g}: nothing can be called different below {enough} seeds"
    ]


def _estimate(request: Request, to_do: list[Run], points: ResumePoints) -> str:
    from ablations.runner.cost import seconds_per_lane_step  # the only part of planning that needs torch

    study, jobs = request.study, request.executor_config.jobs or 1
    try:
        cost = seconds_per_lane_step(to_do)
    except Exception as problem:
        told = study.registry.blamed_for(problem)
        if told is None:
            raise
        raise BadInput([Problem(study.where, "pieces", told)]) from None
    steps = sum(run.settings.total_timesteps for run in to_do)
    seconds = sum(points.steps_left(run) * cost[run.env_id, run.label] for run in to_do) / jobs
    disk = BYTES_PER_RUN * len(to_do) + BYTES_PER_STEP * steps
    return (
        f"{_duration(seconds)} with {counted(jobs, 'job')} "
        f"(from a short measurement on this machine), {_size(disk)} on disk"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {counted(max(1, round(seconds)), 'second')}"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours ({round(seconds / 60)} minutes)"


def _size(size: float) -> str:
    return f"about {size / 1e3:.0f} kB" if size < 1e6 else f"about {size / 1e6:.1f} MB"
