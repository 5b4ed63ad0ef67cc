"""The summary of a study as text: tables/summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.findings.evidence import Evidence
from analysis.findings.summary import COLUMNS, MEASURED, RowSummary
from analysis.loading import Results
from analysis.metrics import METRICS, WINDOW
from analysis.statistics.draws import LEVEL
from analysis.tables.components import not_run
from analysis.tables.missing import invalid_runs
from analysis.tables.spelling import interval_record, number_cell, range_text, row_name, waiting_text
from analysis.tables.table import Page, Table, by_environment, recorded

HEADINGS = {
    "n": "n",
    "diverged": "Div.",
    "failed": "Fail.",
    "final_return": "Final return",
    "auc": "Mean of curve",
    "steps_to_threshold": "Steps to threshold",
    "running_variance": "Running variance",
    "solved": "Solved",
}
"""The columns of the LaTeX table, which must fit on a page; the others are in the CSV."""


def page(found: Evidence) -> Page:
    """The columns of ``COLUMNS`` with all that is known of them as CSV; on paper the columns of ``HEADINGS``."""
    lines, results = found.summaries, found.results
    intervals = (
        f"Brackets: {LEVEL:.0%} intervals over seeds (percentile bootstrap of the mean; Clopper-Pearson for "
        "shares; Kaplan-Meier medians with log-log intervals for steps to threshold)."
    )
    return Page(
        name="summary",
        title=results.runs_text(),
        records=recorded([_record(line) for line in lines]),
        tables=[Table("", COLUMNS, [list(cells(line).values()) for line in lines], {"env_id", "variant"})],
        notes=notes(lines, results),
        paper=[
            Table(
                env_id,
                ["Variant", *HEADINGS.values()],
                [[row_name(one.row), *(_cell(one, name) for name in HEADINGS)] for one in here],
            )
            for env_id, here in by_environment(lines, lambda line: line.row.env_id).items()
        ],
        caption=f"{facts(lines, results)} {intervals}",
    )


def _record(line: RowSummary) -> dict[str, Any]:
    """The columns of ``COLUMNS``, their intervals, and more."""
    counts = line.row.counts
    record: dict[str, Any] = {
        "env_id": line.row.env_id,
        "variant": line.row.label,
        "n": line.n,
        "ok": counts["ok"],
        "diverged": counts["diverged"],
        "failed": line.row.failed,
    }
    shown = [name for name in COLUMNS if name in METRICS]
    record |= {name: line.numbers[name].point for name in shown}
    for name in dict.fromkeys([*shown, *MEASURED]):
        record |= interval_record(name, line.numbers[name])
    return record | {
        "asked": len(line.row.runs),
        "missing": counts["missing"],
        "damaged": counts["damaged"],
        "final_return_n": line.n_final,
        "steps_to_threshold_note": waiting_text(line.waits["steps_to_threshold"]),
        "reward_threshold": line.threshold,
        "total_timesteps": line.row.budget,
    }


def cells(line: RowSummary) -> dict[str, str]:
    """The columns of ``COLUMNS`` as people read them: numbers short, intervals beside them."""
    return {name: _cell(line, name) for name in COLUMNS}


def _cell(line: RowSummary, name: str) -> str:
    if name in line.numbers:
        return number_cell(line, name)
    counts = {"env_id": line.row.env_id, "variant": line.row.label, "n": line.n, "failed": line.row.failed}
    return str(counts.get(name, line.row.counts[name]))


def notes(lines: Sequence[RowSummary], results: Results) -> list[str]:
    """Notes that a reader needs to read the numbers, and everything that is not in them."""
    level = f"{LEVEL:.0%}".replace("%", " %")
    found = [
        f"n: runs that stand (ok + diverged). Intervals: {level} over seeds; percentile bootstrap for means, "
        "Clopper-Pearson for shares, Kaplan-Meier medians (log-log) for steps and episodes to threshold.",
        f"Curve: mean of the last {WINDOW} finished episodes; auc: its time average; final_return: episodes "
        "ending in the last tenth of the steps; solved: the curve's full window reaches the threshold; "
        f"running_variance: window {WINDOW}, ddof 0, full windows, averaged over environment steps.",
        budget_text(lines),
    ]
    for line in lines:
        if line.n_final < line.n:
            ended = f"{line.n_final} of {line.n} runs ended an episode in their last tenth"
            mean = "final_return is the mean of those" if line.n_final else "there is no final_return"
            found.append(f"{line.row.env_id}, {line.row.label}: {ended}; {mean}.")
    return [*found, *not_run(results.study), *invalid_runs(results)]


def budget_text(lines: Sequence[RowSummary]) -> str:
    """'Budget: 50000 environment steps per run.', by environment where they differ."""
    budgets: dict[str, set[int]] = {}
    for line in lines:
        budgets.setdefault(line.row.env_id, set()).add(line.row.budget)
    texts = {env_id: " or ".join(str(b) for b in sorted(found)) for env_id, found in budgets.items()}
    if len(set(texts.values())) == 1:
        return f"Budget: {next(iter(texts.values()))} environment steps per run."
    return "Budget in environment steps per run: " + ", ".join(f"{e} {b}" for e, b in texts.items()) + "."


def facts(lines: Sequence[RowSummary], results: Results) -> str:
    """The facts of every caption: n, window, budget, and what doesn't stand."""
    sentences = [
        f"n = {range_text([line.n for line in lines])} seeds per row.",
        f"Window: {WINDOW} episodes; running variance over full windows (ddof 0), averaged over steps.",
        budget_text(lines),
    ]
    if any(run.state != "ok" for run in results.runs):
        sentences.append(f"Of the runs asked for, {results.runs_text()} stand.")
    return " ".join(sentences)
