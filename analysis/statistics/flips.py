"""Sign flips of a mean difference: tests of "differs" and of "same", and the intervals that agree with them.

D, (n,), holds a difference per seed. Were a pair exchangeable within each seed, every vector s of signs were as likely:
what is as extreme as D itself is a hit, and p = hits / vectors, the identity counted. Exact over all 2^n vectors up to
n = 16; beyond, over B drawn vectors in pairs s, -s and the identity's pair, B + 2 in all (Phipson and Smyth 2010).

A flip is told by the subset I of seeds whose signs it turns: sum s_i (D_i - c) >= sum (D_i - c) exactly where
mean_I D <= c. So the subset means say it all: the hits against "the mean is at most c" are the subsets with means up to
c, the empty one counted as -inf, and the ends of the interval are order statistics of these means (Hartigan 1969).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.metrics import Floats, Ints

EXACT_UP_TO = 16
"""Differences up to which all 2^n vectors of signs are tried."""
TIE = 1e-12
"""Sums of signed differences within this share of sum |D| of the observed one count as hits."""
CELLS = 1 << 18
"""Numbers that a chunk of sums may hold."""


@dataclass(frozen=True)
class FlipTests:
    """Tests of the means of several rows of differences, (R,) each."""

    n: Ints
    """Seeds of the row."""
    mean: Floats
    vectors: Ints
    """Sign vectors, the identity among them: 2^n, or B + 2."""
    hits: Ints
    """One-sided, on the side of the mean."""
    hits_same: Ints
    """One-sided, of D + m and of D - m: the more of both."""
    p: Floats
    """Two-sided, of "the mean is 0": twice hits / vectors, at most 1; NaN where there is no difference."""
    p_same: Floats
    """Of "the mean is at least m away from 0": hits_same / vectors; NaN without a margin."""
    low: Floats
    """The two-sided interval of the level asked for; NaN where there is none."""
    high: Floats


def flip_tests(
    differences: Floats, margins: Floats, level: float, flips: int, seed: int | tuple[int, ...]
) -> FlipTests:
    """The tests of each row of differences, (R, N), NaN where a seed lacks; all rows of N meet the same flips.

    ``margins``: (R,), NaN where there is none. ``level``: the two-sided level of the intervals, .05 for 95 %.
    ``flips``: B, an even number of drawn vectors where a row has more than 16 seeds.
    """
    known = np.isfinite(differences)
    n = known.sum(axis=1)
    rows = len(differences)
    mean = np.array(
        [math.fsum(d[k]) / k.sum() if k.any() else np.nan for d, k in zip(differences, known, strict=True)]
    )
    vectors, hits, same = (np.zeros(rows, dtype=np.int64) for _ in range(3))
    low, high = np.full(rows, np.nan), np.full(rows, np.nan)
    many = n > EXACT_UP_TO
    groups = [(np.flatnonzero(n == count), True) for count in np.unique(n[~many]) if count]
    for group, exact in [*groups, (np.flatnonzero(many), False)]:
        if not len(group):
            continue
        there, most = known[group], CELLS // len(group) + 1
        if exact:
            count = int(n[group[0]])
            here = differences[group][there].reshape(len(group), count)
            there = np.ones_like(here, dtype=bool)
            pairs, total = _all_flips(count, most), 2**count
        else:
            here = np.where(there, differences[group], 0.0)
            pairs, total = _drawn_flips(here.shape[1], flips // 2, seed, most), flips + 2
        counted = _count(here, there, margins[group], math.floor(level * total / 2), pairs)
        vectors[group] = total
        hits[group], same[group], low[group], high[group] = counted
    none = n == 0
    p = np.where(none, np.nan, np.minimum(2 * hits / np.maximum(vectors, 1), 1.0))
    p_same = np.where(none | ~np.isfinite(margins), np.nan, same / np.maximum(vectors, 1))
    return FlipTests(n, mean, vectors, hits, same, p, p_same, low, high)


def _all_flips(count: int, most: int) -> Iterator[Floats]:
    """One of each pair of flips, 1 where a sign is turned, in chunks (at most ``most``, n) of all 2^(n - 1)."""
    for start in range(0, 2 ** (count - 1), most):
        places = np.arange(start, min(start + most, 2 ** (count - 1)))
        yield ((places[:, None] >> np.arange(count)) & 1).astype(np.float64)


def _drawn_flips(columns: int, pairs: int, seed: int | tuple[int, ...], most: int) -> Iterator[Floats]:
    """One of each pair of drawn flips in chunks, (about ``most``, N), after the identity."""
    yield np.zeros((1, columns))
    words = -(-columns // 64)
    source = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(columns,)))
    for start in range(0, pairs, most):
        drawn = source.random_raw(min(most, pairs - start) * words).astype("<u8").view(np.uint8)
        bits = np.unpackbits(drawn.reshape(-1, 8 * words), axis=1, count=columns, bitorder="little")
        yield bits.astype(np.float64)


def _count(
    differences: Floats,
    known: NDArray[np.bool_],
    margins: Floats,
    tail: int,
    pairs: Iterator[Floats],
) -> tuple[Ints, Ints, Floats, Floats]:
    """Hits, hits of "same", and the ends of the interval: the (tail + 1)-th subset mean from either side.

    Differences become whole numbers of a unit so small that rounding them is far below ``TIE``, and so large that every
    sum of them is exact in float64: neither chunks nor the order in which a library adds change a hit.
    """
    size = np.abs(differences).sum(axis=1)
    unit = 2.0 ** (np.frexp(np.where(size > 0, size, 1.0))[1] - 52)
    x = np.rint(differences / unit[:, None])
    m, sums, n = (margins / unit)[:, None], x.sum(axis=1)[:, None], known.sum(axis=1)
    masks, which = np.unique(known, axis=0, return_inverse=True)

    def tie(c: Floats) -> Floats:
        """Of a test of the shift c, in units of differences: by how much sums of subsets may miss c."""
        return np.asarray(TIE / 2 * np.where(known, np.abs(x - c), 0.0).sum(axis=1))[:, None]

    ties, low_tie, high_tie = tie(np.zeros_like(m)), tie(-m), tie(m)
    counts = np.zeros((4, len(x)), dtype=np.int64)  # subset means <= 0, >= 0, <= -m, >= m
    empty = np.zeros(len(x), dtype=np.int64)
    least: list[Floats] = []
    largest: list[Floats] = []
    for flips in pairs:
        one, turned = x @ flips.T, masks @ flips.T  # (R, chunk), and of each mask (M, chunk)
        for subsets, sizes in ((one, turned), (sums - one, masks.sum(axis=1)[:, None] - turned)):
            k = sizes[which.reshape(-1)]
            counts[0] += np.count_nonzero(subsets <= ties, axis=1)
            counts[1] += np.count_nonzero(subsets >= -ties, axis=1)
            if np.isfinite(m).any():
                shift = k * m
                counts[2] += np.count_nonzero(subsets + shift <= low_tie, axis=1)
                counts[3] += np.count_nonzero(subsets - shift >= -high_tie, axis=1)
            empty += np.count_nonzero(k == 0, axis=1)
            with np.errstate(invalid="ignore"):
                means = (
                    subsets / k
                )  # NaN of the empty one, which comes last: +inf above, and -inf below by its count
            for ends, is_high in ((least, False), (largest, True)):
                ends.append(_outermost(means, tail + 1, is_high))
                if sum(part.shape[1] for part in ends) > 4 * (tail + 1):
                    ends[:] = [_outermost(np.hstack(ends), tail + 1, is_high)]
    below, above = np.sort(np.hstack(least), axis=1), np.sort(np.hstack(largest), axis=1)
    low = (
        np.array([line[tail - e] if e <= tail else np.nan for line, e in zip(below, empty, strict=True)])
        * unit
    )
    high = above[:, -1 - tail] * unit
    for end in (low, high):
        for c in (np.zeros_like(m), m, -m):  # an end that is a tie of what is tested there lies there
            near = np.abs(end / unit - c[:, 0]) <= tie(c)[:, 0] / n
            end[near] = (c[:, 0] * unit)[near]
    return np.minimum(counts[0], counts[1]), np.maximum(counts[2], counts[3]), low, high


def _outermost(values: Floats, count: int, is_high: bool) -> Floats:
    """The ``count`` least, or largest, of each line, NaN counting as the largest; reorders the lines."""
    kth = max(values.shape[1] - count, 0) if is_high else min(count, values.shape[1]) - 1
    values.partition(kth, axis=1)
    return (values[:, kth:] if is_high else values[:, : kth + 1]).copy()
