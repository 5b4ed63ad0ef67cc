"""Hard against soft targets of the same lag as text: tables/hard-against-soft."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings.against_baseline import HEADLINES, RowComparison, on_metric
from analysis.findings.hard_vs_soft import CLOSE, SoftMinusHard
from analysis.tables.comparisons import cells, differences
from analysis.tables.spelling import lowered, metric_heading
from analysis.tables.table import Table, markdown_page


def as_markdown(name: str, found: Sequence[SoftMinusHard]) -> str:
    """A table per environment and headline."""
    return markdown_page(f"{name}: hard against soft targets of the same lag", tables(found), notes())


def tables(found: Sequence[SoftMinusHard]) -> list[Table]:
    """A table per environment and headline: a line per pair."""
    made, words, compared = [], ["hard", "soft"], [one.compared for one in found]
    columns = [*words, "period", "tau", "n", "mean, hard", "mean, soft", "soft - hard"]
    columns += ["effect", "p", "Holm p", "verdict"]
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
    return pair + [texts[key] for key in ("mean", "difference", "effect", "p", "Holm p", "verdict")]


def as_latex(name: str, found: Sequence[SoftMinusHard], facts: str) -> str:
    """Differences on the metrics that fit on a page, a part per environment."""
    numbers = {
        (one.compared.env_id, one.compared.label, one.compared.against): _numbers(one) for one in found
    }

    def pair(one: RowComparison) -> str:
        period, tau = numbers[one.env_id, one.label, one.against]
        return f"{_short(one.label)}: C = {period}, tau = {tau}"

    caption = f"Study {name}: soft minus hard target of the same mean lag, tau = 2 / (C + 1). {facts}"
    return differences(caption, "Pair", [one.compared for one in found], pair)


def _short(label: str) -> str:
    """A label without its target's number, which has a column of its own."""
    return "@".join(part for part in label.split("@") if not part.startswith("target."))


def _numbers(one: SoftMinusHard) -> tuple[str, str]:
    """The pair's period and tau."""
    return f"{one.period:g}", f"{one.tau:g}"


def notes() -> list[str]:
    """Notes on how to read the table."""
    return [
        "A pair shares everything but how the target network follows: a copy every C updates, or a blend of "
        f"tau = 2 / (C + 1) (to {CLOSE:.0%}), whose parameters are on average as old, (C - 1) / 2 updates.".replace(
            "%)", " %)"
        ),
        "Differences are soft minus hard over common seeds. Intervals, p values, verdicts and seeds needed as in the "
        "comparisons with the baseline; Holm over the pairs of an environment and metric.",
    ]
