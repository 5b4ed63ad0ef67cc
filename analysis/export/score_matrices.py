"""rliable's score matrices: per row of the study an array (runs, environments), raw and normalised, as ``.npz``.

rliable takes {name: (runs, environments)} without gaps, so a matrix holds the seeds that have a score in each of its
environments. Rows may have different numbers of seeds; the seeds of each stand beside it.

Normalised score (x - random) / (threshold - random): 0 is the random policy, 1 solves the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ablations import store
from analysis.export.exported import Exported
from analysis.findings.margins import normal_scale, why_not_normalized
from analysis.findings.measured import measured
from analysis.loading import Results, Row
from analysis.metrics import METRICS, Metric
from analysis.statistics.aggregates import normalized
from analysis.tables.spelling import seeds_text

SCORES = ("final_return", "auc")
"""One file for each."""


Scale = tuple[float, float]
"""(random, threshold): the two ends that normalize an environment's scores."""


def export(results: Results) -> Exported:
    """``final_return.npz`` and ``auc.npz``, each with

    * ``rows`` (R,), ``environments`` (E,); per row ``raw/<row>`` (n, E) and ``raw_seeds/<row>`` (n,);
    * ``normalised_environments`` (N,), ``random`` (N,), ``threshold`` (N,); per row ``normalised/<row>`` (n, N) and
      ``normalised_seeds/<row>`` (n,).
    """
    envs = [environment["env_id"] for environment in results.environments]
    rows: dict[str, dict[str, Row]] = {}  # {label: {environment: row}}
    for env_id in envs:
        for row in results.rows(env_id):
            rows.setdefault(row.label, {})[env_id] = row
    scales, notes = _scales(results)
    files = {}
    for name in SCORES:
        scores = {label: _scores(results, by_env, METRICS[name]) for label, by_env in rows.items()}
        arrays: dict[str, Any] = {"environments": _names(envs)}
        arrays |= _matrices("raw", scores, envs, {}, name, notes)
        if scales:
            arrays["normalised_environments"] = _names(list(scales))
            arrays["random"], arrays["threshold"] = np.array(list(scales.values())).T
            arrays |= _matrices("normalised", scores, list(scales), scales, name, notes)
        arrays["rows"] = _names([label for label in rows if f"raw/{label}" in arrays])
        files[f"{name}.npz"] = store.npz_bytes(arrays)
    return Exported(files, notes)


ByEnvironment = Mapping[str, Mapping[int, float]]
"""{environment: {seed: score}}, NaN where a run has none."""


def _scores(results: Results, rows: Mapping[str, Row], metric: Metric) -> ByEnvironment:
    return {
        env_id: {
            run.seed: metric.known(measured(row, run, results.environment(env_id)))[0]
            for run in row.valid_runs
        }
        for env_id, row in rows.items()
    }


def _matrices(
    prefix: str,
    scores: Mapping[str, ByEnvironment],
    envs: list[str],
    scales: Mapping[str, Scale],
    name: str,
    notes: list[str],
) -> dict[str, Any]:
    """One matrix and its seeds for each row that has a seed with a score in every environment."""
    arrays: dict[str, Any] = {}
    counts = {}
    for label, by_env in scores.items():
        everywhere = [{s for s, x in by_env[env_id].items() if np.isfinite(x)} for env_id in envs]
        seeds = sorted(set.intersection(*everywhere))
        anywhere = {seed for by_seed in by_env.values() for seed in by_seed}
        lost = sorted(anywhere.difference(seeds))
        if lost:
            notes.append(
                f"{name}, {prefix}, {label}: {seeds_text(lost)} left out, without a score in each of {', '.join(envs)}"
            )
        counts[label] = len(seeds)
        if seeds:
            columns = [np.array([by_env[env_id][seed] for seed in seeds]) for env_id in envs]
            if scales:
                columns = [
                    normalized(one, *scales[env_id]) for one, env_id in zip(columns, envs, strict=True)
                ]
            arrays[f"{prefix}/{label}"] = np.column_stack(columns)
            arrays[f"{prefix}_seeds/{label}"] = np.array(seeds, dtype=np.int64)
    if len(set(counts.values())) > 1:
        unequal = ", ".join(f"{label} {count}" for label, count in counts.items())
        notes.append(f"{name}, {prefix}: unequal numbers of runs: {unequal}")
    return arrays


def _scales(results: Results) -> tuple[dict[str, Scale], list[str]]:
    """Of each environment that can be normalised; of each other a sentence why not."""
    scales, notes = {}, []
    for environment in results.environments:
        scale = normal_scale(environment)
        if scale is not None:
            scales[environment["env_id"]] = scale
        else:
            notes.append(f"{environment['env_id']} is not normalised: {why_not_normalized(environment)}")
    return scales, notes


def _names(names: list[str]) -> np.ndarray[Any, Any]:
    return np.array(names, dtype=f"<U{max(map(len, names), default=1)}")
