"""Normalised scores and curves of a study, over all environments that have a scale.

0 is the random policy, 1 the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.measured import measured
from analysis.loading import Results
from analysis.metrics import Floats, final_return
from analysis.metrics.run_data import POINTS
from analysis.statistics.aggregates import normalized, profile, sample_efficiency

SHARES_AT = np.linspace(-0.1, 1.2, 53)
"""Normalised scores at which performance profiles are read; a score of CartPole may pass 1, the threshold."""


def scale_of(environment: Mapping[str, Any]) -> tuple[float, float] | None:
    """(random, threshold) of an environment whose scores can be normalised, otherwise None."""
    random, threshold = environment.get("random_policy"), environment.get("reward_threshold")
    if not random or threshold is None or not random["mean_return"] < threshold:
        return None
    return float(random["mean_return"]), float(threshold)


@dataclass(frozen=True)
class NormalizedScores:
    """Scores and curves of several environments on one scale."""

    env_ids: tuple[str, ...]
    labels: tuple[str, ...]
    scores: Floats
    """Normalised final return, (V, E, S); NaN where no run stands or it has none."""
    curves: Floats
    """Normalised training curves at ``POINTS`` equal parts of the budget, (V, E, S, G)."""

    @property
    def counts(self) -> list[int]:
        """Runs of each row that have a curve."""
        return np.isfinite(self.curves).any(axis=-1).sum(axis=(1, 2)).tolist()  # type: ignore[no-any-return]


def normalized_scores(results: Results) -> NormalizedScores | None:
    """The scores and curves of the environments that can be normalised; None where none can."""
    scales = {e["env_id"]: scale for e in results.environments if (scale := scale_of(e))}
    if not scales:
        return None
    seeds = {seed: place for place, seed in enumerate(results.study["seeds"])}
    labels = tuple(row["label"] for row in results.study["rows"])
    shape = (len(labels), len(scales), len(seeds))
    scores, curves = np.full(shape, np.nan), np.full((*shape, POINTS), np.nan)
    for e, (env_id, scale) in enumerate(scales.items()):
        environment = results.environment(env_id)
        for v, row in enumerate(results.rows(env_id)):
            for run in row.valid_runs:
                found = normalized(measured(run, environment).training_curve, *scale)
                curves[v, e, seeds[run.seed], -len(found) :] = found
                score = np.array(final_return(run.ends, run.returns, run.steps))
                scores[v, e, seeds[run.seed]] = normalized(score, *scale)
    return NormalizedScores(tuple(scales), labels, scores, curves)


@dataclass(frozen=True)
class RowCurves:
    """A line with its band for each row."""

    x: str
    """The column of its places."""
    at: Floats
    labels: Sequence[str]
    point: Floats
    """(V, G), as are the ends of the band."""
    low: Floats
    high: Floats


def profiles(found: NormalizedScores) -> RowCurves:
    """Performance profiles of the final return: the share of runs above each normalised score."""
    bands = profile(found.scores, SHARES_AT)
    return RowCurves("score", SHARES_AT, found.labels, *bands)


def efficiency(found: NormalizedScores) -> RowCurves:
    """Sample efficiency: IQM of the normalised learning curves at each share of the budget."""
    at = np.arange(1, POINTS + 1) / POINTS
    return RowCurves("share_of_budget", at, found.labels, *sample_efficiency(found.curves))
