"""Hard against soft targets of the same lag as text: tables/hard-against-soft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.findings.against_baseline import HEADLINES, RowComparison, on_metric
from analysis.findings.evidence import Evidence
from analysis.findings.hard_vs_soft import CLOSE, SoftMinusHard
from analysis.tables.comparisons import (
    cells,
    comparison_record,
    differences,
    how_decided,
    left_out_metrics,
    marks,
)
from analysis.tables.spelling import lowered, metric_heading, percent
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, recorded

TESTS = ("effect", "delta", "Holm p", "Holm p same")


def page(found: Evidence) -> Page:
    """A table per environment and headline; on paper the differences on the metrics that fit there."""
    ones = found.soft_minus_hard
    compared = found.soft_compared
    numbers = {(one.compared.env_id, one.compared.label, one.compared.against): _numbers(one) for one in ones}

    def pair(one: RowComparison) -> str:
        period, tau = numbers[one.env_id, one.label, one.against]
        return f"{_short(one.label)}: C = {period}, tau = {tau}"

    return Page(
        name="hard-against-soft",
        title="hard against soft targets of the same lag",
        heading="Hard against soft target at the same lag",
        records=recorded([_record(one) for one in ones]),
        tables=tables(ones),
        notes=[*notes(compared), *left_out_metrics(compared)],
        paper=differences("Pair", compared, pair),
        caption="soft minus hard target of the same mean lag, tau = 2 / (C + 1). "
        f"{facts(found.summaries, found.results)} {marks(compared)}",
    )


def _record(one: SoftMinusHard) -> dict[str, Any]:
    names = {"variant": "soft", "baseline": "hard", "mean": "soft_mean", "baseline_mean": "hard_mean"}
    record = {names.get(key, key): value for key, value in comparison_record(one.compared).items()}
    numbers = {"period": one.period, "tau": one.tau, "lag": (one.period - 1) / 2}
    return {"env_id": one.compared.env_id, **numbers, **record}


def tables(found: Sequence[SoftMinusHard]) -> list[Table]:
    """A table per environment and headline: a line per pair."""
    made, words, compared = [], ["hard", "soft"], [one.compared for one in found]
    columns = [*words, "period", "tau", "n", "mean, hard", "mean, soft", "soft - hard"]
    columns += [*TESTS, "verdict"]
    for env_id in dict.fromkeys(one.env_id for one in compared):
        for metric in HEADLINES:
            here = on_metric(compared, env_id, metric)
            if not all(one.is_identical for one in here):
                title = f"{env_id}: {lowered(metric_heading(metric))}"
                rows = [_cells(one) for one in found if one.compared in here]
                made.append(Table(title, columns, rows, {*words, "verdict"}))
    return made


def _cells(one: SoftMinusHard) -> list[str]:
    texts = cells(one.compared)
    pair = [
        _short(one.compared.against),
        _short(one.compared.label),
        *_numbers(one),
        texts["n"],
        texts["against"],
    ]
    return pair + [texts[key] for key in ("mean", "difference", *TESTS, "verdict")]


def _short(label: str) -> str:
    """A label without its target's number, which has a column of its own."""
    return "@".join(part for part in label.split("@") if not part.startswith("target."))


def _numbers(one: SoftMinusHard) -> tuple[str, str]:
    """The pair's period and tau."""
    return f"{one.period:g}", f"{one.tau:g}"


def notes(found: Sequence[RowComparison]) -> list[str]:
    """Notes on how to read the table."""
    return [
        "A pair shares everything but how the target network follows: a copy every C updates, or a blend "
        f"of tau = 2 / (C + 1) (to {percent(CLOSE)}), whose parameters are on average as old, (C - 1) / 2 "
        "updates.",
        "Differences are soft minus hard over common seeds. Intervals, p values, verdicts and seeds "
        "needed as in the comparisons with the baseline; Holm over the pairs of an environment and metric.",
        *how_decided(found),
    ]
