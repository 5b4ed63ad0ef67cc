"""Paired comparisons: variants share seeds, so the difference at each seed is what is tested and resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.metrics import Floats
from analysis.statistics.draws import EXACT_UP_TO, LEVEL, RESAMPLES, draws, ends, known_mean, signs
from analysis.statistics.intervals import Interval

ROUNDING = 1e-12
"""Differences of less than this share of the scores are rounding, and 0."""


@dataclass(frozen=True)
class Comparison:
    """x against y: what their common seeds say, or, where they have none, what two samples say."""

    n: int
    """Common seeds; 0: none, and the two samples are compared as such."""
    difference: Interval
    """Mean of x - y."""
    p: float
    """Two-sided; NaN where nothing can be tested."""
    test: str
    effect_size: float
    """Mean difference over the standard deviation of differences (ddof 1); NaN where they don't vary."""
    variance_reduction: float
    """By pairing: 1 - var(x - y) / (var x + var y)."""


def sign_flip(differences: Floats) -> tuple[float, str]:
    """Two-sided p of the sign-flip permutation test of a mean difference (scipy.stats.permutation_test), and its name.

    If the pair could as well be named the other way round, every sign of every difference was as likely. All 2^n
    signs are tried up to n = 12; the least p is then 2 / 2^n. One difference, or only zeros, gives 1.
    """
    count = len(differences)
    if not count:
        return np.nan, "none"
    exact = count <= EXACT_UP_TO
    name = "sign-flip, exact" if exact else "sign-flip, Monte Carlo"
    if count == 1 or not differences.any():
        return 1.0, name
    found, sums = differences.sum(), differences @ signs(count)
    tie = ROUNDING * np.abs(differences).sum()  # the same sum in another order
    as_extreme = min((sums <= found + tie).sum(), (sums >= found - tie).sum())
    itself = (
        0 if exact else 1
    )  # a random sample of signs has the observed ones beside it (Phipson and Smyth 2010)
    return float(min(2 * (as_extreme + itself) / (len(sums) + itself), 1.0)), name


def compare(x: Floats, y: Floats, *, answers: bool = False) -> list[Comparison]:
    """Each row of x against the same row of y: (V, S), (V, S), a column per seed, NaN where a run doesn't stand.

    The seeds are resampled once for all rows. Without common seeds: Mann and Whitney's test, and a bootstrap that
    resamples each side by itself. ``answers``: scores are yes (1) or no (0), whose shares have ``share_difference``
    for an interval, since ten equal answers resampled are ten equal answers, and say less than that.
    """
    differences = without_rounding(x - y, np.fmax(np.abs(x), np.abs(y)))

    low, high = ends(known_mean(differences, draws((differences.shape[1],), RESAMPLES)))
    return [
        _pair(x[row], y[row], differences[row], float(low[row]), float(high[row]), answers)
        if np.isfinite(differences[row]).any()
        else _two_samples(x[row], y[row], answers)
        for row in range(len(x))
    ]


def share_difference(yes: int, no: int, yes_of: int, no_of: int) -> tuple[float, float]:
    """A 95 % interval of a difference of two shares: yes / yes_of - no / no_of, never narrower than it should be.

    From Clopper and Pearson's limits of each at 97.5 %, so that both hold at once (Bonferroni). Paired answers: the
    seeds at which only x says yes, and those at which only y does, of all common seeds. 0 and 0 of 10: [-.35, .35].
    """
    (low, high), (least, most) = (
        stats.binomtest(count, of).proportion_ci((1 + LEVEL) / 2, method="exact")
        for count, of in ((yes, yes_of), (no, no_of))
    )
    return float(low - most), float(high - least)


def without_rounding(differences: Floats, size: Floats | float) -> Floats:
    """Differences of numbers of this size, without what rounding leaves of equal ones."""
    return np.where(np.abs(differences) <= ROUNDING * size, 0.0, differences)


def _are_answers(scores: Floats) -> bool:
    return bool(np.isin(scores, (0.0, 1.0)).all())


def _pair(x: Floats, y: Floats, differences: Floats, low: float, high: float, answers: bool) -> Comparison:
    both = np.isfinite(differences)
    x, y, differences = x[both], y[both], differences[both]
    size = float(max(np.abs(x).max(), np.abs(y).max()))
    count, mean = len(differences), float(without_rounding(np.asarray(differences.mean()), size))
    p, test = sign_flip(differences)
    if count == 1:
        return Comparison(1, Interval(mean, np.nan, np.nan), p, test, np.nan, np.nan)
    spread, variances = float(differences.std(ddof=1)), float(x.var(ddof=1) + y.var(ddof=1))
    even = bool(np.ptp(differences) <= ROUNDING * size)
    low, high = (mean, mean) if even else (low, high)
    if answers and _are_answers(x) and _are_answers(y):
        low, high = share_difference(int((differences > 0).sum()), int((differences < 0).sum()), count, count)
    return Comparison(
        n=count,
        difference=Interval(mean, low, high),
        p=p,
        test=test,
        effect_size=np.nan if even else mean / spread,
        variance_reduction=1 - spread**2 / variances if variances > 0 else np.nan,
    )


def _two_samples(x: Floats, y: Floats, answers: bool) -> Comparison:
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not len(x) or not len(y):
        return Comparison(0, Interval(np.nan, np.nan, np.nan), np.nan, "none", np.nan, np.nan)
    mean = float(x.mean() - y.mean())
    p = float(stats.mannwhitneyu(x, y, alternative="two-sided").pvalue)
    if min(len(x), len(y)) < 2:
        return Comparison(0, Interval(mean, np.nan, np.nan), p, "Mann-Whitney", np.nan, np.nan)
    if answers and _are_answers(x) and _are_answers(y):
        low_high = share_difference(int(x.sum()), int(y.sum()), len(x), len(y))
        return Comparison(0, Interval(mean, *low_high), p, "Mann-Whitney", np.nan, np.nan)
    often = draws((len(x), len(y)), RESAMPLES)
    low, high = ends(known_mean(x, often[: len(x)]) - known_mean(y, often[len(x) :]))
    return Comparison(0, Interval(mean, float(low), float(high)), p, "Mann-Whitney", np.nan, np.nan)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p values: the k-th smallest of m times m - k + 1, never falling, at most 1.

    NaN (nothing was tested) stays NaN and does not count in m.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(values), np.nan)
    order = np.argsort(values)[: int(np.isfinite(values).sum())]  # NaN comes last
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]
