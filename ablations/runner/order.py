"""Order in which runs are trained, by a rough count of the multiplications that they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ablations.studies.study import Run, Study, by_row

OBSERVATION, ACTIONS = (4,), 2
"""CartPole's: they will do for an environment that has not been made, unless a trunk says what it was made for."""
FIXED = 100_000
"""Multiplications that would take as long as what an update costs besides products."""


def baseline_then_longest(study: Study, runs: Iterable[Run]) -> list[Run]:
    """The runs, row by row: the baseline's first, without which nothing can be compared, then those that take longest.

    Short ones come last, so that no job waits long for the last of another.
    """
    baseline = {row.label for row in study.rows if row.variant == study.baseline}
    rows = by_row(runs)
    rows.sort(key=lambda row: (row[0].label not in baseline, -_cost(study, row)))
    return [run for row in rows for run in row]


def _cost(study: Study, row: Sequence[Run]) -> float:
    """The multiplications of a row; none where a piece of the study's own raises, as its runs will say."""
    try:
        shown = {each.env_id: each.observation for each in study.environments}.get(row[0].env_id)
        return multiplications(row, None if shown is None else shown.shape)
    except Exception as problem:
        if study.registry.blamed_for(problem) is None:
            raise
        return 0.0


def multiplications(runs: Sequence[Run], observation: tuple[int, ...] | None = None) -> float:
    """Roughly how many multiplications it takes to train runs that differ in the seed alone."""
    from ablations.dqn.network import Network  # torch, only where something is trained

    s, variant = runs[0].settings, runs[0].variant
    usual: tuple[int, ...] = getattr(variant.trunk, "usual", OBSERVATION)
    shape = usual if observation is None else observation
    network = Network(shape, ACTIONS, variant.trunk, variant.head, variant.loss)
    bootstrap = variant.bootstrap.facts()
    passes: int = 4 + (
        bootstrap.selects != bootstrap.evaluates
    )  # forward twice or three times, backward counts as two
    samples: int = variant.replay.facts().samples or s.batch_size
    updates = s.total_timesteps * s.gradient_steps / s.train_frequency
    return len(runs) * updates * (samples * network.multiplications * passes + FIXED)
