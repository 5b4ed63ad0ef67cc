"""Every row of a study against the baseline, metric by metric, with a verdict: tables/comparisons and the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings.scores import Board
from analysis.loading import reference
from analysis.metrics import METRICS, Floats, Metric
from analysis.statistics.blocks import Places
from analysis.statistics.intervals import LEVEL, Interval
from analysis.statistics.paired import (
    EXACT_UP_TO,
    SIGNIFICANT,
    SMALL,
    Comparison,
    Verdict,
    compare,
    holm,
    verdict,
)
from analysis.statistics.power import MOST, POWER, Seeds, seeds_over
from analysis.tables.summary import interval_text, lowered, number_text
from analysis.tables.table import Sheet, booktabs, columns, csv_text, document

HEADLINES = (
    "final_return",
    "auc",
    "steps_to_threshold",
    "running_variance",
    "evaluation_return",
    "q_error",
    "exact_overestimation",
    "regret",
    "overestimation",
    "soft_divergence",
    "churn",
)
"""What the Markdown table holds, in this order, as far as the runs have it; the CSV holds every metric."""
IN_TERMINAL = ("final_return", "auc", "running_variance", "overestimation", "soft_divergence")
"""The columns of the verdicts, which must fit beside each other."""
WITH_EXACT = ("final_return", "auc", "q_error", "regret", "overestimation", "soft_divergence")
"""Those where exact values are known."""


@dataclass(frozen=True)
class Compared:
    """A row against the baseline on one metric."""

    env_id: str
    metric: Metric
    label: str
    against: str
    means: tuple[float, float]
    """Of the row and of the baseline, over all their runs."""
    comparison: Comparison
    p_holm: float
    family: int
    """Comparisons that Holm's method corrects for: the rows of this environment and metric that were tested."""
    scale: float
    verdict: Verdict
    seeds: Seeds | None
    failed: int
    """Runs of the row and of the baseline that failed."""
    at_worst: float
    """The difference if every failed run of the row had been the worst and every one of the baseline the best."""
    at_best: float

    @property
    def direction(self) -> str:
        """'better', 'worse', 'higher' or 'lower'; '' where nothing is said to differ."""
        if self.verdict != "differs":
            return ""
        up = self.comparison.difference.point > 0
        if self.metric.bigger_is_better is None:
            return "higher" if up else "lower"
        return "better" if up == self.metric.bigger_is_better else "worse"

    @property
    def text(self) -> str:
        """The verdict in words: 'differs (worse)', 'undecided: about 24 seeds (9 to > 100)'."""
        if self.verdict == "differs":
            return f"differs ({self.direction})"
        if self.verdict == "undecided" and self.seeds is not None:
            return f"undecided: {self.seeds.text}"
        return self.verdict

    @property
    def is_same(self) -> bool:
        """Whether row and baseline score the same in every run; answers (yes or no) are never known to."""
        return self.metric.summary != "share" and self.comparison.difference == Interval(0, 0, 0)

    def record(self) -> dict[str, Any]:
        """The comparison as a line of the CSV."""
        found, seeds = self.comparison, self.seeds
        return {
            "env_id": self.env_id,
            "metric": self.metric.name,
            "unit": self.metric.unit,
            "bigger_is_better": {True: "yes", False: "no", None: ""}[self.metric.bigger_is_better],
            "variant": self.label,
            "baseline": self.against,
            "n": found.n,
            "mean": self.means[0],
            "baseline_mean": self.means[1],
            "difference": found.difference.point,
            "difference_low": found.difference.low,
            "difference_high": found.difference.high,
            "five_percent": SMALL * self.scale,
            "test": found.test,
            "p": found.p,
            "comparisons": self.family,
            "p_holm": self.p_holm,
            "effect_size": found.effect_size,
            "variance_reduction": found.variance_reduction,
            "verdict": self.verdict,
            "direction": self.direction,
            "seeds_needed": "" if seeds is None else seeds.text,
            "failed": self.failed,
            "difference_at_worst": self.at_worst if self.failed else np.nan,
            "difference_at_best": self.at_best if self.failed else np.nan,
        }


def compare_all(board: Board, baseline: str) -> list[Compared]:
    """Every metric in turn, and in it every row of which a run was made and that has a baseline to be compared with."""
    rows = [line.row for line in board.lines]
    pairs = [
        (place, of)
        for place, row in enumerate(rows)
        if row.is_tried and (of := reference(rows, row, baseline))
    ]
    against = np.array([rows.index(of) for _, of in pairs], dtype=np.intp)
    places = np.array([place for place, _ in pairs], dtype=np.intp)
    return [
        found
        for metric in METRICS.values()
        if is_compared(metric) and len(pairs) and board.has(metric.name)
        for found in compare_rows(board, metric, places, against)
    ]


def is_compared(metric: Metric) -> bool:
    """Whether runs have a score of their own that can be paired; waiting times need a budget to be cut at."""
    return metric.of is not None and (metric.summary != "wait" or metric.scale == "steps")


def compare_rows(
    board: Board, metric: Metric, places: Places, against: Places, seeds: slice = slice(None)
) -> list[Compared]:
    """Rows of a board against other rows of it, on these of its seeds, as one family.

    Where no run of either row got to the end of a waiting time, nothing is compared: two budgets are equal anyway.
    """
    scores, scale = board.scores(metric.name)[:, seeds], board.scale(metric)
    x, y = scores[places], scores[against]
    if metric.summary == "wait":
        arrived = np.array([line.has(metric.name) for line in board.lines])
        x = np.where((arrived[places] | arrived[against])[:, None], x, np.nan)
    found = compare(x, y, answers=metric.summary == "share")
    adjusted = holm([one.p for one in found])
    family = int(np.isfinite(adjusted).sum())
    worst, best = (board.imputed(metric.name, end)[:, seeds] for end in (True, False))
    failed = board.failed[:, seeds].sum(axis=1)
    return [
        Compared(
            env_id=board.env_id,
            metric=metric,
            label=board.labels[row],
            against=board.labels[base],
            means=(_mean(scores[row]), _mean(scores[base])),
            comparison=one,
            p_holm=p_holm,
            family=family,
            scale=scale,
            verdict=verdict(one.difference, p_holm, scale),
            seeds=_seeds(one, family),
            failed=int(failed[row] + failed[base]),
            at_worst=_mean(worst[row] - best[base]),
            at_best=_mean(best[row] - worst[base]),
        )
        for row, base, one, p_holm in zip(places.tolist(), against.tolist(), found, adjusted, strict=True)
    ]


def _seeds(found: Comparison, family: int) -> Seeds | None:
    ends, effect = found.difference, found.effect_size
    spread = ends.point / effect if np.isfinite(effect) and effect else np.nan
    return seeds_over(ends.point, ends.low, ends.high, spread, max(1, family))


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


# ---- as text -------------------------------------------------------------------------------------------------------


def as_csv(found: Sequence[Compared]) -> str:
    """Every comparison on every metric."""
    return csv_text([one.record() for one in found])


def as_markdown(name: str, found: Sequence[Compared], missing: Sequence[str]) -> str:
    """The headlines, a table per environment and metric."""
    how = [*notes(), *left_out(found), *too_few(found), *missing]
    return document(f"{name}: each row against the baseline", sheets(found), how)


def sheets(found: Sequence[Compared]) -> list[Sheet]:
    """The headlines, a sheet per environment and metric."""
    made = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        for metric in HEADLINES:
            here = _of(found, env_id, metric)
            if not all(one.is_same for one in here):
                made.append(sheet(f"{env_id}: {heading(here[0])}", here))
    return made


def left_out(found: Sequence[Compared]) -> list[str]:
    """A note on the headlines that have no table, since all runs score the same."""
    texts = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        same = [
            name
            for name in HEADLINES
            if (here := _of(found, env_id, name)) and all(one.is_same for one in here)
        ]
        if same:
            titles = ", ".join(lowered(METRICS[name].title) for name in same)
            texts.append(f"{env_id}: no table, as every run compared scores the same: {titles}.")
    return texts


def _of(found: Sequence[Compared], env_id: str, metric: str) -> list[Compared]:
    return [one for one in found if (one.env_id, one.metric.name) == (env_id, metric)]


def sheet(title: str, found: Sequence[Compared]) -> Sheet:
    """Comparisons on one metric as a table."""
    body = [list(_cells(one).values()) for one in found]
    return Sheet(title, list(_cells(found[0])), body, {"variant", "verdict"})


def as_latex(name: str, found: Sequence[Compared], facts: str) -> str:
    """Differences from the baseline on the metrics that fit on a page, a part per environment."""
    against = sorted({one.against for one in found})
    than = against[0] if len(against) == 1 else "the baseline at the same point"
    return differences(
        f"Study {name}: each row minus {than}. {facts}", "Variant", found, lambda one: one.label
    )


def differences(caption: str, first: str, found: Sequence[Compared], named: Callable[[Compared], str]) -> str:
    """Differences as LaTeX: a line per row, a column per metric of ``in_short``."""
    metrics = in_short(found)
    parts = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        lines: dict[str, dict[str, Compared]] = {}
        for one in found:
            if one.env_id == env_id:
                lines.setdefault(one.label, {})[one.metric.name] = one
        body = []
        for here in lines.values():
            ones = [here.get(metric) for metric in metrics]
            some = next(iter(here.values()))
            body.append([named(some), str(some.comparison.n), *map(_difference, ones)])
        parts.append((env_id, body))
    marks = (
        "Differences are means over common seeds with 95 % percentile bootstrap intervals, of shares with exact ones. "
        "*: the interval excludes 0 and Holm p < .05; =: inside 5 % of the scale."
    )
    return booktabs(f"{caption} {marks}", [first, "n", *(METRICS[metric].title for metric in metrics)], parts)


def in_short(found: Sequence[Compared]) -> list[str]:
    """The few metrics that fit beside each other, as far as the runs have them and do not all score the same."""
    has, told = ({one.metric.name for one in found if same or not one.is_same} for same in (True, False))
    few = WITH_EXACT if "q_error" in told else IN_TERMINAL
    return [metric for metric in few if metric in (told & set(few) or has)]


def _difference(one: Compared | None) -> str:
    if one is None:
        return "n/a"
    mark = {"differs": "*", "undecided": ""}.get(one.verdict, " =")
    return numbers(one)["difference"] + mark


def heading(one: Compared) -> str:
    """'final return (return per episode; bigger is better)'."""
    better = {True: "bigger is better", False: "smaller is better", None: "neither way is better"}
    return f"{lowered(one.metric.title)} ({one.metric.unit}; {better[one.metric.bigger_is_better]})"


def _cells(one: Compared) -> dict[str, str]:
    found = numbers(one)
    against = one.against if "@" not in one.against else "baseline"
    return {
        "variant": one.label,
        **{(against if key == "against" else key): text for key, text in found.items()},
    }


def numbers(one: Compared) -> dict[str, str]:
    """A comparison as people read it, by what it is: n, both means, the difference, its tests and the verdict."""
    found, metric = one.comparison, one.metric.name
    cells = {
        "n": str(found.n),
        "mean": _number(metric, one.means[0]),
        "against": _number(metric, one.means[1]),
        "difference": "n/a" if np.isnan(found.difference.point) else interval_text(metric, found.difference),
        "effect": _short(found.effect_size),
        "p": _p(found.p),
        "Holm p": _p(one.p_holm),
        "verdict": one.text,
    }
    if one.failed:
        ends = f"{_number(metric, one.at_worst)} to {_number(metric, one.at_best)}"
        cells["verdict"] += f"; {one.failed} failed: {ends}"
    return cells


def _number(metric: str, value: float) -> str:
    return "n/a" if np.isnan(value) else number_text(metric, value)


def _short(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2f}"


def _p(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def notes() -> list[str]:
    """What a reader must know to read the verdicts."""
    level = f"{LEVEL:.0%}".replace("%", " %")
    return [
        f"difference: mean over common seeds of the row minus the baseline; n: those seeds. Intervals: {level} "
        "percentile bootstrap, the same resampled seeds for all rows. effect: mean difference over its standard "
        "deviation.",
        f"p: sign-flip permutation test, exact up to {EXACT_UP_TO} seeds (so at least 2 / 2^n), otherwise Monte Carlo; "
        "Mann-Whitney where there are no common seeds (n = 0). Holm over the rows of an environment and metric.",
        "differs: the interval excludes 0 and Holm p < .05. no effect larger than 5 %: the interval lies inside 5 % of "
        "the scale (threshold minus random for returns, the budget for steps, the bounds' width for values, 1 for "
        "shares; a metric without a scale never gets this verdict). undecided: everything else.",
        f"undecided: about N seeds: if the true difference equals the observed one, {POWER:.0%} power needs about N "
        "(in brackets: over the interval), at the strictest level of Holm. Adding seeds until significance inflates "
        "error: say how often you looked, or confirm on fresh seeds.".replace("%", " %"),
        "failed: the differences if failed runs had scored the worst, or the best, of any run here.",
    ]


def verdicts(name: str, found: Sequence[Compared], lagged: Sequence[Compared], missing: Sequence[str]) -> str:
    """The verdicts for a terminal or a pipe: one line per row, plain text, a column per metric."""
    text = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        here = [one for one in found if one.env_id == env_id]
        against = sorted({one.against for one in here})
        than = against[0] if len(against) == 1 else "the baseline at the same point"
        text += _verdict_table(f"{name}, {env_id}: minus {than}", here)
    for env_id in dict.fromkeys(one.env_id for one in lagged):
        here = [one for one in lagged if one.env_id == env_id]
        text += _verdict_table(f"{name}, {env_id}: soft target minus the hard one of the same lag", here)
    if found or lagged:
        text += [
            "better, worse (higher, lower): the 95 % interval excludes 0 and Holm p < .05;",
            "same: no effect larger than 5 %; ?: undecided. Intervals, p values, seeds needed: comparisons.md.",
        ]
    text += too_few(found or lagged)
    return "\n".join([*text, *missing, ""])


def _verdict_table(title: str, found: Sequence[Compared]) -> list[str]:
    """A line per row, a column per metric of ``in_short``."""
    here = {(one.label, one.metric.name): one for one in found}
    shown = in_short(found)
    body = []
    for label in dict.fromkeys(label for label, _ in here):
        ones = [here[label, metric] for metric in shown]
        counts = sorted({one.comparison.n for one in ones})
        n = str(counts[-1]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"
        body.append([label, n, *(_brief(one) for one in ones)])
    head = ["variant", "n", *(METRICS[metric].title for metric in shown)]
    family = max(one.family for one in here.values())
    return [f"{title}, paired over n seeds, Holm over {family}", "", *columns(head, body, {"variant"}), ""]


def too_few(found: Sequence[Compared]) -> list[str]:
    """A warning where there are so few seeds that no difference, however large, could be told."""
    most = max((one.comparison.n for one in found), default=0)
    family = max((one.family for one in found), default=0)
    least = next(n for n in range(1, MOST) if family * 2.0 ** (1 - n) < SIGNIFICANT)
    if not found or most >= least:
        return []
    return [
        f"n = {most}: with {family} comparisons nothing can be called different below n = {least}, and the intervals "
        "of so few seeds are too narrow."
    ]


def _brief(one: Compared) -> str:
    """'-209.4 worse', '+12.0 ?', 'n/a'."""
    point = one.comparison.difference.point
    if np.isnan(point):
        return "n/a"
    sign = "+" if point > 0 else ""
    word = {"differs": one.direction, "undecided": "?"}.get(one.verdict, "same")
    return f"{sign}{number_text(one.metric.name, point)} {word:<6}"
