"""Contrasts: what is tested is a weighted sum of rows at each seed, since rows share their seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.metrics import Floats

ROUNDING = 1e-12
"""Differences of less than this share of the scores are rounding, and 0."""

Contrast = Mapping[int, float]
"""Weights of rows by their places: a row minus the baseline is {row: 1, baseline: -1}."""


def minus(row: int, baseline: int) -> Contrast:
    """A row minus another one."""
    return {row: 1.0, baseline: -1.0}


def is_pair(contrast: Contrast) -> bool:
    """True if one row is taken from another."""
    return sorted(contrast.values()) == [-1.0, 1.0]


def differences(values: Floats, contrasts: Sequence[Contrast]) -> Floats:
    """Each contrast at each seed: (rows, S) -> (V, S); NaN where one of its rows doesn't stand."""
    found = np.full((len(contrasts), values.shape[1]), np.nan)
    for line, contrast in zip(found, contrasts, strict=True):
        terms = np.array(list(contrast.values()))[:, None] * values[list(contrast)]
        line[:] = without_rounding(terms.sum(axis=0), np.abs(terms).sum(axis=0))
    return found


def without_rounding(differences: Floats, size: Floats | float) -> Floats:
    """Differences of numbers of this size, without what rounding leaves of equal ones."""
    return np.where(np.abs(differences) <= ROUNDING * size, 0.0, differences)


def effect_size(differences: Floats) -> float:
    """Mean over the standard deviation (ddof 1) of the known differences; NaN where they don't vary."""
    known = differences[np.isfinite(differences)]
    if len(known) < 2 or np.ptp(known) <= ROUNDING * np.abs(known).max():
        return np.nan
    return float(known.mean() / known.std(ddof=1))


def cliffs_delta(x: Floats, y: Floats) -> float:
    """(#(x > y) - #(x < y)) / (n m) over all pairs of known scores, -1 to 1 (Cliff 1993); NaN: no pair."""
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    return float(np.sign(x[:, None] - y).mean()) if len(x) and len(y) else np.nan


def variance_reduction(x: Floats, y: Floats) -> float:
    """By pairing: 1 - var(x - y) / (var x + var y) over common seeds, ddof 1; negative: pairing hurts."""
    both = np.isfinite(x - y)
    if both.sum() < 2:
        return np.nan
    variances = float(x[both].var(ddof=1) + y[both].var(ddof=1))
    return 1 - float((x - y)[both].var(ddof=1)) / variances if variances > 0 else np.nan
