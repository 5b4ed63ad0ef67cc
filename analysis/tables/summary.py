"""The tables of a study: the summary here, comparisons, stability, aggregates and effects from their own modules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.findings.summary import FIRST, RowSummary
from analysis.loading import Results
from analysis.metrics import METRICS, WINDOW
from analysis.statistics.intervals import LEVEL, Interval
from analysis.tables.table import booktabs, csv_text, markdown

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
HUGE = 1e6
"""Numbers from here on are told as powers of ten, but for steps and episodes."""


def render(results: Results) -> dict[str, bytes]:
    """The table files of a study by name."""
    from analysis.findings import gather

    found = gather.gather(results)
    files = {
        "summary.csv": as_csv(found.lines),
        "summary.md": as_markdown(found.lines, results),
        "summary.tex": as_latex(found.lines, results),
        **gather.render(found, facts(found.lines, results)),
    }
    return {name: text.encode("utf-8") for name, text in files.items()}


# ---- CSV ----


def as_csv(lines: Sequence[RowSummary]) -> str:
    """Every column; a number that isn't defined is empty."""
    return csv_text([line.record() for line in lines])


# ---- Markdown ----


def as_markdown(lines: Sequence[RowSummary], results: Results) -> str:
    """The columns of ``FIRST``, intervals in their cells, padded so that a terminal shows a table."""
    body = [list(cells(line).values()) for line in lines]
    text = [f"# {results.study['name']}: {results.runs_text()}", ""]
    text += markdown(FIRST, body, {"env_id", "variant"})
    text += ["", *(f"- {note}" for note in notes(lines, results)), ""]
    return "\n".join(text)


def cells(line: RowSummary) -> dict[str, str]:
    """The columns of ``FIRST`` as people read them: numbers short, intervals beside them."""
    return {name: _cell(line, name) for name in FIRST}


def _cell(line: RowSummary, name: str) -> str:
    if name in line.numbers:
        number = line.numbers[name]
        if np.isnan(number.point):
            return line.waits_text.get(name) or "n/a"
        return interval_text(name, number)
    return str(line.record()[name])


def interval_text(name: str, number: Interval) -> str:
    """'412.3 [380.1, 440.2]'; an end that isn't defined is an ellipsis, no interval is left out."""
    point = number_text(name, number.point)
    if np.isnan(number.low) and np.isnan(number.high):
        return point
    ends = ("…" if np.isnan(end) else number_text(name, end) for end in (number.low, number.high))
    return f"{point} [{', '.join(ends)}]"


def number_text(name: str, value: float) -> str:
    """A metric's value with the digits that a reader can use."""
    unit = METRICS[name].unit
    if unit == "share of runs":
        return f"{value:z.2f}"
    if unit in ("environment steps", "episodes"):
        return f"{value:z.0f}"
    if abs(value) >= HUGE:  # what diverged, of which nobody reads twenty digits
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{digits}e{int(power)}" if power else digits
    if abs(value) >= 1000:
        return f"{value:z.0f}"
    if abs(value) >= 10 or value == 0:
        return f"{value:z.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def lowered(title: str) -> str:
    """A metric's title inside a sentence; abbreviations stay."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def notes(lines: Sequence[RowSummary], results: Results) -> list[str]:
    """What a reader must know to read the numbers, and everything that is not in them."""
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
    found += [
        f"{alias['label']} is not run: it trains exactly as {alias['of']}."
        for alias in results.study.get("aliases", [])
    ]
    found += absent(results)
    return found


def budget_text(lines: Sequence[RowSummary]) -> str:
    """'Budget: 50000 environment steps per run.', by environment where they differ."""
    budgets: dict[str, set[int]] = {}
    for line in lines:
        budgets.setdefault(line.row.env_id, set()).add(line.row.budget)
    texts = {env_id: " or ".join(str(b) for b in sorted(found)) for env_id, found in budgets.items()}
    if len(set(texts.values())) == 1:
        return f"Budget: {next(iter(texts.values()))} environment steps per run."
    return "Budget in environment steps per run: " + ", ".join(f"{e} {b}" for e, b in texts.items()) + "."


def absent(results: Results, most: int = 20) -> list[str]:
    """One sentence for each run that doesn't stand or diverged, and for what study.json doesn't list."""
    found = []
    for run in results.runs:
        if run.state == "ok":
            continue
        where = f"{run.env_id}, {run.label}, seed {run.seed}"
        if run.state == "diverged":
            found.append(f"{where}: diverged at step {run.diverged_at}; its series is complete and counts.")
        elif run.state != "missing":
            error = run.manifest.get("error") or {}
            reason = run.reason or ": ".join(str(error[k]) for k in ("type", "message") if error.get(k))
            found.append(f"{where}: {run.state}" + (f" ({reason})" if reason else "") + "; not counted.")
    if len(found) > most:
        found = [*found[:most], f"... and {len(found) - most} more runs that diverged or failed."]
    missing = sum(run.state == "missing" for run in results.runs)
    if missing:
        found.append(f"{missing} of {len(results.runs)} listed runs are missing; nothing stands in for them.")
    if results.unlisted:
        named = ", ".join(results.unlisted[:most])
        more = len(results.unlisted) - most
        rest = f" and {more} more" if more > 0 else ""
        found.append(f"Stored runs that study.json doesn't list, left out: {named}{rest}.")
    return found


# ---- LaTeX ----


def as_latex(lines: Sequence[RowSummary], results: Results) -> str:
    """The columns of ``HEADINGS``, a part per environment."""
    parts = {line.row.env_id: list[list[str]]() for line in lines}
    for line in lines:
        parts[line.row.env_id].append([line.row.name, *(_cell(line, name) for name in HEADINGS)])
    return booktabs(_caption(lines, results), ["Variant", *HEADINGS.values()], list(parts.items()))


def _caption(lines: Sequence[RowSummary], results: Results) -> str:
    intervals = (
        f"Brackets: {LEVEL:.0%} intervals over seeds (percentile bootstrap of the mean; Clopper-Pearson for "
        "shares; Kaplan-Meier medians with log-log intervals for steps to threshold)."
    )
    return f"Study {results.study['name']}: {facts(lines, results)} {intervals}"


def facts(lines: Sequence[RowSummary], results: Results) -> str:
    """What every caption says: n, window, budget, and what doesn't stand."""
    counts = sorted({line.n for line in lines})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    sentences = [
        f"n = {n} seeds per row.",
        f"Window: {WINDOW} episodes; running variance over full windows (ddof 0), averaged over steps.",
        budget_text(lines),
    ]
    if any(run.state != "ok" for run in results.runs):
        sentences.append(f"Of the runs asked for, {results.runs_text()} stand.")
    return " ".join(sentences)
