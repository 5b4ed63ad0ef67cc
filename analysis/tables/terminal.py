"""The verdicts for a terminal or a pipe: tables/verdicts.txt, plain text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.findings.against_baseline import RowComparison
from analysis.metrics import METRICS
from analysis.tables.comparisons import baseline_text, headline_columns, too_few_seeds
from analysis.tables.spelling import range_text, signed_number, signed_text
from analysis.tables.table import Table, plain_columns


def verdicts(
    name: str,
    found: Sequence[RowComparison],
    soft_minus_hard: Sequence[RowComparison],
    missing: Sequence[str],
) -> str:
    """The verdicts for a terminal or a pipe: one line per row, plain text, a column per metric."""
    text = []
    for env_id in dict.fromkeys(one.env_id for one in found):
        here = [one for one in found if one.env_id == env_id]
        text += _verdict_table(f"{name}, {env_id}: minus {baseline_text(here)}", here)
    for env_id in dict.fromkeys(one.env_id for one in soft_minus_hard):
        here = [one for one in soft_minus_hard if one.env_id == env_id]
        text += _verdict_table(f"{name}, {env_id}: soft target minus the hard one of the same lag", here)
    if found or soft_minus_hard:
        text += [
            "better, worse (higher, lower): differs, Holm p <= alpha; same: within the margin; =: both;",
            "?: undecided. Intervals, p values, margins, seeds needed: verdicts.md and comparisons.md.",
        ]
    text += too_few_seeds(found or soft_minus_hard)
    return "\n".join([*text, *missing, ""])


def _verdict_table(title: str, found: Sequence[RowComparison]) -> list[str]:
    """A line per row: the primary metric with its interval, then a column per headline that tells rows apart."""
    here = {(one.label, one.metric.name): one for one in found}
    primary = next((one.metric.name for one in found if one.is_primary), None)
    shown, silent = telling_columns(found)
    body = []
    for label in dict.fromkeys(label for label, _ in here):
        ones = [here[label, metric] for metric in shown]
        n = range_text([one.n for one in ones] or [0], "-")
        main = here.get((label, primary or ""))
        first = (
            [n]
            if main is None
            else [str(main.n), signed_text(main.metric.name, main.difference), _word(main)]
        )
        body.append([label, *first, *map(_brief, ones)])
    head = ["variant", "n", *([METRICS[primary].title, "verdict"] if primary else [])]
    head += [METRICS[metric].title for metric in shown]
    family = max(one.family for one in here.values())
    table = plain_columns(Table(title, head, body))
    apart = (
        [f"undecided for every row: {', '.join(METRICS[name].title.lower() for name in silent)}"]
        if silent
        else []
    )
    return [f"{title}, paired over n seeds, Holm over {family}", "", *table, *apart, ""]


def _brief(one: RowComparison) -> str:
    """'-209.4 worse', '+12.0 ?', 'n/a'."""
    number = signed_number(one.metric.name, one.judged.difference)
    return number if np.isnan(one.judged.difference) else f"{number} {_word(one):<6}"


def _word(one: RowComparison) -> str:
    return "?" if one.verdict == "undecided" else one.verdict + "=" * one.is_small


def telling_columns(found: Sequence[RowComparison]) -> tuple[list[str], list[str]]:
    """The headlines besides the primary metric: those that tell some row apart, and those that tell none.

    ``found``: comparisons in one environment.
    """
    primary = {one.metric.name for one in found if one.is_primary}
    decided = {one.metric.name for one in found if one.judged.is_decided}
    names = [name for name in headline_columns(found) if name not in primary]
    return [name for name in names if name in decided], [name for name in names if name not in decided]
