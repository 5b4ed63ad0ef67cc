"""Deciding by looks: planned numbers of seeds at which rows are tested, and decided rows get no more (docs/metrics.md).

Of V hypotheses each is tested twice at each look: "differs" and "same" (``flips``). Look k, of the first n_k seeds, has
the share a_k = (n_k - n_{k-1}) / n_K of the error. The sequential p of a test is P_k = min(1, min_{j <= k} p_j / a_j),
valid however the study stops, since P(inf_k P_k <= u) <= sum_k a_k u = u (union bound; Lan and DeMets 1983). Holm's
method on P corrects over the V hypotheses, in either family by itself. Fixed seeds are one look with a = 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from analysis.metrics import Floats
from analysis.statistics.flips import flip_tests

ALPHA = 0.05
SEED = 2015
"""Of the flips, where a study doesn't state its own."""
FINER = 100
"""The least p of drawn flips lies this factor under the smallest level that any hypothesis may need."""

Verdict = Literal["better", "worse", "higher", "lower", "same", "undecided"]


@dataclass(frozen=True)
class Design:
    """What is fixed before the first look."""

    looks: tuple[int, ...]
    """n_1 < ... < n_K; fixed seeds: all of them."""
    hypotheses: int
    """V: the rows that Holm's method corrects for."""
    margin: float = np.nan
    """m: what counts as no effect, in the metric's units; NaN: "same" can't be earned."""
    alpha: float = ALPHA
    seed: int = SEED
    answers: bool = False
    """True where scores are yes (1) or no (0): a shift model doesn't hold, and "same" needs the exact interval."""
    is_secondary: bool = False

    @property
    def shares(self) -> list[float]:
        """a_k of each look."""
        return [(n - before) / self.looks[-1] for before, n in pairwise((0, *self.looks))]

    def flips(self, k: int) -> int:
        """B of look k: drawn sign vectors, an even number, with 1 / (B + 2) at most a alpha / V / 100.

        a is the least share of any look; of a secondary metric, of which a table has dozens, this look's.
        """
        share = self.shares[k - 1] if self.is_secondary else min(self.shares)
        return 2 * int(np.ceil(FINER * max(1, self.hypotheses) / (share * self.alpha) / 2 - 1e-9))


def least_seeds(hypotheses: int, share: float, alpha: float = ALPHA) -> int:
    """The fewest seeds at which a look can reject one of V hypotheses: 2 / 2^n <= a alpha / V."""
    return next(n for n in range(1, 1000) if 2.0 ** (1 - n) <= share * alpha / hypotheses)


@dataclass(frozen=True)
class Judged:
    """A hypothesis as of a look: its last test, what all of its tests say together, and Holm's correction."""

    look: int = 0
    """The look of its last test, from 1; 0: none yet."""
    n: int = 0
    difference: float = np.nan
    vectors: int = 0
    hits: int = 0
    hits_same: int = 0
    p: float = np.nan
    p_same: float = np.nan
    """Of this look alone, as are ``vectors`` (of signs) and the hits among them."""
    sequential_p: float = np.nan
    sequential_p_same: float = np.nan
    p_adjusted: float = np.nan
    p_same_adjusted: float = np.nan
    low: float = np.nan
    high: float = np.nan
    """The intersection of the intervals of all looks; where it misses the mean or is empty, the last look's own."""
    own_low: float = np.nan
    own_high: float = np.nan
    """Of this look alone, at the level a_k alpha."""
    all_low: float = np.nan
    all_high: float = np.nan
    """The intersection, empty or not."""
    is_within: bool = False
    """Of yes or no: True if the exact interval at the level a_k alpha / V lay within the margin at some look."""
    differs: bool = False
    same: bool = False

    @property
    def is_decided(self) -> bool:
        """True if either family rejects: the row gets no more seeds."""
        return self.differs or self.same

    @property
    def is_last_look_alone(self) -> bool:
        """True if the interval printed is not the intersection over the looks."""
        known = bool(np.isfinite([self.low, self.high]).any())
        return known and (self.low, self.high) != (self.all_low, self.all_high)

    @property
    def excludes_zero(self) -> bool:
        """True if the interval printed leaves out 0."""
        return self.low > 0 or self.high < 0

    def verdict(self, bigger_is_better: bool | None) -> Verdict:
        """The verdict in a word; with ``differs`` and ``same`` both it is better or worse, by less than the margin."""
        if not self.differs:
            return "same" if self.same else "undecided"
        up = self.difference > 0
        if bigger_is_better is None:
            return "higher" if up else "lower"
        return "better" if up == bigger_is_better else "worse"


def judge(differences: Floats, design: Design, last: Sequence[int] | None = None) -> Iterator[list[Judged]]:
    """Every look in turn: differences (V, S), a column per seed in their order, NaN where a run doesn't stand.

    A row is tested until it is decided; with ``last`` instead up to that look, whatever it finds: a metric by which
    nothing was stopped.
    """
    found = [Judged()] * len(differences)
    for k in range(1, len(design.looks) + 1):
        tested = [not one.is_decided for one in found] if last is None else [k <= look for look in last]
        if not any(tested):
            return
        found = judge_look(differences, design, k, found, tested)
        yield found


def judge_look(
    differences: Floats, design: Design, k: int, before: Sequence[Judged], tested: Sequence[bool]
) -> list[Judged]:
    """Look k, from 1, given what was found before: the rows to be ``tested`` are, the others keep what they had."""
    places = [place for place, is_tested in enumerate(tested) if is_tested]
    share, found = design.shares[k - 1], list(before)
    here = differences[places, : design.looks[k - 1]]
    margins = np.full(len(here), np.nan if design.answers else design.margin)
    level = share * design.alpha
    tests = flip_tests(here, margins, level, design.flips(k), design.seed)
    for row, place in enumerate(places):
        own, within = (tests.low[row], tests.high[row]), False
        if design.answers:
            own, within = _shares(here[row], level, design)
        one = before[place]
        low, high = float(np.fmax(one.all_low, own[0])), float(np.fmin(one.all_high, own[1]))
        mean = float(tests.mean[row])
        printed = (low, high) if np.isnan([low, high]).all() or low <= mean <= high else own
        found[place] = Judged(
            look=k,
            n=int(tests.n[row]),
            difference=mean,
            vectors=int(tests.vectors[row]),
            hits=int(tests.hits[row]),
            hits_same=int(tests.hits_same[row]),
            p=float(tests.p[row]),
            p_same=float(tests.p_same[row]),
            sequential_p=_least(one.sequential_p, float(tests.p[row]) / share),
            sequential_p_same=_least(one.sequential_p_same, float(tests.p_same[row]) / share),
            low=float(printed[0]),
            high=float(printed[1]),
            own_low=float(own[0]),
            own_high=float(own[1]),
            all_low=low,
            all_high=high,
            is_within=one.is_within or within,
        )
    return _corrected(found, design)


def _least(before: float, p: float) -> float:
    """The sequential p after another test."""
    return float(np.fmin(1.0, np.fmin(before, p))) if np.isfinite([before, p]).any() else np.nan


def _corrected(found: Sequence[Judged], design: Design) -> list[Judged]:
    """Holm's correction in both families, and what they reject."""
    adjusted = holm([one.sequential_p for one in found], design.hypotheses)
    adjusted_same = holm([one.sequential_p_same for one in found], design.hypotheses)
    return [
        replace(
            one,
            p_adjusted=p,
            p_same_adjusted=p_same,
            differs=p <= design.alpha,
            same=p_same <= design.alpha or one.is_within,
        )
        for one, p, p_same in zip(found, adjusted, adjusted_same, strict=True)
    ]


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Holm's (1979) adjusted p values: the k-th smallest of m times m - k + 1, never falling, at most 1.

    NaN (nothing was tested) stays NaN, and counts in m only where ``family`` says how many m is.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(values), np.nan)
    order = np.argsort(values)[: int(np.isfinite(values).sum())]  # NaN comes last
    steps = values[order] * ((family or len(order)) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


# ---- yes or no -----------------------------------------------------------------------------------------------------


def _shares(differences: Floats, level: float, design: Design) -> tuple[tuple[float, float], bool]:
    """The interval of a difference of shares, and True if the one at the level / V lies within the margin."""
    up, down, n = (
        int(count)
        for count in ((differences > 0).sum(), (differences < 0).sum(), np.isfinite(differences).sum())
    )
    if not n:
        return (np.nan, np.nan), False
    low, high = share_difference(up, down, n, level / max(1, design.hypotheses))
    return share_difference(up, down, n, level), bool(-design.margin < low and high < design.margin)


def share_difference(up: int, down: int, n: int, level: float = ALPHA) -> tuple[float, float]:
    """An interval of a difference of two shares of the same n seeds, that misses it with probability ``level`` at most.

    From Clopper and Pearson's limits of the shares of seeds at which only x says yes, and at which only y does, each at
    half the level, so that both hold at once (Bonferroni). 0 and 0 of 10 at .05: [-.35, .35].
    """
    (low, high), (least, most) = (clopper_pearson(count, n, level / 2) for count in (up, down))
    return low - most, high - least


def clopper_pearson(count: int, of: int, level: float) -> tuple[float, float]:
    """The exact interval of a share."""
    from scipy.special import betaincinv  # only where answers are judged

    low = betaincinv(count, of - count + 1, level / 2) if count else 0.0
    high = betaincinv(count + 1, of - count, 1 - level / 2) if count < of else 1.0
    return float(low), float(high)
