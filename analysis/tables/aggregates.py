"""Aggregates of normalised scores as text: tables/aggregates, tables/profiles, tables/sample-efficiency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.findings.aggregates import Aggregate
from analysis.findings.evidence import Evidence
from analysis.findings.margins import why_not_normalized
from analysis.findings.normalized import RowCurves
from analysis.findings.scores import EnvironmentScores
from analysis.metrics import METRICS
from analysis.tables.spelling import lowered
from analysis.tables.summary import facts
from analysis.tables.table import Page, Table, recorded

TITLES = {
    "iqm": "IQM",
    "mean": "mean",
    "median": "median",
    "optimality_gap": "optimality gap",
    "improvement": "P(better than baseline)",
}


def page(found: Evidence) -> Page:
    """A table per metric."""
    ones = found.aggregates
    return Page(
        name="aggregates",
        title="aggregates of normalised scores",
        heading="Aggregates of normalised scores",
        records=recorded([_record(one) for one in ones]),
        tables=tables(ones),
        notes=[*notes(ones), *left_out_environments(found.scores)],
        paper=tables(ones),
        caption=f"aggregates. {facts(found.summaries, found.results)} {' '.join(notes(ones))}",
    )


def profiles_page(found: Evidence) -> Page:
    """Performance profiles, for programs alone."""
    return Page("profiles", "", curve_table(found.profiles if found.aggregates else None))


def efficiency_page(found: Evidence) -> Page:
    """Sample-efficiency curves, for programs alone."""
    return Page("sample-efficiency", "", curve_table(found.efficiency if found.aggregates else None))


def _record(one: Aggregate) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "aggregate": one.aggregate,
        "variant": one.label,
        "environments": one.environments,
        "n": one.n,
        "value": one.number.point,
        "low": one.number.low,
        "high": one.number.high,
        "failed": one.failed,
        "at_worst": one.at_worst if one.failed else None,
        "at_best": one.at_best if one.failed else None,
    }


def tables(found: Sequence[Aggregate]) -> list[Table]:
    """A table per metric: a line per row of the study, a column per aggregate."""
    made = []
    for metric in dict.fromkeys(one.metric for one in found):
        here = {(one.label, one.aggregate): one for one in found if one.metric == metric}
        names = list(dict.fromkeys(aggregate for _, aggregate in here))
        body = []
        for label in dict.fromkeys(label for label, _ in here):
            ones = [here.get((label, name)) for name in names]
            body.append([label, str(here[label, names[0]].n), *map(_cell, ones)])
        head = ["variant", "runs", *(TITLES[name] for name in names)]
        made.append(Table(f"{lowered(METRICS[metric].title)}, normalised", head, body))
    return made


def _cell(one: Aggregate | None) -> str:
    if one is None:
        return "-"
    number = one.number
    text = "n/a" if np.isnan(number.point) else f"{number.point:z.2f}"
    if np.isfinite(number.low):
        text += f" [{number.low:z.2f}, {number.high:z.2f}]"
    return f"{text} ({one.at_worst:z.2f} to {one.at_best:z.2f})" if one.failed else text


def notes(found: Sequence[Aggregate]) -> list[str]:
    """Notes on how to read the table."""
    environments = max((one.environments for one in found), default=0)
    return [
        f"Scores: (x - random) / (threshold - random) over {environments} environment"
        f"{'' if environments == 1 else 's'}; 0 is the random policy, 1 the threshold. Runs of all environments are "
        "taken together, at the seeds that all rows have there.",
        "IQM: the 25 % trimmed mean (of ten runs the middle six). Optimality gap: what is missing to the threshold; "
        "smaller is better. Brackets: 95 % stratified percentile bootstrap, the same resampled seeds for all rows.",
        *(
            [
                "P(better than baseline): Mann and Whitney's U over the pairs, ties one half, mean over environments."
            ]
            if any(one.aggregate == "improvement" for one in found)
            else []
        ),
        "Round brackets: if failed runs had scored the worst to the best of any run here.",
    ]


def left_out_environments(found: Sequence[EnvironmentScores]) -> list[str]:
    """Environments that are in no aggregate, each with the reason."""
    reasons = [(scores.env_id, why_not_normalized(scores.environment)) for scores in found]
    return [f"{env_id} is left out of aggregates: {why}." for env_id, why in reasons if why is not None]


def curve_table(found: RowCurves | None) -> Table:
    """Performance profiles or sample-efficiency curves: one line per row and place."""
    if found is None:
        return recorded([])
    return Table(
        "",
        ["variant", found.x, "value", "low", "high"],
        [
            [label, *map(float, (x, found.point[v, g], found.low[v, g], found.high[v, g]))]
            for v, label in enumerate(found.labels)
            for g, x in enumerate(found.at)
        ],
    )
