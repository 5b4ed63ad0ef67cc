"""Normalised scores and curves of a study, over all environments that have a scale.

0 is the random policy, 1 the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.margins import normal_scale
from analysis.findings.scores import EnvironmentScores
from analysis.metrics import Floats
from analysis.metrics.run_data import POINTS
from analysis.statistics.aggregates import common, profile, sample_efficiency

SHARES_AT = np.linspace(-0.1, 1.2, 53)
"""Normalised scores at which performance profiles are read; a score of CartPole may pass 1, the threshold."""


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


def normalized_scores(
    found: Sequence[EnvironmentScores], study: Mapping[str, Any]
) -> NormalizedScores | None:
    """The scores and curves of the environments that can be normalised; None where none can."""
    scored = {one.env_id: one for one in found}
    env_ids = [e["env_id"] for e in study["environments"] if normal_scale(e)]
    if not env_ids:
        return None
    labels = tuple(row["label"] for row in study["rows"])
    shape = (len(labels), len(env_ids), len(study["seeds"]))
    scores, curves = np.full(shape, np.nan), np.full((*shape, POINTS), np.nan)
    for e, env_id in enumerate(env_ids):
        if env_id not in scored:
            continue
        here = scored[env_id]
        scores[:, e] = common(here.normalized(here.of("final_return")))
        for v, seed, run_data, _ in here.runs:
            curve = here.normalized(run_data.training_curve)
            curves[v, e, seed, -len(curve) :] = curve
        curves[:, e] = common(curves[:, e])
    return NormalizedScores(tuple(env_ids), labels, scores, curves)


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
