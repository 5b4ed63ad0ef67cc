"""Order in which runs are trained, by a rough count of the multiplications that they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from ablations.dqn.settings import from_plain as settings_from_plain
from ablations.dqn.variants import from_plain as variant_from_plain
from ablations.studies.study import Run, Study, by_row

OBSERVATION, ACTIONS = 4, 2
"""CartPole's: the environment is not made yet, and these will do."""
FIXED, TREE = 100_000, 7_000
"""Multiplications that would take as long as what an update costs besides products, and a sample in a sum tree."""


def baseline_then_longest(study: Study, runs: Iterable[Run]) -> list[Run]:
    """The runs, row by row: the baseline's first, without which nothing can be compared, then those that take longest.

    Short ones come last, so that no job waits long for the last of another.
    """
    baseline = {row.label for row in study.rows if row.variant == study.baseline}
    rows = by_row(runs)
    rows.sort(key=lambda row: (row[0].label not in baseline, -multiplications(row)))
    return [run for row in rows for run in row]


def multiplications(runs: Sequence[Run]) -> float:
    """Roughly how many multiplications it takes to train runs that differ in the seed alone."""
    config = runs[0].config
    s, variant = settings_from_plain(config["settings"]), variant_from_plain(config["slots"])
    widths = (OBSERVATION, *s.hidden)
    head = variant.head.layers(widths[-1], ACTIONS)
    weights = sum(a * b for a, b in pairwise(widths)) + sum(layer.fan_in * layer.fan_out for layer in head)
    samples = 1 if variant.replay.kind == "latest" else s.batch_size
    passes = 4 + (variant.bootstrap.kind != "max")  # forward twice or three times, backward counts as two
    per_sample = weights * passes + (TREE if variant.replay.kind == "prioritized" else 0)
    updates = s.total_timesteps * s.gradient_steps / s.train_frequency
    return len(runs) * updates * (samples * per_sample + FIXED)
