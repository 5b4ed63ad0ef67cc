"""The summary of a study as text: tables/summary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.findings.summary import COLUMNS, RowSummary
from analysis.loading import Results
from analysis.metrics import WINDOW
from analysis.statistics.draws import LEVEL
from analysis.tables.components import not_run
from analysis.tables.missing import invalid_runs
from analysis.tables.spelling import interval_text, range_text, row_name
from analysis.tables.table import Table, booktabs, csv_text, markdown

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

# ---- CSV ----


def as_csv(lines: Sequence[RowSummary]) -> str:
    """Every column; a number that isn't defined is empty."""
    return csv_text([line.record() for line in lines])


# ---- Markdown ----


def as_markdown(lines: Sequence[RowSummary], results: Results) -> str:
    """The columns of ``COLUMNS``, intervals in their cells, padded so that a terminal shows a table."""
    body = [list(cells(line).values()) for line in lines]
    text = [f"# {results.study['name']}: {results.runs_text()}", ""]
    text += markdown(Table("", COLUMNS, body, {"env_id", "variant"}))
    text += ["", *(f"- {note}" for note in notes(lines, results)), ""]
    return "\n".join(text)


def cells(line: RowSummary) -> dict[str, str]:
    """The columns of ``COLUMNS`` as people read them: numbers short, intervals beside them."""
    return {name: _cell(line, name) for name in COLUMNS}


def _cell(line: RowSummary, name: str) -> str:
    if name in line.numbers:
        number = line.numbers[name]
        if np.isnan(number.point):
            return line.not_reached_text.get(name) or "n/a"
        return interval_text(name, number)
    return str(line.record()[name])


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


# ---- LaTeX ----


def as_latex(lines: Sequence[RowSummary], results: Results) -> str:
    """The columns of ``HEADINGS``, a part per environment."""
    parts = {line.row.env_id: list[list[str]]() for line in lines}
    for line in lines:
        parts[line.row.env_id].append([row_name(line.row), *(_cell(line, name) for name in HEADINGS)])
    return booktabs(_caption(lines, results), ["Variant", *HEADINGS.values()], list(parts.items()))


def _caption(lines: Sequence[RowSummary], results: Results) -> str:
    intervals = (
        f"Brackets: {LEVEL:.0%} intervals over seeds (percentile bootstrap of the mean; Clopper-Pearson for "
        "shares; Kaplan-Meier medians with log-log intervals for steps to threshold)."
    )
    return f"Study {results.study['name']}: {facts(lines, results)} {intervals}"


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
