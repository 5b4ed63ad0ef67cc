"""Rows against the baseline as text: tables/comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from analysis.findings.against_baseline import HEADLINES, RowComparison, on_metric
from analysis.findings.evidence import Evidence
from analysis.metrics import METRICS
from analysis.statistics.flips import EXACT_UP_TO
from analysis.statistics.power import MOST, POWER, SeedsNeeded
from analysis.statistics.sequential import least_seeds
from analysis.tables.missing import missing_evidence
from analysis.tables.spelling import (
    interval_text,
    lowered,
    metric_heading,
    number_text,
    number_texts,
    percent,
)
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, by_environment, recorded

IN_TERMINAL = ("final_return", "auc", "running_variance", "overestimation", "value_excess")
"""The columns of the verdicts, which must fit beside each other."""
WITH_EXACT = ("final_return", "auc", "q_error", "regret", "overestimation", "value_excess")
"""Those where exact values are known."""


def page(found: Evidence) -> Page:
    """The headlines, a table per environment and metric; on paper the differences on the metrics that fit there."""
    ones = found.comparisons
    return Page(
        name="comparisons",
        title="each row against the baseline",
        heading="Each row against the baseline",
        records=recorded([comparison_record(one) for one in ones]),
        tables=tables(ones),
        notes=[*notes(ones), *left_out_metrics(ones)],
        missing=[*too_few_seeds(ones), *missing_evidence(found)],
        paper=differences("Variant", ones, lambda one: one.label),
        caption=f"each row minus {baseline_text(ones)}. {facts(found.summaries, found.results)} {marks(ones)}",
    )


def marks(found: Sequence[RowComparison]) -> str:
    """What the marks of ``differences`` mean."""
    return (
        f"Differences are means over common seeds with {level_text(found)} intervals from sign flips, of "
        "shares with exact ones. *: differs; =: within the margin; ^: stopped by its verdict; ~: interval "
        "of the last look alone, or wider than the test."
    )


def level_text(found: Sequence[RowComparison]) -> str:
    """The level of the intervals: '95 %'."""
    return percent(1 - found[0].looks.decide["alpha"]) if found else ""


def comparison_record(one: RowComparison) -> dict[str, Any]:
    """A comparison as a line of the CSV."""
    failed = one.failed
    return {
        "env_id": one.env_id,
        "variant": one.label,
        "baseline": one.against,
        "unit": one.metric.unit,
        "bigger_is_better": {True: "yes", False: "no", None: ""}[one.metric.bigger_is_better],
        **verdict_record(one),
        "by_less_than_margin": "yes" if one.is_small else "",
        "hypotheses": one.family,
        "sign_vectors": one.judged.vectors or None,
        "effect_size": one.effect_size,
        "cliffs_delta": one.cliffs_delta,
        "variance_reduction": one.variance_reduction,
        "seeds_needed": seeds_needed_text(one.seeds) if one.seeds else "",
        "failed": failed,
        "difference_at_worst": one.at_worst if failed else None,
        "difference_at_best": one.at_best if failed else None,
    }


def verdict_record(one: RowComparison) -> dict[str, Any]:
    """The columns that all tables of verdicts share, from metric to verdict."""
    found = one.judged
    return {
        "metric": one.metric.name,
        "primary": str(one.is_primary).lower(),
        "n": one.n,
        "look": found.look if one.looks.planned and found.look else None,
        "mean": one.means[0],
        "baseline_mean": one.means[1],
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.sequential_p,
        "p_adjusted": found.p_adjusted,
        "p_same": found.sequential_p_same,
        "p_same_adjusted": found.p_same_adjusted,
        "margin": one.margin,
        "verdict": one.verdict,
    }


def seeds_needed_text(seeds: SeedsNeeded) -> str:
    """'about 24 seeds (9 to > 100)'."""
    about, fewest, most = (
        f"> {MOST}" if n is None else str(n) for n in (seeds.about, seeds.fewest, seeds.most)
    )
    if seeds.about is None:
        return f"{about} seeds" + ("" if seeds.fewest is None else f" ({fewest} to {most})")
    return f"about {about} seeds ({fewest} to {most})"


def tables(found: Sequence[RowComparison]) -> list[Table]:
    """The headlines, a table per environment and metric."""
    made = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        for metric in HEADLINES:
            here = on_metric(found, env_id, metric)
            if not all(one.is_identical for one in here):
                made.append(metric_table(f"{env_id}: {lowered(metric_heading(metric))}", here))
    return made


def metric_table(title: str, found: Sequence[RowComparison]) -> Table:
    """Comparisons on one metric as a table."""
    body = [list(_cells(one).values()) for one in found]
    return Table(title, list(_cells(found[0])), body, {"variant", "verdict"})


def left_out_metrics(found: Sequence[RowComparison]) -> list[str]:
    """A note on the headlines that have no table, since all runs score the same."""
    texts = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        same = [
            name
            for name in HEADLINES
            if (here := on_metric(found, env_id, name)) and all(one.is_identical for one in here)
        ]
        if same:
            titles = ", ".join(lowered(METRICS[name].title) for name in same)
            texts.append(f"{env_id}: no table, as every run compared scores the same: {titles}.")
    return texts


def differences(
    first: str, found: Sequence[RowComparison], named: Callable[[RowComparison], str]
) -> list[Table]:
    """A table of differences per environment: a line per row, a column per metric of ``headline_columns``."""
    metrics, made = headline_columns(found), []
    for env_id, here in by_environment(found, lambda one: one.env_id).items():
        lines: dict[str, dict[str, RowComparison]] = {}
        for one in here:
            lines.setdefault(one.label, {})[one.metric.name] = one
        body = []
        for line in lines.values():
            some = next(iter(line.values()))
            ones = [line.get(metric) for metric in metrics]
            body.append([named(some), str(some.n), *map(_difference, ones)])
        made.append(Table(env_id, [first, "n", *(METRICS[metric].title for metric in metrics)], body))
    return made


def headline_columns(found: Sequence[RowComparison]) -> list[str]:
    """The few metrics that fit beside each other, as far as the runs have them and do not all score the same."""
    compared = {one.metric.name for one in found}
    varied = {one.metric.name for one in found if not one.is_identical}
    few = WITH_EXACT if "q_error" in varied else IN_TERMINAL
    return [metric for metric in few if metric in (varied & set(few) or compared)]


def baseline_text(found: Iterable[RowComparison]) -> str:
    """What rows are compared with: a label, or 'the baseline at the same point'."""
    against = sorted({one.against for one in found})
    return against[0] if len(against) == 1 else "the baseline at the same point"


def _difference(one: RowComparison | None) -> str:
    if one is None:
        return "n/a"
    mark = {"same": " =", "undecided": ""}.get(one.verdict, "*=" if one.is_small else "*")
    return cells(one)["difference"] + mark


def _cells(one: RowComparison) -> dict[str, str]:
    against = one.against if "@" not in one.against else "baseline"
    return {
        "variant": one.label,
        **{(against if key == "against" else key): text for key, text in cells(one).items()},
    }


def cells(one: RowComparison) -> dict[str, str]:
    """A comparison as people read it, by what it is: n, both means, the difference, its tests and the verdict."""
    found, metric, stopped = one.judged, one.metric.name, "^" if one.is_stopped else ""
    means = number_texts(metric, one.means, abs(one.difference.point))
    texts = {
        "n": str(one.n),
        **({"look": str(found.look or "none")} if one.looks.planned else {}),
        "mean": means[0] + stopped,
        "against": means[1] + stopped,
        "difference": interval_text(metric, one.difference) + ("~" if one.is_marked else ""),
        "effect": _two_digits(one.effect_size),
        "delta": _two_digits(one.cliffs_delta),
        "Holm p": p_text(found.p_adjusted),
        "Holm p same": p_text(found.p_same_adjusted),
        "verdict": verdict_text(one),
    }
    if one.failed:
        ends = f"{number_text(metric, one.at_worst)} to {number_text(metric, one.at_best)}"
        texts["verdict"] += f"; {one.failed} failed: {ends}"
    return texts


def verdict_text(one: RowComparison) -> str:
    """The verdict in words: 'worse', 'better by less than the margin', 'undecided: about 24 seeds (9 to > 100)'."""
    if one.verdict == "same":
        return "within the margin"
    if one.untested is not None:
        return f"undecided: {one.untested}"
    if one.verdict == "undecided" and one.seeds is not None:
        return f"undecided: {seeds_needed_text(one.seeds)}"
    return one.verdict + (" by less than the margin" if one.is_small else "")


def _two_digits(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2f}"


def p_text(value: float) -> str:
    """A p value with two digits where it is small."""
    return "n/a" if np.isnan(value) else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def notes(found: Sequence[RowComparison]) -> list[str]:
    """Notes that a reader needs to read the verdicts."""
    if not found:
        return []
    looks = found[0].looks
    alpha = looks.decide["alpha"]
    texts = [
        "difference: mean over common seeds of the row minus the baseline; n: those seeds, and both means "
        f"are over them. Intervals: {level_text(found)}, the shifts that the sign-flip test doesn't "
        "reject, so none of very few seeds; of shares exact. effect: mean difference over its standard "
        "deviation. delta: Cliff's, the share of pairs of runs in which the row is above minus that in "
        "which it is below.",
        f"Holm p: two-sided sign-flip test of no difference, exact up to {EXACT_UP_TO} seeds (so at least "
        "2 / 2^n), beyond over drawn signs. Holm p same: the larger of two one-sided tests that the "
        "difference is the margin or more either way; yes or no has an exact interval instead. Holm over "
        "the rows of an environment and metric, for each question by itself: one wrong answer or more "
        f"with probability {alpha:g} at most, to either {2 * alpha:g}.",
        f"better, worse (higher, lower): Holm p <= {alpha:g}. within the margin: Holm p same <= {alpha:g}; "
        "the margin is in the CSV, and a metric without a scale has none. Both: by less than the margin. "
        "undecided: neither.",
        f"undecided: about N seeds: if the true difference equals the observed one, {percent(POWER)} power "
        "needs about N (in brackets: over the interval), at the strictest level of Holm. Adding seeds "
        "until significance inflates error unless it is planned by looks.",
        "failed: the differences if failed runs had scored the worst, or the best, of any run here.",
    ]
    return [*texts, *how_decided(found)]


def how_decided(found: Sequence[RowComparison]) -> list[str]:
    """Notes on sequential p values, and on marks."""
    texts = []
    if found and found[0].looks.planned:
        texts.append(
            "Decided by looks: p values are sequential (the least p_j / a_j over the looks so far), as of "
            f"the row's last look. What stopped a row is {found[0].looks.decide['metric']} alone; all "
            "other metrics are secondary. ^: stopped by its verdict, when it looked clear, so that its "
            "means exaggerate."
        )
    if any(one.is_marked for one in found):
        texts.append(
            "~: interval of the last look alone, or of shares, wider than the test that found a difference."
        )
    return texts


def too_few_seeds(found: Sequence[RowComparison]) -> list[str]:
    """A warning where there are so few seeds that no difference, however large, could be told."""
    most = max((one.n for one in found), default=0)
    family = max((one.family for one in found), default=0)
    if not family or found[0].looks.planned:
        return []
    least = least_seeds(family, 1.0, found[0].looks.decide["alpha"])
    if most >= least:
        return []
    return [f"n = {most}: with {family} comparisons nothing can be called different below n = {least}."]
